"""The table of what was measured: a section for each group, written as its rows come."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure import Row
    from peers import Peer

READING = """\
Each row compares one thing that Stead does with the same thing done by another tool. Both were
timed in one run, by turns, as whole commands from start to end (prompts: inside one bash); what
stands here are medians in milliseconds. The milliseconds belong to the machine; the ratio, ours
divided by theirs, is what is held: it must not be above the gate. Both figures of a row are of
the same rounds; a slow tool is asked no more often than it takes to know on which side of its
gate the ratio is. Rows with a goal instead of a peer say how fast a command answers; they fail
nothing. Every tool has a home and caches of its own on one file system, and warm caches where
the row says so.
"""

_TITLE = "# What `nox -s bench` measured"
_HEADER = (
    "| what | Stead | against | theirs | ratio | gate | |",
    "|---|--:|---|--:|--:|--:|---|",
)


@dataclass
class Section:
    """What one group has measured until now."""

    group: str
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """What is not in the table, and why."""
    since: float = field(default_factory=time.monotonic)

    def text(self, tools: Sequence[Peer], *, ended: bool) -> str:
        """Give the section; where its group has not ``ended``, it says so."""
        against = ", ".join(f"{p.name} {p.version}" for p in tools if p.program)
        missing = [f"rows against {p.name}: {p.why}" for p in tools if p.why]
        took = f"{time.monotonic() - self.since:.0f} s"
        facts = [_now() + f"; {took}." if ended else _now() + f"; stopped after {took}."]
        facts += [f"Against {against}."] if against else []
        lines = ["\n".join(facts), "", *_HEADER, *map(line, self.rows)]
        if left_out := missing + self.left_out:
            lines += ["", "Left out:", "", *(f"- {' '.join(one.split())}" for one in left_out)]
        return "\n".join(lines) + "\n"


class Results:
    """The file of all sections. Those of groups that are not measured stay as they are."""

    def __init__(self, path: Path, groups: Sequence[str]) -> None:
        self._path, self._groups = path, groups
        self._sections: dict[str, str] = {}
        if path.is_file():
            for section in path.read_text("utf-8").split("\n## ")[1:]:
                name, _, text = section.partition("\n")
                self._sections[name] = text.strip("\n") + "\n"

    def put(self, group: str, text: str) -> None:
        """Replace a group's section, and write the file."""
        self._sections[group] = text
        parts = [f"{_TITLE}\n\n{READING}"]
        parts += [f"## {g}\n\n{self._sections[g]}" for g in self._groups if g in self._sections]
        partial = self._path.with_suffix(".part")
        partial.write_text("\n".join(parts), "utf-8")
        partial.replace(self._path)


def line(row: Row) -> str:
    """Give a row as a line of the table."""
    if row.counts:
        cells = [f"{row.ours:g}", row.peer_name, "", "", f"{row.gate:g}"]
    elif row.limit:
        cells = [_ms(row.ours), "goal", f"≤ {row.gate:g} ms", "", ""]
    else:
        cells = [
            _ms(row.ours), row.peer_name, _ms(row.peer), f"{row.ratio:.2f}", f"≤ {row.gate:g}"
        ]  # fmt: skip
    held = "holds" if row.holds else "missed" if row.limit else "**fails**"
    return "| " + " | ".join([row.name, *cells, held]) + " |"


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _now() -> str:
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{time.strftime('%Y-%m-%d', time.gmtime())}: {_machine()}; load {load}"


@cache
def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    pretty = next(
        (
            x.partition("=")[2].strip('"')
            for x in _lines("/etc/os-release")
            if x.startswith("PRETTY")
        ),
        "",
    )
    shell = subprocess.run(["bash", "--version"], capture_output=True, text=True, check=False)
    bash = shell.stdout.partition("version ")[2].split("(")[0]
    return (
        f"{os.cpu_count()} × {model}, {pretty or platform.system()}, Linux "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}, bash {bash}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []

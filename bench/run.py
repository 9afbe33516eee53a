"""Measure Stead against its peers, and write the table.

    python bench/run.py            everything; writes bench/RESULTS.md
    python bench/run.py --quick    few repetitions; prints the table only
    python bench/run.py --only start,prompt

Ends with 1 when a ratio does not hold, with 2 when a measurement fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import rows_build
import rows_config
import rows_dotenv
import rows_history
import rows_matrix
import rows_project
import rows_prompt
import rows_read
import rows_start
import rows_typed
from measure import BenchError
from world import make_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Row
    from world import World

RESULTS = Path(__file__).with_name("RESULTS.md")

GROUPS: dict[str, Callable[[World], list[Row]]] = {
    "start": rows_start.rows,
    "pypi": rows_build.pypi_rows,
    "read": rows_read.answer_rows,
    "growth": rows_read.growth_rows,
    "conda": rows_build.conda_rows,
    "prompt": rows_prompt.rows,
    "typed": rows_typed.rows,
    "config": rows_config.rows,
    "dotenv": rows_dotenv.rows,
    "history": rows_history.rows,
    "project": rows_project.rows,
    "matrix": rows_matrix.rows,
}
"""What is measured, in the order of the table."""

READING = """\
Each row compares one thing that Stead does with the same thing done by another tool. Both were
timed in one run, by turns, as whole commands from start to end (prompts: inside one bash); what
stands here are medians in milliseconds. The milliseconds belong to the machine; the ratio, ours
divided by theirs, is what is held: it must not be above the gate. Rows with a goal instead of a
peer say how fast a command answers; they fail nothing. Every tool has a home and caches of its
own on one file system, and warm caches where the row says so.
"""


def main() -> int:
    """Measure, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few repetitions; writes nothing")
    parser.add_argument("--only", metavar="GROUPS", help=f"some of {', '.join(GROUPS)}")
    args = parser.parse_args()
    chosen = args.only.split(",") if args.only else list(GROUPS)
    if unknown := [c for c in chosen if c not in GROUPS]:
        parser.error(f"no group {unknown[0]}; there are {', '.join(GROUPS)}")
    began = time.monotonic()
    found: list[Row] = []
    failed = []
    with make_world(quick=args.quick) as world:
        for peer in world.tools.values():
            if peer.why:
                world.left_out.append(f"rows against {peer.name}: {peer.why}")
        for name in chosen:
            since = time.monotonic()
            try:
                found += GROUPS[name](world)
            except BenchError as exc:
                failed.append(f"{name}: {exc}")
            print(f"{name}: {time.monotonic() - since:.0f} s", file=sys.stderr)
        versions = ", ".join(f"{p.name} {p.version}" for p in world.tools.values() if p.program)
        left_out = [*world.left_out, *(f"rows of {f}" for f in failed)]
    seconds = time.monotonic() - began
    text = _text(found, left_out, f"{_machine()}. Against {versions}. {seconds:.0f} s in all.")
    print(text)
    if not (args.quick or args.only or failed):
        RESULTS.write_text(text, "utf-8")
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 2 if failed else int(not all(row.holds or row.limit for row in found))


def _text(found: list[Row], left_out: list[str], facts: str) -> str:
    lines = ["# What `nox -s bench` measured", "", READING, facts, ""]
    lines += [
        "| what | Stead | against | theirs | ratio | gate | |",
        "|---|--:|---|--:|--:|--:|---|",
    ]
    for row in found:
        if row.counts:
            cells = [f"{row.ours:g}", row.peer_name, "", "", f"{row.gate:g}"]
        elif row.limit:
            cells = [_ms(row.ours), "goal", f"≤ {row.gate:g} ms", "", ""]
        else:
            cells = [
                _ms(row.ours), row.peer_name, _ms(row.peer), f"{row.ratio:.2f}", f"≤ {row.gate:g}"
            ]  # fmt: skip
        held = "holds" if row.holds else "missed" if row.limit else "**fails**"
        lines.append("| " + " | ".join([row.name, *cells, held]) + " |")
    if left_out:
        lines += ["", "Left out:", "", *(f"- {' '.join(line.split())}" for line in left_out)]
    return "\n".join(lines) + "\n"


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


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
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    shell = subprocess.run(["bash", "--version"], capture_output=True, text=True, check=False)
    bash = shell.stdout.partition("version ")[2].split("(")[0]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return (
        f"{day}: {os.cpu_count()} × {model}, {pretty or platform.system()}, Linux "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}, bash {bash}; "
        f"load at the end {load}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # rattler's threads can crash an interpreter that shuts down.
    os._exit(code)

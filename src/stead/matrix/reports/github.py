"""Annotations and the job summary of GitHub Actions."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.matrix.reports import logs, summary, text
from stead.values.durations import duration
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stead.matrix.reports.facts import About
    from stead.values.suite import Result, Status

MOST = 10
"""Annotations of one kind that the service shows for a step; more are dropped silently."""

SUMMARY_BYTES = 1 << 20
"""What the service takes of a step's summary; of a longer one it takes nothing."""

_SYMBOLS: dict[Status, str] = {
    "passed": "✅",
    "flaky": "⚠️",
    "skipped": "⏭️",
    "interrupted": "⏹️",
    "timeout": "⌛",
    "failed": "❌",
}

_PLACE = regex(
    r"^(?P<file>[^\s:][^:\n]*\.py):(?P<line>[1-9]\d*): (?P<what>\w[\w.]*)[ \t]*$", re.MULTILINE
)
"""Where pytest says that a test failed: ``tests/test_a.py:3: AssertionError``."""


def data(value: str) -> str:
    """Escape the message of a workflow command."""
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def attribute(value: str) -> str:
    """Escape an attribute of a workflow command."""
    return data(value).replace(":", "%3A").replace(",", "%2C")


def commands(results: Iterable[Result], about: About) -> list[str]:
    """Give workflow commands that name what failed: errors, and warnings for flaky cells.

    The place is that of the test, where the output names one in the project, else that
    of the environment's definition.
    """
    errors: list[str] = []
    warnings: list[str] = []
    for one in summary.cells(results):
        if one.status not in summary.GOOD:
            errors += _errors(one, about)
        elif one.status == "flaky":
            message = f"{summary.title(one)} is flaky: {summary.remark(one)}"
            warnings.append(_command("warning", message, summary.title(one), _defined(one, about)))
    return [*_first(errors, "error"), *_first(warnings, "warning")]


def _first(given: list[str], word: str) -> list[str]:
    """Keep to what the service shows, and let the last one say how many are missing."""
    if len(given) <= MOST:
        return given
    left = len(given) - MOST + 1
    return [*given[: MOST - 1], f"::{word}::{left} more: see the log's end"]


def _errors(one: Result, about: About) -> Iterator[str]:
    title = summary.title(one)
    why = summary.remark(one)
    message = f"{title} {one.status}{f': {why}' if why else ''}"
    places = list(_places(one, about))
    for file, line, what in places:
        yield _command("error", f"{what} in {title}", title, (file, line))
    if not places:
        yield _command("error", message, title, _defined(one, about))


def _places(one: Result, about: About) -> Iterator[tuple[str, int, str]]:
    said = text.page(logs.tail(one.log, 1 << 18).text)
    found = dict.fromkeys((m["file"], int(m["line"]), m["what"]) for m in _PLACE.finditer(said))
    for file, line, what in found:
        inside = _inside(file, about.root)
        if inside and os.path.isfile(os.path.join(about.root, inside)):
            yield inside, line, what


def _defined(one: Result, about: About) -> tuple[str, int]:
    origin = about.origins.get(one.environment or one.job)
    if origin is not None and origin.file:
        return _inside(origin.file, about.root) or origin.file, origin.line
    return about.file, 0


def _inside(file: str, root: str) -> str:
    """Give a path relative to the project, with ``/``; empty for one that is outside of it."""
    if not root:
        return ""
    relative = os.path.relpath(os.path.join(root, file), root).replace(os.sep, "/")
    return "" if relative.startswith("../") or relative == ".." else relative


def _command(word: str, message: str, title: str, place: tuple[str, int]) -> str:
    file, line = place
    given = [("file", file), ("line", str(line) if line else ""), ("title", title)]
    said = ",".join(f"{name}={attribute(text.one_line(value))}" for name, value in given if value)
    return f"::{word} {said}::{data(text.page(message))}"


def job_summary(results: Iterable[Result], about: About) -> str:
    """Write the summary of a job in Markdown: totals, and a table of the cells."""
    listed = list(results)
    shown = sorted(
        summary.cells(listed), key=lambda r: summary.STATUSES.index(r.status), reverse=True
    )
    lines = [
        f"### {_cell(about.name or 'Tests')}: {summary.totals(listed, about.seconds)}",
        "",
        "| | what | time | |",
        "|---|---|--:|---|",
    ]
    for one in shown:
        took = duration(one.seconds) if one.seconds else ""
        lines.append(
            f"| {_SYMBOLS[one.status]} {one.status} | {_cell(summary.title(one))} "
            f"| {took} | {_cell(summary.remark(one))} |"
        )
    lines += ["", *map(_cell, summary.made(listed))]
    return _bounded(lines)


def _bounded(lines: list[str]) -> str:
    kept: list[str] = []
    size = 200
    for at, line in enumerate(lines):
        size += len(line.encode()) + 1
        if size > SUMMARY_BYTES:
            return "\n".join([*kept, "", f"{len(lines) - at} lines more did not fit."]) + "\n"
        kept.append(line)
    return "\n".join(kept).rstrip("\n") + "\n"


def _cell(value: str) -> str:
    """Escape text for a cell of a Markdown table, where it may be HTML too."""
    return text.xml(re.sub(r"([\\`*_\[\]|~#!$@])", r"\\\1", text.one_line(value)))

"""Results in a table: what passed, what did not and why, what was there already."""

from __future__ import annotations

import shlex

from stead.matrix.reports import text
from stead.values.durations import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.values.suite import CommandResult, Result, Status

STATUSES: tuple[Status, ...] = ("passed", "flaky", "skipped", "interrupted", "timeout", "failed")
"""In the order of the table: what needs attention stands last, where the eye is."""

GOOD: frozenset[Status] = frozenset(("passed", "flaky", "skipped"))
"""What does not make the run fail."""

COLOURS: dict[Status, str] = {
    "passed": "32",
    "flaky": "33",
    "skipped": "2",
    "interrupted": "33",
    "timeout": "31",
    "failed": "31",
}

KINDS = {"build": "package", "environment": "environment"}
_COMMAND = 120


def counts(results: Iterable[Result]) -> dict[Status, int]:
    """Count by status; those that are not there are left out."""
    found = [one.status for one in results]
    return {status: found.count(status) for status in STATUSES if status in found}


def cells(results: Iterable[Result]) -> tuple[Result, ...]:
    """Give what reports count: cells, and builds and environments that could not be made."""
    return tuple(r for r in results if r.kind == "cell" or r.status not in GOOD)


def title(result: Result) -> str:
    """Name a job: cells by their label, the others with what they are."""
    return f"{KINDS[result.kind]} {result.job}" if result.kind in KINDS else result.job


def remark(result: Result) -> str:
    """Say why: the reason given, else the command that failed, and how often it was tried."""
    parts = []
    if result.status == "flaky":
        parts.append(f"passed at attempt {result.attempts}")
    elif result.attempts > 1:
        parts.append(f"{result.attempts} attempts")
    if result.reason and result.reason not in parts:
        parts.append(result.reason)
    elif result.status == "failed" and (failed := failed_command(result)):
        parts.append(f"{_code(failed.code)}: {command(failed)}")
    elif result.reused:
        parts.append("nothing has changed")
    return text.one_line("; ".join(parts))


def command(ran: CommandResult) -> str:
    """Write a command as it would be typed, cut to what a line holds."""
    return text.cut(text.one_line(shlex.join(ran.arguments)), _COMMAND)


def failed_command(result: Result) -> CommandResult | None:
    """Give the last command that failed and mattered."""
    return next((c for c in reversed(result.commands) if c.code and not c.ignored), None)


def _code(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    import signal

    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def totals(results: Iterable[Result], seconds: float) -> str:
    """Give the last line: ``3 passed, 1 failed in 12 s``."""
    found = counts(r for r in results if r.kind == "cell")
    said = ", ".join(f"{number} {status}" for status, number in found.items())
    return f"{said or 'nothing to run'} in {duration(seconds)}"


def made(results: Iterable[Result]) -> list[str]:
    """Say which packages were built and how many environments made, in a line each."""
    listed = list(results)
    built = [r for r in listed if r.kind == "build" and r.status in GOOD]
    lines = []
    if built:
        said = ", ".join(
            f"{r.job} reused" if r.reused else f"{r.job} built in {duration(r.seconds)}"
            for r in built
        )
        lines.append(f"packages: {said}")
    kept = [r.reused for r in listed if r.kind == "environment" and r.status in GOOD]
    if kept:
        numbers = [(kept.count(False), "made"), (kept.count(True), "there already")]
        lines.append("environments: " + ", ".join(f"{n} {word}" for n, word in numbers if n))
    return lines


def table(
    results: Sequence[Result],
    seconds: float,
    *,
    width: int | None = None,
    colour: bool = False,
) -> list[str]:
    """Give the lines of the summary; none is wider than ``width``, if it is given."""
    shown = sorted(cells(results), key=lambda r: STATUSES.index(r.status))
    titles = [text.one_line(title(r)) for r in shown]
    status_width = max((len(r.status) for r in shown), default=0)
    label_width = max(map(text.columns, titles), default=0)
    times = [duration(one.seconds) if one.seconds else "" for one in shown]
    time_width = max(map(len, times), default=0)
    if width is not None:
        label_width = min(label_width, max(8, width - status_width - time_width - 4))
    lines = []
    for one, name, took in zip(shown, titles, times, strict=True):
        row = f"{one.status:<{status_width}}  {text.pad(name, label_width)}  {took:>{time_width}}  {remark(one)}"
        row = text.cut(row.rstrip(), width)
        paint = colour and row.startswith(one.status)
        lines.append(painted(one.status, one.status) + row[len(one.status) :] if paint else row)
    first = [text.cut(line, width) for line in made(results)]
    return [*first, *lines, text.cut(totals(results, seconds), width)]


def painted(shown: str, status: Status) -> str:
    """Colour text for a status, in the terminal's own colours."""
    return f"\x1b[{COLOURS[status]}m{shown}\x1b[0m"

"""The part of `stead test` that runs: what is shown meanwhile, and what is left behind."""

from __future__ import annotations

import os
import sys

from stead import __version__
from stead.cli import runner
from stead.matrix import describe, limits
from stead.matrix.execute import Manner, execute, passed
from stead.matrix.results import Results
from stead.matrix.running import Stop
from stead.values.errors import TaskError, UsageError
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from stead.cli.app import App
    from stead.matrix.asking import Asked
    from stead.matrix.plan import Plan
    from stead.matrix.reports import About
    from stead.values.suite import Result, Suite

FAILED = 1
_OF_SIGNAL = 128


def run(args: argparse.Namespace, app: App, question: Asked) -> int:
    """Run what is asked for; gives the exit code."""
    suite = describe.suite(question, app.context)
    plan = describe.plan(suite, question)
    for note in suite.notes:
        app.err(f"{note.origin}: {note.message}" + (f" → {note.remedy}" if note.remedy else ""))
    if not plan.cells:
        raise UsageError("no environment is chosen", remedy="see `stead test --list`")
    parallel = args.parallel or "1"
    running = sum(1 for cell in plan.cells if not cell.skip)
    bound = limits.limits(
        parallel,
        limits.machine(with_memory=parallel == limits.AUTO),
        running,
        fail_fast=args.fail_fast and not args.keep_going,
    )
    stop = Stop()
    manner = replace(_manner(args, bound), results=Results(app.context.home, suite.root))
    prefixes: list[str] = []
    if args.coverage:
        from stead.matrix import coverage

        manner = replace(
            manner,
            of_cell=lambda label: coverage.prepared(_measured(suite), label),
            made=lambda ready: prefixes.append(ready.prefix),
        )
    results, about = _shown(app, suite, plan, manner, stop)
    _left(args, app, results, about)
    if args.coverage and not stop.level:
        _combine(suite, plan, prefixes, app)
    if stop.level:
        return _OF_SIGNAL + stop.signal if stop.signal else FAILED
    return 0 if passed(results) else FAILED


def _manner(args: argparse.Namespace, bound: limits.Limits) -> Manner:
    columns, rows = _size() if sys.stdout.isatty() else (0, 0)
    return Manner(
        limits=bound,
        timeout=_seconds(args.timeout),
        retries=_number(args.retries),
        recreate=args.recreate,
        no_commands=args.notest,
        columns=columns,
        rows=rows,
        since_success=args.since_success,
    )


def _shown(
    app: App, suite: Suite, plan: Plan, manner: Manner, stop: Stop
) -> tuple[dict[str, Result], About]:
    """Carry the plan out, and show it."""
    from stead.matrix.reports import About, outlet, reporter

    style, where = outlet(
        app.context.environ,
        terminal=sys.stdout.isatty(),
        encoding=sys.stdout.encoding or "utf-8",
        parallel=manner.limits.parallel > 1,
        cells=len(plan.cells),
        size=_size,
    )
    alone = len(plan.cells) == 1 and style == "plain"
    manner = replace(manner, colour=where.colour, asks=alone and _listening())
    about = About(
        root=suite.root,
        file=suite.file,
        name=os.path.basename(suite.root),
        origins={one.name: one.origin for one in suite.environments if one.origin.file},
        started=app.context.now(),
        machine=os.uname().nodename if hasattr(os, "uname") else "",
        version=__version__,
    )

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    shown = reporter(style, write, where, about)
    context = replace(app.context, progress=shown.progress(app.context.progress))
    try:
        # Programs that build and install are not commands of cells, and hear of it here.
        with stop.telling(lambda level: runner.stop_all(hard=level > 1)):
            results = execute(suite, plan, context, manner, shown.event, stop=stop)
    finally:
        shown.stop()
    runner.begin()
    seconds = app.context.now() - about.started
    shown.finish(results.values(), seconds)
    return results, replace(about, seconds=seconds)


def _measured(suite: Suite) -> str:
    return os.path.join(suite.work_directory, "coverage")


def _combine(suite: Suite, plan: Plan, prefixes: Sequence[str], app: App) -> None:
    """Put the coverage data of all cells into one file, and show what it comes to."""
    from stead.matrix import coverage

    files = coverage.measured(_measured(suite), [cell.label for cell in plan.cells])
    python = coverage.interpreter(prefixes)
    if not python:
        raise TaskError(
            "no environment that ran has coverage", where=suite.file, remedy="ask for it in one"
        )
    made = coverage.combine(files, suite.root, python, app.context)
    for note in made.notes:
        app.err(note)
    app.out(f"coverage of {made.measured} files: {os.path.relpath(made.file, app.cwd)}")


def _left(args: argparse.Namespace, app: App, results: Mapping[str, Result], about: About) -> None:
    """Write the files that were asked for."""
    from stead.matrix.reports import files

    def path(name: str | None) -> str:
        return os.path.join(app.cwd, name) if name else ""

    wanted = files.Files(
        junit=path(args.junit),
        html=path(args.report),
        json=path(args.report_json),
        job_summary=app.context.environ.get("GITHUB_STEP_SUMMARY", ""),
    )
    if wanted:
        from stead.matrix.sources import wrote

        wrote(files.write(wanted, results.values(), about), about.root, app.context)


def _listening() -> bool:
    """Say whether a person is there to answer, and this process is the one she talks to."""
    if not (hasattr(os, "tcgetpgrp") and sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def _size() -> tuple[int, int]:
    """Give columns and rows of the terminal, asked anew each time: people resize it."""
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return (80, 24)
    return size.columns, size.lines


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    from stead.config.faults import TypeFault
    from stead.config.quantities import nanoseconds

    try:
        return nanoseconds(f"{text}s" if text.replace(".", "", 1).isdigit() else text) / 1e9
    except (TypeFault, ValueError) as exc:
        raise UsageError(
            f"--timeout: {text!r} is no time: {exc}", remedy="give 90s or 10min"
        ) from exc


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--retries: {text!r} is no number", remedy="give 0 or more")
    return int(text)

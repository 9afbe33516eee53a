"""`stead gc`: remove builds that nothing uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import SteadError, StoreError, UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.store.gc import Report
    from stead.store.layout import Layout

HELP = """\
Remove builds that nothing uses: no place, no pin, no link, no running process, and
none of an environment's last 10 generations or those of the last 30 days.

What was interrupted is tidied up too, and records of directories that have been
gone for 30 days, and checkouts of git modules that no place's lock names. Of deploys,
what was of no use for 30 days goes, and what belongs to containers that are gone.
Nothing outside Stead's own directory is touched."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])\Z")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.add_argument(
        "--older-than",
        metavar="TIME",
        help="keep builds that were asked for within TIME (30d, 12h, 2w); "
        "also how long a missing directory's record is kept",
    )
    parser.add_argument(
        "--keep", metavar="BUILD", action="append", default=[], help="keep this build as well"
    )
    parser.add_argument(
        "--caches", action="store_true", help="also remove cached packages that no build shares"
    )
    parser.add_argument(
        "--no-history",
        action="store_true",
        help="also remove builds that only generations need, unless pinned; going back there "
        "builds again",
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.store.gc import GRACE, collect
    from stead.store.journal import recover
    from stead.store.layout import Layout

    layout = Layout(app.context.home)
    try:
        for line in recover(layout, app.context.progress.note):
            app.err(line)
    except StoreError as exc:
        # A full disk must not keep from freeing space; the next command tries again.
        app.err(f"an interrupted change cannot be finished yet: {exc}")
    age = None if args.older_than is None else seconds(args.older_than)
    report = collect(
        layout,
        now=app.context.now(),
        dry_run=args.dry_run,
        older_than=age or 0.0,
        grace=GRACE if age is None else age,
        keep=frozenset(args.keep),
        caches=args.caches,
        history=not args.no_history,
        note=app.context.progress.note,
    )
    report = _with_modules(report, layout, app, args, age)
    report = _with_deployments(report, layout, app, args, GRACE if age is None else age)
    if args.json:
        app.out_json(
            {
                "dry_run": args.dry_run,
                "bytes": report.bytes,
                "removed": report.removed,
                "kept": report.kept,
            }
        )
        return 0
    for item in report.removed:
        app.out(f"{item.name}  {size(item.bytes)}  {item.kind}: {item.why}".rstrip(": "))
    count = sum(item.kind == "build" for item in report.removed)
    verb = "would be removed" if args.dry_run else "removed"
    noun = "build" if count == 1 else "builds"
    app.out(f"{count} {noun} {verb}, {len(report.kept)} kept; {size(report.bytes)} freed")
    return 0


def _with_modules(
    report: Report, layout: Layout, app: App, args: argparse.Namespace, age: float | None
) -> Report:
    """Collect the checkouts of modules too, now that records of gone places are out of the way."""
    from stead.pipeline.checkouts import checkouts_in_use
    from stead.store import modules, registries

    now = app.context.now()
    old = registries.collect(layout, now=now, dry_run=args.dry_run)
    report = replace(report, removed=(*report.removed, *old))
    try:
        used = checkouts_in_use(layout.home, now=now, history=not args.no_history)
    except SteadError as exc:
        app.err(f"modules stay, for it is not known what uses them: {exc}")
        return report
    recent = modules.RECENT if age is None else age
    gone = modules.collect(layout, used, now=now, recent=recent, dry_run=args.dry_run)
    return replace(report, removed=(*report.removed, *gone))


def _with_deployments(
    report: Report, layout: Layout, app: App, args: argparse.Namespace, grace: float
) -> Report:
    """Collect what deploys from here have left; what runs in containers keeps what is its own."""
    from stead.store import deployments

    def asked(unit: str) -> set[int] | None:
        from stead.deploy.containers.engine import generations

        try:
            return generations(unit, app.context.environ)
        except SteadError as exc:
            app.err(
                f"what containers of {unit} have stays, for it is not known whether any is there: {exc}"
            )
            return None

    gone = deployments.collect(
        layout,
        asked,
        now=app.context.now(),
        grace=grace,
        caches=args.caches,
        dry_run=args.dry_run,
    )
    return replace(report, removed=(*report.removed, *gone))


def seconds(text: str) -> float:
    """Read a duration: a number with ``s``, ``m``, ``h``, ``d`` or ``w``. Raises UsageError."""
    found = _DURATION.match(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no length of time", remedy="write it like 30d, 12h or 2w")
    return float(found[1]) * _UNITS[found[2]]


def size(count: int) -> str:
    """Write a number of bytes for a reader: ``1.4 GB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"

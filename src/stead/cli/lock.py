"""`stead lock`: choose exact packages and write them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.frozen import replace
from stead.values.lock import pin_changes

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.values.lock import LockedEnvironment, Pin

HELP = """Choose exact packages for what the manifests ask, and write stead.lock.

What is locked already stays as it is wherever it still satisfies. Without -e
this locks the default environment and every other one that the lock holds for
this place, on each platform that [workspace] names or the lock holds.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.locking(parser)
    options.reason(parser)
    options.json(parser)
    parser.add_argument(
        "--upgrade",
        nargs="?",
        const="*",
        action="append",
        metavar="NAME",
        help="take NAME afresh (without NAME: everything)",
    )
    parser.add_argument(
        "--platform", action="append", metavar="PLATFORM", help="lock for this platform too"
    )
    parser.add_argument(
        "--exclude-newer", metavar="DATE", help="consider only what was published before this date"
    )
    parser.add_argument("--check", action="store_true", help="the same as --locked")


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import locks

    locked = args.locked or args.check
    app = replace(app, locked=locked, released=locked, target="")
    context = replace(app.context, upgrade=frozenset(args.upgrade or ()))
    before = _pins(app, args.environment)
    if not app.locked:
        app.record_edits(args.environment)
    changes = locks.lock_all(
        app.request(args.environment),
        context,
        named=args.environment is not None,
        platforms=tuple(args.platform or ()),
        exclude_newer=args.exclude_newer or "",
    )
    if not app.locked:
        for environment in {c.now.environment for c in changes}:
            app.record_change(environment)
    if args.json:
        app.out_json(
            [
                {
                    "place": c.now.place,
                    "environment": c.now.environment,
                    "platform": c.now.platform,
                    "changes": c.lines,
                    "packages": [a.id for a in c.now.artifacts],
                }
                for c in changes
            ]
        )
        return 0
    for module in pin_changes(before, _pins(app, args.environment)):
        app.out(str(module))
    for change in changes:
        app.out(_headline(change.now, change.lines))
        for line in change.lines:
            app.out(f"  {line}")
    return 0


def _pins(app: App, environment: str | None) -> list[Pin]:
    from stead.pipeline.using import used

    return [one.pin for one in used(app.request(environment), app.context) if one.pin]


def _headline(locked: LockedEnvironment, lines: tuple[str, ...]) -> str:
    where = "" if locked.place == "." else f"{locked.place} "
    count = len(locked.artifacts)
    state = "changed" if lines else "unchanged"
    packages = "package" if count == 1 else "packages"
    return f"{where}{locked.environment} on {locked.platform}: {count} {packages}, {state}"

"""`stead store`: check the store, and say what it holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.gc import size
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from stead.cli.app import App
    from stead.store.layout import Layout

HELP = "Check the store, and say what it holds and where it is."


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify",
        help="compare every byte of the builds with what was recorded",
        description="Compare every byte of the builds with what was recorded. "
        "Ends with 1 when something is not as it was made and stays so.",
        allow_abbrev=False,
    )
    verify.add_argument("builds", nargs="*", metavar="BUILD", help="name, key or path; else all")
    verify.add_argument(
        "--repair", action="store_true", help="set damaged builds aside, to be made again"
    )
    options.json(verify)
    usage = actions.add_parser(
        "usage",
        help="say how many bytes builds and caches take",
        description="Say how many bytes builds and caches take; shared files count once.",
        allow_abbrev=False,
    )
    options.json(usage)
    path = actions.add_parser(
        "path",
        help="print where the store is",
        description="Print where the store is.",
        allow_abbrev=False,
    )
    options.json(path)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.store.layout import Layout

    layout = Layout(app.context.home)
    if args.action == "verify":
        return _verify(args, app, layout)
    if args.action == "usage":
        return _usage(args, app, layout)
    if args.json:
        app.out_json(
            {
                "home": os.fspath(layout.home),
                "store": os.fspath(layout.store),
                "packages": os.fspath(layout.packages),
            }
        )
    else:
        app.out(os.fspath(layout.store))
    return 0


def _verify(args: argparse.Namespace, app: App, layout: Layout) -> int:
    from stead.store.layout import build_names
    from stead.store.verify import Repair, repair, verify

    names = _chosen(args.builds, build_names(layout))
    findings = verify(layout, [layout.store / name for name in names], app.context.progress)
    done = Repair()
    if findings and args.repair:
        done = repair(layout, findings, app.context.progress.note)
    if args.json:
        app.out_json(
            {
                "builds": names,
                "findings": findings,
                "aside": [{"build": a, "now": b} for a, b in done.aside],
                "dropped": done.dropped,
            }
        )
    else:
        for finding in findings:
            app.out(str(finding))
        for name, aside in done.aside:
            app.out(f"{name} was set aside as {aside}; it is made again when it is used")
        for entry in done.dropped:
            app.out(f"{entry} was dropped from the cache; it is fetched again when it is needed")
        noun = "build" if len(names) == 1 else "builds"
        app.out(f"{len(names)} {noun} verified, {len(findings)} findings")
    if findings and not args.repair:
        app.err("`stead store verify --repair` sets damaged builds aside, to be made again")
        return 1
    return 0


def _chosen(wanted: Sequence[str], names: list[str]) -> list[str]:
    """Give the builds that are meant by names, keys or paths. Raises UsageError."""
    if not wanted:
        return names
    chosen = []
    for word in wanted:
        name = Path(os.path.abspath(word)).name if os.sep in word else word
        matches = [n for n in names if n == name or n.partition("-")[0] == name]
        if not matches:
            raise UsageError(
                f"no build {word!r} in the store", remedy="`stead store usage` lists them"
            )
        chosen += [n for n in matches if n not in chosen]
    return chosen


def _usage(args: argparse.Namespace, app: App, layout: Layout) -> int:
    from stead.store.gc import GRACE
    from stead.store.roots import find_roots
    from stead.store.usage import usage

    roots = find_roots(layout, now=app.context.now(), grace=GRACE)
    used = usage(layout, roots)
    if args.json:
        app.out_json(
            {
                "home": os.fspath(layout.home),
                "bytes": used.bytes,
                "builds": used.builds,
                "parts": [{"name": name, "bytes": count} for name, count in used.parts],
            }
        )
        return 0
    for build in used.builds:
        users = ", ".join(build.users) or "unused"
        app.out(f"{size(build.bytes):>9}  {size(build.own):>9} own  {build.name}  {users}")
    if used.builds:
        app.out()
    for name, count in used.parts:
        app.out(f"{size(count):>9}  {name}")
    app.out(f"{size(used.bytes):>9}  in all, {layout.home}")
    return 0

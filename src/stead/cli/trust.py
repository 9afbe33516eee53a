"""`stead trust`: agree to what a place holds now, so that the hook and builds may use it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import TrustError, UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from stead.cli.app import App
    from stead.pipeline.meaning import TrustSnapshot
    from stead.pipeline.trust import Verdict
    from stead.values.spec import Spec

HELP = """Let the hook use this place, with just what its files hold now.

Shows in words what the place asks for, or what changed since it was trusted, and
asks. Trust is kept in your own scope, by content: whatever changes later, except
a few harmless variables and Stead's own edits, is shown and asked about again.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", nargs="?", metavar="DIR", help="the place (default: this one)")
    options.environment(parser)
    options.json(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="show what it is about, change nothing")
    what.add_argument("--list", action="store_true", help="list all trusted places")
    what.add_argument("--revoke", action="store_true", help="take trust back")


def execute(args: argparse.Namespace, app: App) -> int:
    if args.list:
        return _list(args, app)
    if args.place is not None:
        directory = os.path.normpath(os.path.join(app.cwd, args.place))
        if args.revoke:
            return _revoke(directory, app)
        if not os.path.isdir(directory):
            raise UsageError(f"there is no directory {directory}", remedy="correct the path")
        app = replace(app, cwd=directory)
    if not args.show:
        app.refuse_inside("trust")
    if args.revoke:
        return _revoke(_place_of(app), app)
    return _trust(args, app)


def _trust(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import trust
    from stead.pipeline.keep import all_participants, snapshot_of

    request = app.request(args.environment)
    spec = app.spec(args.environment)
    files = all_participants(request, app.context)
    snapshot = snapshot_of(request, app.context)
    verdict = trust.judge(spec.place, files, app.context, lambda: snapshot)
    if args.json:
        agreed = args.yes and not args.show
        app.out_json(
            {
                "place": spec.place,
                "state": "trusted" if agreed else verdict.state,
                "by": verdict.by,
                "changes": [{"text": m.text, "harmless": m.harmless} for m in verdict.meanings],
                "files": sorted(os.path.relpath(f, spec.place) for f in files),
            }
        )
        if args.show or not args.yes:
            return 0
    else:
        _show(app, spec, verdict, snapshot, files)
    if args.show:
        return 0
    if verdict.trusted and verdict.by != "settings":
        # Another environment's own files may be new to the record.
        trust.grant(spec.place, files, app.context, snapshot)
        return 0
    if not args.yes and not _agreed(app, spec.place):
        app.err("stead: nothing changed")
        return 1
    trust.grant(spec.place, files, app.context, snapshot)
    app.err(f"stead: {spec.place} is trusted")
    return 0


def _show(
    app: App, spec: Spec, verdict: Verdict, snapshot: TrustSnapshot, files: Iterable[str]
) -> None:
    from stead.pipeline.meaning import meanings

    place = spec.place
    if verdict.trusted:
        why = {
            "record": "you trusted just this content",
            "settings": "your own configuration names a directory it lies in",
            "harmless change": "only harmless things changed since you trusted it",
        }
        app.out(f"{place} is trusted: {why.get(verdict.by, '')}")
        return
    if verdict.state == "changed":
        app.out(f"{place} changed since you trusted it. Now it")
        listed = list(verdict.meanings)
    else:
        app.out(f"{place} is not trusted. It")
        listed = meanings(snapshot)
    defined = spec.configuration.definitions
    values = {d.name: d.value for d in defined if d.value is not None and d.rank != ".env"}
    for meaning in listed:
        value = values.get(meaning.name) if meaning.kind == "variable" else None
        app.out(_clean(f"  - {meaning.text}" + (f": {value}" if value is not None else "")))
    if not listed:
        app.out("  - asks for nothing")
    app.out("Files that take part:")
    for file in sorted(files):
        app.out(f"  {_clean(os.path.relpath(file, place))}")
    sys.stdout.flush()  # what is said next goes to standard error


def _agreed(app: App, place: str) -> bool:
    if not app.interactive:
        raise TrustError(
            f"{place} is not trusted, and there is no terminal to ask on",
            remedy="look at it with `stead trust --show`, then say `stead trust --yes`",
        )
    print(f"Trust {place}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _list(args: argparse.Namespace, app: App) -> int:
    from stead.store import trust

    records = trust.records(app.context.home)
    settings = trust.read_settings(app.context.environ)
    if args.json:
        app.out_json(
            {
                "places": [{"place": r.place, "granted": r.granted} for r in records],
                "paths": list(settings.paths),
            }
        )
        return 0
    for record in records:
        app.out(_clean(record.place))
    for path in settings.paths:
        app.out(f"{_clean(path)} and all below ({trust.settings_file(app.context.environ)})")
    return 0


def _revoke(place: str, app: App) -> int:
    from stead.pipeline import trust
    from stead.store import trust as store

    had = trust.revoke(place, app.context)
    if store.read_settings(app.context.environ).admits(place):
        raise TrustError(
            f"{place} stays trusted by your configuration",
            where=store.settings_file(app.context.environ),
            remedy="take the directory out of `trust.paths` there",
        )
    app.err(f"stead: {place} is trusted no more" if had else f"stead: {place} was not trusted")
    return 0


def _place_of(app: App) -> str:
    """Give the place to revoke, even where its manifests cannot be read any more."""
    from stead.store import trust

    directory = app.cwd
    while True:
        if trust.read(app.context.home, directory) is not None:
            return directory
        parent = os.path.dirname(directory)
        if parent == directory:
            return app.cwd
        directory = parent


def _clean(text: str) -> str:
    """Make control characters visible: what is asked about must not paint over itself."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

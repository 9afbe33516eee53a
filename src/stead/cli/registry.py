"""`stead registry`: which registries of modules there are, and how one is made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App

HELP = """List the registries that are known, check one, or build one to be served.

A registry is a directory of items, a git repository with such a directory, or what `build` makes of
one: an index and archives that any web server can serve. They stand in [registries] of stead.toml,
or in your own settings; `stead` is the one that comes with Stead.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _action(actions, "list", "list the registries that are known here")
    options.json(listing)
    check = _action(
        actions, "validate", "say everything that is wrong with a registry in a directory"
    )
    check.add_argument(
        "registry_directory", metavar="DIR", help="the registry: a directory of items"
    )
    check.add_argument("--strict", action="store_true", help="let warnings count as mistakes")
    options.json(check)
    build = _action(
        actions, "build", "make an index and archives; versions that are there stay as they are"
    )
    build.add_argument(
        "registry_directory", metavar="DIR", help="the registry: a directory of items"
    )
    build.add_argument("out", metavar="OUT", help="where to: a new directory, or the build before")
    build.add_argument("--name", default="", help="what the index calls it")
    options.json(build)


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
    )
    return made


def execute(args: argparse.Namespace, app: App) -> int:
    if args.action == "list":
        return _list(args, app)
    directory = os.path.normpath(os.path.join(app.cwd, args.registry_directory))
    if args.action == "validate":
        return _validate(args, app, directory)
    return _build(args, app, directory)


def _list(args: argparse.Namespace, app: App) -> int:
    from stead.modules.registry.opening import sources
    from stead.pipeline.discover import discover
    from stead.values.errors import NoPlaceError
    from stead.values.registry import registries_of

    try:
        known = registries_of(discover(app.directory, home=app.user_home).manifests)
    except NoPlaceError:
        known = ()
    there = sources(known, app.context)
    if args.json:
        app.out_json([{"name": s.name, "location": s.location} for s in there])
        return 0
    for source in there:
        app.out(f"{source.name}: {source.location}")
    return 0


def _validate(args: argparse.Namespace, app: App, directory: str) -> int:
    from stead.modules.registry.validate import validate

    names, wrong = validate(directory)
    if args.json:
        app.out_json(
            {
                "items": list(names),
                "mistakes": [
                    {
                        "where": m.where,
                        "message": m.message,
                        "remedy": m.remedy,
                        "warning": m.warning,
                    }
                    for m in wrong
                ],
            }
        )
    else:
        for mistake in wrong:
            app.out(str(mistake))
        count = sum(not m.warning for m in wrong)
        told = f"{count} mistake{'s' * (count != 1)}" if count else "nothing is wrong"
        if warned := len(wrong) - count:
            told += f", {warned} warning{'s' * (warned != 1)}"
        app.out(f"{len(names)} item{'s' * (len(names) != 1)}: {told}")
    return 1 if any(args.strict or not m.warning for m in wrong) else 0


def _build(args: argparse.Namespace, app: App, directory: str) -> int:
    from stead.modules.registry.building import build

    out = os.path.normpath(os.path.join(app.cwd, args.out))
    done = build(directory, out, args.name)
    if args.json:
        app.out_json(
            {
                "added": [{"name": n, "version": v} for n, v in done.added],
                "unchanged": [{"name": n, "version": v} for n, v in done.there],
                "older": done.older,
            }
        )
        return 0
    for name, version in done.added:
        app.out(f"+ {name} {version}")
    app.out(
        f"{len(done.added)} new, {len(done.there)} unchanged, {done.older} older kept in "
        f"{os.path.relpath(out, app.cwd)}"
    )
    return 0

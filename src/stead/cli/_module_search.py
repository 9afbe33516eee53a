"""`stead module search`: look for items in the registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

MORE = "Without WORD, all of them. A word fits an item's name, kind or summary; all must fit."


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.cli._modules import registry

    parser.add_argument("wanted", nargs="*", metavar="WORD", help="what to look for")
    registry(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import project_of, sources
    from stead.modules.registry.opening import ask_all, named

    known = sources(project_of(app), app)
    if args.registry:
        known = (named(known, args.registry),)
    words = [word.casefold() for word in args.wanted]
    there, gone = ask_all(known, lambda source: source.items())
    for error in gone:
        app.err(f"stead: {error}")
    found = [
        (source.name, one)
        for source, items in there
        for one in items
        if all(w in f"{one.name} {one.kind} {one.summary}".casefold() for w in words)
    ]
    if args.json:
        app.out_json(
            {
                "items": [
                    {
                        "name": one.name,
                        "registry": registry,
                        "kind": one.kind,
                        "version": one.version,
                        "versions": one.versions,
                        "summary": one.summary,
                    }
                    for registry, one in found
                ]
            }
        )
        return 0
    width = max((len(one.name) for _, one in found), default=0)
    for registry, one in found:
        app.out(f"{one.name:<{width}}  {one.version}  {registry}  {one.kind}  {one.summary}")
    if not found and not gone:
        app.err("stead: no item fits; `stead module search` without words lists all")
    return 0 if found else 1

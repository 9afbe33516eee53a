"""`stead diff`: what two generations differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Compare two generations: packages, modules, variables, and the lines of manifests.

Without numbers, the latest with the one before it; with one, that with the latest.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", nargs="?", type=int, metavar="A", help="a number of `stead log`")
    parser.add_argument("new", nargs="?", type=int, metavar="B", help="another one")
    options.environment(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli.log import difference_lines
    from stead.history.compare import compare
    from stead.values.errors import StoreError

    history = app.history(args.environment)
    last = history.last()
    if last is None:
        raise StoreError(
            "nothing has been recorded here yet",
            where=history.place,
            remedy="the first change begins the history",
        )
    new = last if args.new is None else history.get(args.new)
    old = history.find(last.number - 1) if args.old is None else history.get(args.old)
    found = compare(history, old, new)
    if args.json:
        app.out_json(found)
        return 0
    for line in difference_lines(found):
        app.out(line)
    if found.empty:
        app.err("no difference")
    return 0

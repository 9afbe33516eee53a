"""`stead diff`: what two generations differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.nearby import visible

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.compare import Difference
    from stead.history.texts import Texts
    from stead.values.generation import Generation

HELP = """Compare two generations: packages, modules, variables, and the lines of manifests.

Without numbers, the latest with the one before it; with one, that with the latest
(where nothing is recorded yet, with what is here).
WHO:NUMBER is one that somebody else has shared, as `stead log` names it. In a
`stead shell`, without numbers: what a commit would change.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", nargs="?", metavar="A", help="a number of `stead log`")
    parser.add_argument("new", nargs="?", metavar="B", help="another one")
    options.environment(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    if app.transaction and args.old is None:
        from stead.history.committing import difference

        return _show(difference(app.transaction, app.request(), app.context), args, app)
    from stead.history.compare import compare
    from stead.history.others import chosen
    from stead.history.restore import latest
    from stead.values.errors import StoreError

    shared = any(":" in (word or "") for word in (args.old, args.new))
    history = app.history(args.environment, shared=shared)
    last = latest(history, app.context)
    if last is None and args.old is None:
        raise StoreError(
            "nothing has been recorded here yet",
            where=history.place,
            remedy="the first change begins the history; `stead log -p --all` shows what others shared",
        )

    def one(word: str | None, otherwise: Generation | None) -> tuple[Texts, Generation | None]:
        return (history, otherwise) if word is None else chosen(word, history, app.context)

    def here() -> tuple[Texts, Generation]:
        from stead.history.standing import present

        return present(app.request_of_place(args.environment), app.context)

    now, new = one(args.new, last) if last or args.new else here()
    was, old = one(args.old, history.find(last.number - 1) if last else None)
    assert new is not None
    return _show(compare(now, old, new, before=was), args, app)


def _show(found: Difference, args: argparse.Namespace, app: App) -> int:
    from stead.cli.log import difference_lines

    if args.json:
        app.out_json(found)
        return 0
    for line in difference_lines(found):
        app.out(visible(line))
    if found.empty:
        app.err("no difference")
    return 0

"""`stead rollback`: go to any generation."""

from __future__ import annotations

from stead.cli import options
from stead.values.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.undo import Went

HELP = """Go to a generation of this directory's environment; `stead undo` comes back.

As with undo, what you edited since stays, and a .env is never touched. A build that
is gone is made again from its lock.

WHO:NUMBER is one that somebody else has shared, as `stead log` names it: its manifests
and lock come here, and are recorded.

In a `stead shell`, `stead rollback to NAME` stages again what a savepoint had.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "to",
        nargs="+",
        metavar="N",
        help="a number of `stead log`, or WHO:NUMBER; or: to NAME, a savepoint",
    )
    options.environment(parser)
    options.reason(parser)
    options.json(parser)
    parser.add_argument("--offline", action="store_true", help="use only what is cached")


def execute(args: argparse.Namespace, app: App) -> int:
    if args.to[0] == "to" and len(args.to) == 2:
        return _to_savepoint(args, app, args.to[1])
    if args.to[0] == "to":
        raise UsageError(
            "which savepoint?" if len(args.to) == 1 else "which one savepoint?",
            remedy=_savepoints(app),
        )
    if len(args.to) != 1:
        raise UsageError(
            f"{' '.join(args.to)!r} names no generation",
            remedy="write a number of `stead log`, WHO:NUMBER, or `to NAME` for a savepoint",
        )
    app.refuse_inside("rollback N")
    word: str = args.to[0]
    history = app.history(args.environment, shared=not word.isdecimal())
    make = app.maker(args.environment)
    if word.isdecimal():
        from stead.history import undo

        went = undo.rollback(history, int(word), app.context, app.cause, make)
        return report(args, app, went)
    from stead.history.bring import bring
    from stead.history.others import named, others

    theirs, target = named(word, others(history.place, history.environment, app.context))
    if not history.newest:
        app.record_edits(args.environment)  # so that `undo` comes back to what is here
    went = bring(history, theirs, target, context=app.context, cause=app.cause, make=make)
    return report(args, app, went)


def _savepoints(app: App) -> str:
    """Say how to go to a savepoint, by the names that there are."""
    from shlex import quote

    known = ", ".join(map(quote, app.inside().state.savepoints))
    if not known:
        return "there are none: `stead savepoint` makes one"
    return f"`stead rollback to NAME`; there are: {known}"


def _to_savepoint(args: argparse.Namespace, app: App, name: str) -> int:
    state = app.inside().rollback_to(name)
    app.staged()
    if args.json:
        app.out_json({"savepoint": name, "operations": [o.words for o in state.operations]})
    else:
        count = len(state.operations)
        app.out(f"as at {name}: {count} staged change{'' if count == 1 else 's'}")
    return 0


def report(args: argparse.Namespace, app: App, went: Went) -> int:
    """Say where an environment went."""
    import os

    from stead.cli.nearby import visible
    from stead.history.who import told

    app.render(went.generation.place, args.environment)
    if args.json:
        app.out_json(
            {
                "generation": went.generation.number,
                "restored": went.target.number,
                "origin": went.target.origin if went.generation.kind == "fetched" else "",
                "files": went.files,
                "merged": went.merged,
                "kept": went.kept,
                "untouched": went.private,
                "notes": went.copies,
            }
        )
        return 0
    fetched = went.generation.kind == "fetched"
    name = went.target.origin if fetched else f"generation {went.target.number}"
    but = ", but for your own changes" if went.kept else ""
    app.out(visible(f"as in {name} ({told(went.target)}){but}"))
    for path in went.files:
        kept = ", your own changes kept" if path in went.kept else ""
        app.out(f"changed {os.path.relpath(path, app.cwd)}{kept}")
    for path in went.kept:
        if path not in went.files:
            app.out(f"{os.path.relpath(path, app.cwd)} stays as it is, your own changes kept")
    for path in went.private:
        app.err(f"{os.path.relpath(path, app.cwd)} stays as it is: no history holds it")
    for line in went.copies:
        app.err(line)
    return 0

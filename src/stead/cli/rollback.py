"""`stead rollback`: go to any generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.undo import Went

HELP = """Go to a generation of this directory's environment; `stead undo` comes back.

As with undo, what you edited since stays, and a .env is never touched. A build that
is gone is made again from its lock.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generation", type=int, metavar="N", help="a number of `stead log`")
    options.environment(parser)
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.history import undo

    history = app.history(args.environment)
    make = app.maker(args.environment)
    return report(args, app, undo.rollback(history, args.generation, app.context, app.cause, make))


def report(args: argparse.Namespace, app: App, went: Went) -> int:
    """Say where an environment went."""
    import os

    from stead.history.who import told

    if args.json:
        app.out_json(
            {
                "generation": went.generation.number,
                "restored": went.target.number,
                "files": went.files,
                "merged": went.merged,
                "untouched": went.private,
                "notes": went.copies,
            }
        )
        return 0
    app.out(f"as in generation {went.target.number} ({told(went.target)})")
    for path in went.files:
        kept = ", your own changes kept" if path in went.merged else ""
        app.out(f"changed {os.path.relpath(path, app.cwd)}{kept}")
    for path in went.private:
        app.err(f"{os.path.relpath(path, app.cwd)} stays as it is: no history holds it")
    for line in went.copies:
        app.err(line)
    return 0

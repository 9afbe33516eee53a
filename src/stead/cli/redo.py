"""`stead redo`: do again what was undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Do again what was last undone in this directory's environment.

Only what was undone, and nothing changed since, can be done again. What you
edited since stays; where both changed the same lines, that is shown and nothing is
written. A .env is never touched.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli.rollback import report
    from stead.history import undo

    history = app.history(args.environment)
    went = undo.redo(history, app.context, app.cause, app.maker(args.environment))
    return report(args, app, went)

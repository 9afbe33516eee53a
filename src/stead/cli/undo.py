"""`stead undo`: take the last change back."""

from __future__ import annotations

import argparse

from stead.cli import options
from stead.values.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.cli.app import App
    from stead.history.undo import Went

HELP = """Take the last change of this directory's environment back.

Going back asks no network: packages and variables are as they were, from the lock and
the build that are there. What you edited since stays; where both changed the same
lines, that is shown and nothing is written. A manifest that you removed comes back,
and nothing else changes. A .env is never touched.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", nargs="*", help=argparse.SUPPRESS)
    options.environment(parser)
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.history.undo import undo

    return go(args, app, undo)


def go(args: argparse.Namespace, app: App, way: Callable[..., Went]) -> int:
    """Take a step in the history, back or forth, and say where that led."""
    from stead.cli.rollback import report

    if args.number:
        raise UsageError(
            f"it goes one step, and takes no {args.number[0]!r}",
            remedy="`stead rollback N` goes to generation N of `stead log`",
        )

    history, make = app.history(args.environment), app.maker(args.environment)
    return report(args, app, way(history, app.context, app.cause, make))

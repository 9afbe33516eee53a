"""`stead redo`: do again what was undone."""

from __future__ import annotations

from stead.cli.undo import configure, go

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

__all__ = ["HELP", "configure", "execute"]

HELP = """Do again what was last undone in this directory's environment.

Only what was undone, and nothing changed since, can be done again. What you
edited since stays; where both changed the same lines, that is shown and nothing is
written. A .env is never touched.
"""


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.history.undo import redo

    return go(args, app, redo)

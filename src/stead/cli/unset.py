"""`stead unset`: take a variable's value away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli.set import change, common, report

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Take variables out: of [vars] of the place's stead.toml, or of its .env.

Of a variable that is declared with a type only the value goes, the declaration
stays. If what is left cannot be composed, nothing is changed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("variable", nargs="+", metavar="NAME")
    common(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import variables

    values = dict.fromkeys(args.variable)
    if args.private:
        edited = variables.change_private(app.request(), app.context, values)
        app.staged()
        return report(args, app, edited)
    return change(args, app, values)

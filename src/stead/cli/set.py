"""`stead set`: give a variable a value."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from stead.cli.app import App
    from stead.pipeline.variables import Edited

HELP = """Give variables values: in [vars] of the place's stead.toml, or in its .env.

A variable that is declared with a type keeps its declaration and gets another
value. With --private the value goes into the place's untracked .env, which git
must not track and which is made readable for you alone; NAME without a value is
then asked for on the terminal without showing it, or read from standard input.
If the result cannot be composed, nothing is changed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("variable", nargs="+", metavar="NAME=VALUE")
    common(parser)


def common(parser: argparse.ArgumentParser) -> None:
    """Declare the options that set and unset share."""
    where = parser.add_mutually_exclusive_group()
    options.layer(parser, where)
    where.add_argument(
        "--private", action="store_true", help="change the place's .env, not its manifest"
    )
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import variables

    values: dict[str, str | None] = {}
    for word in args.variable:
        name, sign, value = word.partition("=")
        if not sign:
            if not args.private:
                raise UsageError(
                    f"{name!r} has no value",
                    remedy=f"write {name}=VALUE; `stead unset {name}` takes it away",
                )
            value = _asked(name)
        values[name] = value
    if args.private:
        edited = variables.change_private(app.request(), app.context, values)
        app.staged()
        return report(args, app, edited)
    return change(args, app, values)


def change(args: argparse.Namespace, app: App, values: Mapping[str, str | None]) -> int:
    """Change variables of the manifest, and record that."""
    from stead.pipeline import variables

    app.record_edits(args.layer or None)
    edited = variables.change(app.changing(args.layer), app.context, values, layer=args.layer)
    app.record_change(args.layer or None)
    return report(args, app, edited)


def report(args: argparse.Namespace, app: App, edited: Edited) -> int:
    """Say what was changed."""
    if args.json:
        app.out_json({"file": edited.file or None, "notes": edited.notes})
        return 0
    if edited.file:
        app.out(app.written(edited.file))
    else:
        app.out("nothing to change")
    for note in edited.notes:
        app.err(note)
    return 0


def _asked(name: str) -> str:
    """Ask for a value that the command line should not hold."""
    from stead.cli.passphrase import ask

    if not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n")
    value = ask(f"{name} (not shown): ")
    if value is None:
        raise UsageError(f"no value for {name}", remedy="type one, or give it on standard input")
    return value

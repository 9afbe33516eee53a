"""`stead savepoint`: give what is staged a name to come back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Give what is staged in a `stead shell` a name: `stead rollback to NAME` comes back to it.

Without a NAME it is s1, s2 and so on.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME")
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from shlex import quote

    from stead.values.errors import UsageError

    if args.name is not None and not args.name.strip():
        raise UsageError(
            "a savepoint needs a name", remedy="write one, or leave it out: s1, s2 and so on"
        )
    name = app.inside().savepoint(args.name or "")
    if args.json:
        app.out_json({"savepoint": name})
    else:
        app.out(f"`stead rollback to {quote(name)}` comes back to this")
    return 0

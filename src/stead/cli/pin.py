"""`stead pin`: keep a generation's build for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Keep a generation's build: `stead gc` never removes it.

Without a pin the builds of the last 10 generations are kept, and of those of the
last 30 days. All generations can be gone back to; the others are built again then.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generation", type=int, metavar="N", help="a number of `stead log`")
    parser.add_argument("--remove", action="store_true", help="take the pin away")
    options.environment(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    history = app.history(args.environment)
    number = args.generation
    if args.remove:
        gone = history.unpin(number)
        app.out(f"generation {number} is {'no longer' if gone else 'not'} pinned")
        return 0
    history.pin(number)
    app.out(f"generation {number} is kept")
    return 0

"""`stead module`: modules whose source is copied into the project, and is yours then."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App

HELP = """Start from modules of a registry, and own their source.

A registry holds items; an item that is added becomes a module: source in this project, which
is yours. A record beside it says where it came from, so that later versions can be merged in.
"""

ACTIONS = {
    "add": "copy an item's source into this project",
    "list": "list the modules of this project",
    "show": "show an item: options, inputs, files",
    "search": "look for items in the registries",
    "diff": "show what was changed in modules, or what upstream has changed",
    "update": "merge later versions of items into modules",
    "outdated": "list the modules that there are later versions of",
    "swap": "replace a module by another one with the same interface",
    "remove": "take a module out of this project",
    "new": "make an item of a registry from a module of one's own",
    "eject": "forget where a module came from",
}
"""What each does; `cli/_module_NAME.py` does it."""


def configure(parser: argparse.ArgumentParser, wanted: str = "") -> None:
    """Declare the actions; where one is ``wanted``, no other need be loaded."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS.items():
        if wanted in ACTIONS and name != wanted:
            continue
        module = _module(name)
        one = actions.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.\n\n{module.MORE}".strip(),
            allow_abbrev=False,
            formatter_class=parser.formatter_class,
        )
        module.configure(one)


def parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Read the command's words: options that `add` and `swap` do not know are the item's."""
    if words[:1] not in (["add"], ["swap"]):
        return parser.parse_args(words)
    kept, answers = _module(words[0]).split(words[1:])
    args = parser.parse_args([words[0], *kept])
    args.answers = answers
    return args


def execute(args: argparse.Namespace, app: App) -> int:
    code: int = _module(args.action).execute(args, app)
    return code


def _module(name: str) -> Any:
    return importlib.import_module(f"stead.cli._module_{name}")

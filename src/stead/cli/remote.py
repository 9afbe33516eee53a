"""`stead remote`: what a store server has, and what it is told to do."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App

HELP = """Work with a store server, which manages and builds environments for a team.

A namespace holds environments; an environment, NAMESPACE/NAME, has builds, of which a completed
one is current. `stead push` hands in what this directory asks for, `stead pull` brings an
environment here.
"""

ACTIONS = {
    "login": "remember a server, and the token by which you ask it",
    "logout": "forget a server and its token",
    "list": "list the servers that are known here",
    "whoami": "say who you are to a server, and what you may do",
    "token": "make a token for somebody else",
    "namespace": "list, create or delete namespaces",
    "env": "list, show, create, describe or delete environments",
    "builds": "list builds, the newest first",
    "log": "print the log of a build",
    "cancel": "cancel a build that has not ended",
    "rollback": "make an earlier build of an environment the current one",
    "delete": "delete builds",
    "settings": "show or change settings of all, a namespace or an environment",
}
"""What each does; a module `cli/_remote_….py` does it."""

_MODULES = {
    "login": "login",
    "logout": "login",
    "list": "login",
    "whoami": "login",
    "token": "token",
    "namespace": "namespace",
    "env": "env",
    "builds": "builds",
    "log": "builds",
    "cancel": "builds",
    "rollback": "rollback",
    "delete": "delete",
    "settings": "settings",
}


def configure(parser: argparse.ArgumentParser, wanted: str = "") -> None:
    """Declare the actions; where one is ``wanted``, no other need be loaded."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS.items():
        if wanted in ACTIONS and name != wanted:
            continue
        module = _module(name)
        more = module.MORE.get(name, "")
        one = actions.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.\n\n{more}".strip(),
            allow_abbrev=False,
            formatter_class=parser.formatter_class,
        )
        module.configure(name, one)


def execute(args: argparse.Namespace, app: App) -> int:
    code: int = _module(args.action).execute(args, app)
    return code


def _module(name: str) -> Any:
    return importlib.import_module(f"stead.cli._remote_{_MODULES[name]}")

"""What commands about store servers share: which one is asked, and what is asked before a loss."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from stead.cli.app import App
    from stead.remote.client import Client
    from stead.values.served import Served


def server(parser: argparse.ArgumentParser) -> None:
    """Declare the option that says which server is asked."""
    parser.add_argument(
        "--server",
        default="",
        metavar="NAME",
        help="the store server: its name here, or its address (default: $STEAD_REMOTE, else the "
        "default one of `stead remote list`)",
    )


def agreeing(parser: argparse.ArgumentParser) -> None:
    """Declare the option that answers the question before something is deleted."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before deleting")


def client_for(args: argparse.Namespace, app: App, *, seconds: float = 0) -> Client:
    """Give what asks the server that a command names. Raises UsageError, RemoteError."""
    from stead.remote import logins
    from stead.remote.client import Client

    environ = app.context.environ
    return Client(logins.choose(args.server, environ), environ, seconds=seconds, waits=app.err)


def agreed(args: argparse.Namespace, app: App, plan: list[str]) -> bool:
    """Show what is going to be gone, and ask. Raises UsageError where there is nobody to ask."""
    if args.yes:
        return True
    for text in plan:
        app.err(text)
    if not app.interactive:
        raise UsageError(
            "this cannot be taken back, and there is no terminal to ask on",
            remedy="say it again with --yes",
        )
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def build_for(client: Client, text: str) -> dict[str, Any]:
    """Give the build that ``NUMBER``, ``NAMESPACE/NAME@NUMBER`` or ``NAMESPACE/NAME`` names.

    Of an environment that is its newest one. Raises UsageError, RemoteError.
    """
    from stead.remote import api
    from stead.values import served

    if "/" not in text:
        return api.build(client, served.build_number(text.removeprefix("@")))
    named = served.parse(text, build=True)
    if named.build:
        return build_of(client, named)
    found = api.newest_build(client, named)
    if found is None:
        raise UsageError(
            f"{named} has no builds", remedy=f"`stead push {named}` asks for the first one"
        )
    return found


def build_of(client: Client, named: Served) -> dict[str, Any]:
    """Give a build, which must be one of the environment that is named with it."""
    from stead.remote import api

    environment = api.environment(client, named)
    found = api.build(client, named.build)
    if found["environment_id"] != environment["id"]:
        raise UsageError(
            f"build {named.build} is not one of {named.namespace}/{named.name}",
            remedy=f"`stead remote builds {named.namespace}/{named.name}` lists those",
        )
    return found


def clean(text: object) -> str:
    """Give what a server says as a terminal may show it."""
    from stead.cli.nearby import visible

    return visible(str(text))


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lay rows out in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{clean(c):<{w}}" for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]

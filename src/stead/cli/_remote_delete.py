"""`stead remote delete`: builds of a store server that nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App
    from stead.remote.client import Client

MORE = {
    "delete": """\
Each BUILD is a number, or NAMESPACE/NAME@NUMBER. One that waits or is being built is canceled first. An
environment whose current build is deleted has none then; its other builds stay, and `stead remote
rollback` makes one of them current. What a quota counts is given back.""",
}


def configure(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "builds", nargs="+", metavar="BUILD", help="a number, or NAMESPACE/NAME@NUMBER"
    )
    common.agreeing(parser)
    common.server(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api

    client = common.client_for(args, app)
    # All are looked up first: a number that means nothing leaves everything as it is.
    found = {one["id"]: one for one in (_build(client, text) for text in args.builds)}
    known = {one["id"]: one for one in api.environments(client)}
    plan = [
        f"on {client.server.address} is going to be deleted for good:",
        *(_told(one, known.get(one["environment_id"])) for one in found.values()),
    ]
    if not common.agreed(args, app, plan):
        return 1
    done: list[dict[str, object]] = []
    try:
        for number in found:
            api.delete_build(client, number)
            done.append({"build": number, "done": "deleted"})
            if not args.json:
                app.out(f"deleted build {number}")
    finally:
        # What is gone is told, though another could not be deleted.
        if args.json and done:
            app.out_json(done)
    return 0


def _build(client: Client, text: str) -> dict[str, Any]:
    from stead.values import served

    if "/" in text and not served.parse(text, build=True).build:
        from stead.values.errors import UsageError

        raise UsageError(
            f"{text!r} does not say which build",
            remedy=f"write its number, as `stead remote builds {text}` shows it; "
            f"`stead remote env delete {text}` deletes them all",
        )
    return common.build_for(client, text)


def _told(one: dict[str, Any], of: dict[str, Any] | None) -> str:
    name = f"{of['namespace']}/{of['name']}" if of else "an environment that is deleted"
    current = ", the current one" if of and of["current_build_id"] == one["id"] else ""
    return common.clean(f"  build {one['id']} of {name}, {one['status']}{current}")

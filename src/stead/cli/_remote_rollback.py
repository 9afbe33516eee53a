"""`stead remote rollback`: an earlier build of an environment becomes the current one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options
from stead.values.errors import UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App
    from stead.remote.client import Client
    from stead.values.served import Served

MORE = {
    "rollback": """\
Without a build that is the newest completed one before the current one. Nothing is built or
deleted: a later build can be made current again in the same way."""
}


def configure(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "environment", metavar="NAMESPACE/NAME[@BUILD]", help="the environment, and which build"
    )
    parser.add_argument("build", nargs="?", default="", metavar="BUILD", help="the build's number")
    common.server(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api
    from stead.values import served

    named = served.parse(args.environment, build=True)
    if args.build:
        if named.build:
            raise UsageError("the build is named twice", remedy=f"leave {args.build} out")
        named = replace(named, build=served.build_number(args.build))
    client = common.client_for(args, app)
    environment = api.environment(client, named)
    found = _wanted(client, named, environment)
    number, status = found["id"], found["status"]
    if status != "COMPLETED":
        raise UsageError(
            f"build {number} cannot become current: it is {common.clean(status)}",
            where=str(replace(named, build=0)),
            remedy=f"`stead remote builds {replace(named, build=0)} --status COMPLETED` lists "
            "those that can",
        )
    before = environment["current_build_id"] or 0
    if number != before:
        api.make_current(client, named, number)
    if args.json:
        name = str(replace(named, build=0))
        app.out_json({"environment": name, "build": number, "before": before})
        return 0
    name = f"{named.namespace}/{named.name}"
    was = f" (before: {before})" if before not in (0, number) else ""
    app.out(
        f"build {number} is current in {name} already"
        if number == before
        else f"build {number} is current in {name} now{was}"
    )
    return 0


def _wanted(client: Client, named: Served, environment: dict[str, Any]) -> dict[str, Any]:
    from stead.remote import api

    if named.build:
        return common.build_of(client, named)
    current = environment["current_build_id"]
    listed = api.builds(client, environment_id=environment["id"], status="COMPLETED")
    earlier = (one for one in listed if current is None or one["id"] < current)
    found = next(earlier, None)
    if found is None:
        raise UsageError(
            f"{named} has no completed build before {current or 'that'}",
            remedy=f"`stead remote builds {named}` lists them all",
        )
    return found

"""`stead remote namespace`: namespaces of a store server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.remote.client import Client

MORE = {"namespace": "What `delete` takes away is gone with all environments and builds in it."}


def configure(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=("list", "create", "delete"), help="what to do")
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="the namespace")
    common.agreeing(parser)
    common.server(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api
    from stead.values import served

    if (args.verb == "list") == bool(args.name):
        raise UsageError(
            "`namespace list` takes no name"
            if args.name
            else f"which namespace is to be {args.verb}d?",
            remedy="write `stead remote namespace list`, or `create NAME`, `delete NAME`",
        )
    if args.name:
        served.checked(args.name, "namespace")
    client = common.client_for(args, app)
    if args.verb == "list":
        return _list(args, app, client)
    if args.verb == "create":
        api.create_namespace(client, args.name)
    else:
        held = list(api.environments(client, args.name))
        some = ", ".join(e["name"] for e in held[:10]) + (", …" if len(held) > 10 else "")
        plan = [f"{args.name} on {client.server.address} is going to be deleted for good"]
        if held:
            plan.append(
                f"with {len(held)} environment{'s' * (len(held) != 1)}: {common.clean(some)}"
            )
        if not common.agreed(args, app, plan):
            return 1
        api.delete_namespace(client, args.name)
    if args.json:
        app.out_json({"namespace": args.name, "done": f"{args.verb}d"})
    else:
        app.out(f"{args.verb}d namespace {args.name}")
    return 0


def _list(args: argparse.Namespace, app: App, client: Client) -> int:
    from stead.remote import api

    held = api.usage(client)
    found = [
        {
            "name": one["name"],
            "environments": held.get(one["name"], {}).get("num_environments", 0),
            "builds": held.get(one["name"], {}).get("num_builds", 0),
            "bytes": held.get(one["name"], {}).get("storage", 0),
        }
        for one in api.namespaces(client)
    ]
    if args.json:
        app.out_json(found)
        return 0
    rows = [("namespace", "environments", "builds", "bytes")]
    rows += [(n["name"], str(n["environments"]), str(n["builds"]), str(n["bytes"])) for n in found]
    for line in common.table(rows):
        app.out(line)
    return 0

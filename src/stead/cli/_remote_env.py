"""`stead remote env`: environments of a store server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import _remote_spec as specs
from stead.cli import options
from stead.values.errors import RemoteError, UsageError

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App
    from stead.remote.client import Client
    from stead.values.served import Served

MORE = {
    "env": """\
`list` takes a namespace or nothing, the others NAMESPACE/NAME. `create` hands in FILE, or what this
directory asks for, like `stead push`, and refuses an environment that is there already. `describe`
changes what is said of one, its description and its tags; what is not named stays."""
}


def configure(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb",
        choices=("list", "show", "create", "describe", "delete"),
        help="what to do with environments",
    )
    parser.add_argument(
        "name", nargs="?", default="", metavar="NAMESPACE[/NAME]", help="which environments"
    )
    specs.handing_in(parser)
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG", help="give it a tag; more than once"
    )
    parser.add_argument(
        "--remove-tag", action="append", default=[], metavar="TAG", help="take a tag from it"
    )
    common.agreeing(parser)
    common.server(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.values import served

    _refuse_what_means_nothing(args)
    if args.verb == "list":
        if args.name:
            served.checked(args.name, "namespace")
        return _list(args, app)
    named = served.parse(args.name)
    act = {"show": _show, "create": _create, "describe": _describe, "delete": _delete}[args.verb]
    return act(args, app, named)


def _refuse_what_means_nothing(args: argparse.Namespace) -> None:
    """Raise UsageError for an option of another verb than the one that is said."""
    handed_in = args.file or args.environment or args.no_local or args.no_wait
    wrong = ""
    if (handed_in or args.priority is not None) and args.verb != "create":
        wrong = "hands nothing in"
    elif (args.tag or args.remove_tag) and args.verb != "describe":
        wrong = "changes no tags"
    elif args.description is not None and args.verb not in ("create", "describe"):
        wrong = "changes no description"
    if wrong:
        raise UsageError(f"`env {args.verb}` {wrong}", remedy="see `stead remote env --help`")


def _list(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api

    client = common.client_for(args, app)
    found = [_shown(one) for one in api.environments(client, args.name)]
    if args.json:
        app.out_json(found)
        return 0
    if not found:
        app.err("there are no environments")
        return 0
    rows = [("environment", "build", "")]
    rows += [(e["environment"], str(e["build"] or "-"), e["description"][:100]) for e in found]
    for line in common.table(rows):
        app.out(line)
    return 0


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "environment": f"{one['namespace']}/{one['name']}",
        "build": one["current_build_id"] or 0,
        "description": one["description"] or "",
    }


def _show(args: argparse.Namespace, app: App, named: Served) -> int:
    from stead.remote import api

    client = common.client_for(args, app)
    found = _shown(api.environment(client, named))
    found["tags"] = list(api.described(client, named).tags)
    newest = api.newest_build(client, named)
    found["newest"] = newest["id"] if newest else 0
    found["status"] = newest["status"] if newest else ""
    found["reason"] = (newest["status_info"] or "") if newest else ""
    held = api.packages(client, found["build"]) if found["build"] else ()
    found["packages"] = [{"name": p["name"], "version": p["version"]} for p in held]
    if args.json:
        app.out_json(found)
        return 0
    app.out(f"{named} on {client.server.address}")
    if found["description"]:
        app.out(common.clean(found["description"]))
    if found["tags"]:
        app.out(common.clean(f"tags: {' '.join(found['tags'])}"))
    current = f"build {found['build']}" if found["build"] else "no build is completed yet"
    app.out(f"current: {current}")
    if found["newest"] != found["build"]:
        reason = f": {common.clean(found['reason'])}" if found["reason"] else ""
        app.out(f"newest: build {found['newest']} is {common.clean(found['status'])}{reason}")
    for package in found["packages"]:
        app.out(common.clean(f"  {package['name']} {package['version']}"))
    return 0


def _create(args: argparse.Namespace, app: App, named: Served) -> int:
    wanted = specs.specification(args.file, app, args.environment, local=not args.no_local)
    client = specs.client_for(args, app)
    if _is_there(client, named):
        raise RemoteError(
            f"{named} is there already",
            where=client.server.address,
            remedy=f"`stead push {named}` asks for another build of it",
        )
    return specs.hand_in(args, app, client, named, wanted)


def _describe(args: argparse.Namespace, app: App, named: Served) -> int:
    from stead.remote import api

    if args.description is None and not (args.tag or args.remove_tag):
        raise UsageError(
            "there is nothing to change",
            remedy="name --description, --tag or --remove-tag; `stead remote env show` says what is",
        )
    both = sorted({*args.tag} & {*args.remove_tag})
    if both:
        raise UsageError(
            f"the tag {both[0]} is given and taken away", remedy="leave one of the two out"
        )
    client = common.client_for(args, app)
    before = api.described(client, named)
    missing = [t for t in args.remove_tag if t not in before.tags]
    if missing:
        raise UsageError(
            f"{named} has no tag {missing[0]}",
            remedy=f"its tags: {' '.join(before.tags) or 'none'}",
        )
    tags = [t for t in dict.fromkeys((*before.tags, *args.tag)) if t not in args.remove_tag]
    description = before.description if args.description is None else args.description
    said = api.Described(description, tuple(tags))
    if said != before:
        api.describe(client, named, said)
    if args.json:
        app.out_json({"environment": str(named), "description": description, "tags": tags})
        return 0
    app.out(f"{named} {'is described so already' if said == before else 'is described anew'}")
    if description:
        app.out(common.clean(description))
    if tags:
        app.out(common.clean(f"tags: {' '.join(tags)}"))
    return 0


def _is_there(client: Client, named: Served) -> bool:
    from stead.remote import api
    from stead.remote.client import AnswerError

    try:
        api.environment(client, named)
    except AnswerError as exc:
        if exc.status == 404:
            return False
        raise
    return True


def _delete(args: argparse.Namespace, app: App, named: Served) -> int:
    from stead.remote import api

    client = common.client_for(args, app)
    found = api.environment(client, named)
    count = sum(1 for _ in api.builds(client, environment_id=found["id"]))
    what = f"{named} on {client.server.address}, with {count} build{'s' * (count != 1)}"
    if not common.agreed(args, app, [f"{what}, is going to be deleted for good"]):
        return 1
    api.delete_environment(client, named)
    if args.json:
        app.out_json({"environment": str(named), "done": "deleted", "builds": count})
    else:
        app.out(f"deleted {named}")
    return 0

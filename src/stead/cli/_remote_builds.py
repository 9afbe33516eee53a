"""`stead remote builds`, `log` and `cancel`: what a store server builds, and how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options
from stead.values.errors import RemoteError

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App
    from stead.remote.client import Client
    from stead.values.served import Served

MORE = {
    "log": """\
BUILD is a number, or NAMESPACE/NAME for its newest build. With --follow lines come as they are
written, until the build has ended; a server that is started anew meanwhile changes nothing.
The exit code is 1 for a build that failed or was canceled.""",
    "cancel": "BUILD is a number, or NAMESPACE/NAME for its newest build.",
}

_STATUSES = ("QUEUED", "BUILDING", "COMPLETED", "FAILED", "CANCELED")
_SHOWN = 20
_ROOM = 100
"""Characters that a table has for why a build failed."""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "builds":
        parser.add_argument(
            "of",
            nargs="?",
            default="",
            metavar="NAMESPACE[/NAME]",
            help="only those of a namespace, or of an environment",
        )
        parser.add_argument("--status", choices=_STATUSES, help="only those that stand so")
        parser.add_argument(
            "--limit", type=int, default=_SHOWN, metavar="N", help=f"at most N (default: {_SHOWN})"
        )
    else:
        parser.add_argument("build", metavar="BUILD", help="a number, or NAMESPACE/NAME[@NUMBER]")
    if name == "log":
        parser.add_argument(
            "-f", "--follow", action="store_true", help="go on until the build has ended"
        )
    else:
        options.json(parser)
    common.server(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    return {"builds": _builds, "log": _log, "cancel": _cancel}[args.action](args, app)


def _builds(args: argparse.Namespace, app: App) -> int:
    from itertools import islice

    from stead.remote import api
    from stead.values import served

    named = served.parse(args.of) if "/" in args.of else None
    if args.of and named is None:
        served.checked(args.of, "namespace")
    client = common.client_for(args, app)
    known, wanted = _environments(client, args.of, named)
    listed = api.builds(client, status=args.status, **wanted)
    found = [_shown(one, known) for one in islice(listed, max(args.limit, 0))]
    if args.json:
        app.out_json(found)
        return 0
    if not found:
        app.err("there are no builds")
        return 0
    rows = [("build", "environment", "status", "asked for", "")]
    for one in found:
        mark = "current" if one["current"] else short(one["reason"])
        rows.append(
            (str(one["build"]), one["environment"], one["status"], one["scheduled"][:19], mark)
        )
    for line in common.table(rows):
        app.out(line)
    return 0


def short(reason: str) -> str:
    """Give what a line of a table has room for of a reason; `stead remote log` shows all of it."""
    told = reason.partition("\n")[0].partition(": asked for by:")[0]
    return told if len(told) <= _ROOM else f"{told[: _ROOM - 1]}…"


def _environments(
    client: Client, of: str, named: Served | None
) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """Give environments by their ids, and what is to be asked of the list of builds."""
    from stead.remote import api

    if named is not None:
        one = api.environment(client, named)
        return {one["id"]: one}, {"environment_id": one["id"]}
    there = {one["id"]: one for one in api.environments(client, of)}
    return there, {"namespace": of}


def _shown(one: dict[str, Any], known: dict[int, dict[str, Any]]) -> dict[str, Any]:
    environment = known.get(one["environment_id"])
    name, current = "", False
    if environment is not None:
        name = f"{environment['namespace']}/{environment['name']}"
        current = environment["current_build_id"] == one["id"]
    return {
        "build": one["id"],
        "environment": name,
        "status": one["status"],
        "current": current,
        "reason": one["status_info"] or "",
        "bytes": one["size"],
        "scheduled": one["scheduled_on"] or "",
        "started": one["started_on"] or "",
        "ended": one["ended_on"] or "",
    }


def _log(args: argparse.Namespace, app: App) -> int:
    from stead.remote import following

    client = common.client_for(args, app, seconds=following.PATIENCE)
    number = common.build_for(client, args.build)["id"]

    def line(text: str) -> None:
        app.out(common.clean(text))
        if args.follow:
            flush()

    act = following.follow if args.follow else following.so_far
    part = act(client, number, line)
    return 1 if part.status in ("FAILED", "CANCELED") else 0


def flush() -> None:
    """Let what was printed be seen at once, also where it goes into a pipe."""
    import sys

    sys.stdout.flush()


def _cancel(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api

    client = common.client_for(args, app)
    number = common.build_for(client, args.build)["id"]
    done = api.cancel(client, number)
    status = api.build(client, number)["status"]
    if not done and status != "CANCELED":
        raise RemoteError(
            f"build {number} has ended already: {common.clean(status)}",
            where=client.server.address,
            remedy="a completed build is replaced by `stead remote rollback`, a failed one by "
            "`stead push`",
        )
    if args.json:
        app.out_json({"build": number, "status": status})
    else:
        app.out(f"build {number} is canceled" if done else f"build {number} was canceled before")
    return 0

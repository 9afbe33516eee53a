"""What a directory asks for, as a store server takes it; and handing it in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options
from stead.values.errors import RemoteError, UsageError

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App
    from stead.pipeline.pushing import Pushed
    from stead.remote.api import LogPart
    from stead.remote.client import Client
    from stead.values.served import Served

MOST_BYTES = 4 * 1024 * 1024
"""What a server takes at most as the text of a specification, and of a lock."""


def handing_in(parser: argparse.ArgumentParser) -> None:
    """Declare what is handed in, and whether its build is waited for."""
    parser.add_argument(
        "file",
        nargs="?",
        default="",
        metavar="FILE",
        help="a conda YAML, a conda-lock.yml or a stead.toml, by itself (default: what this "
        "directory asks for, with its lock)",
    )
    options.environment(parser)
    parser.add_argument(
        "--no-local",
        action="store_true",
        help="leave out packages that are directories here; what they need is handed in",
    )
    parser.add_argument("--description", metavar="TEXT", help="what the environment is for")
    parser.add_argument(
        "--priority",
        type=int,
        metavar="N",
        help="which of the builds that wait in the namespace comes first: the highest, from -1000 to "
        "1000 (default: 0)",
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="do not wait for the build, nor show its log"
    )


def client_for(args: argparse.Namespace, app: App) -> Client:
    """Give what asks the server, which may be away for a while once the build is asked for."""
    from stead.remote.following import PATIENCE

    return common.client_for(args, app, seconds=PATIENCE)


def specification(
    file: str, app: App, environment: str | None = None, *, local: bool = True
) -> Pushed:
    """Read what is to be handed in. Raises UsageError, ManifestError, LockError."""
    if file:
        if environment or not local:
            raise UsageError(
                "a file that is named goes as it stands",
                where=file,
                remedy="leave out FILE for an environment of this directory, or -e and --no-local",
            )
        wanted = _from_file(file, app)
    else:
        from stead.pipeline import pushing

        wanted = pushing.specification(app.request(environment), app.context, local=local)
        for note in wanted.notes:
            app.err(note)
    for text, name in ((wanted.text, wanted.file), (wanted.lock, "stead.lock")):
        if len(text.encode()) > MOST_BYTES:
            raise UsageError(
                f"a store server takes at most {MOST_BYTES // 2**20} MiB of it",
                where=name,
                remedy="leave out what is no part of the environment",
            )
    return wanted


def _from_file(file: str, app: App) -> Pushed:
    from stead.pipeline.files import load_text
    from stead.pipeline.pushing import Pushed

    path = os.path.normpath(os.path.join(app.cwd, file))
    try:
        text = load_text(path)
    except OSError as exc:
        raise UsageError(f"this file cannot be read: {exc.strerror}", where=path) from exc
    return Pushed(path, _kind_of(path, text), text)


def _kind_of(path: str, text: str) -> str:
    name = os.path.basename(path)
    if name.endswith((".toml", ".txt", ".lock", ".cfg", ".py")):
        if not name.endswith(".toml") or name in ("pyproject.toml", "pylock.toml", "pixi.toml"):
            raise UsageError(
                f"a store server does not take a {name} by itself",
                where=path,
                remedy="leave FILE out, in its directory: then what that asks for is pushed as it "
                "is locked",
            )
        return "stead"
    from stead.formats import _yaml

    found = _yaml.load(text, path)
    if not isinstance(found, dict):
        raise UsageError(
            "this is no specification",
            where=path,
            remedy="give a conda YAML (`dependencies:`), a conda-lock.yml or a stead.toml, or no "
            "FILE for what this directory asks for",
        )
    return "lock" if isinstance(found.get("package"), list) else "conda"


def hand_in(
    args: argparse.Namespace, app: App, client: Client, named: Served, wanted: Pushed
) -> int:
    """Ask for a build, and unless that is not wanted, wait for its end, with its log.

    Raises RemoteError for a build that failed or was canceled.
    """
    from stead.remote import api

    number, attached = api.submit(
        client, named, wanted.kind, wanted.text, wanted.lock, args.description, args.priority
    )
    answer = {"environment": str(named), "build": number, "attached": attached}
    if args.no_wait:
        status = api.build(client, number)["status"]
        return _told(args, app, {**answer, "status": status, "reason": ""})
    part = _waited(app, client, named, number)
    if part.status != "COMPLETED":
        said = common.clean(part.reason)
        raise RemoteError(
            f"build {number} of {named} "
            + (f"failed: {said}" if part.status == "FAILED" else "was canceled"),
            where=client.server.address,
            remedy=f"`stead remote log {number}` shows all of it; correct the specification and "
            "push again",
        )
    return _told(args, app, {**answer, "status": part.status, "reason": part.reason})


def _waited(app: App, client: Client, named: Served, number: int) -> LogPart:
    try:
        # Within: whoever has read the number and ends this is told what becomes of the build.
        app.err(f"build {number} of {named}")
        from stead.remote import following

        return following.follow(client, number, lambda text: app.err(common.clean(text)))
    except BaseException:
        app.err(
            f"the build goes on: `stead remote log --follow {number}` shows it, "
            f"`stead remote cancel {number}` ends it"
        )
        raise


def _told(args: argparse.Namespace, app: App, answer: dict[str, Any]) -> int:
    if args.json:
        app.out_json(answer)
        return 0
    known = " (asked for before)" if answer["attached"] else ""
    app.out(f"{answer['environment']}@{answer['build']} is {common.clean(answer['status'])}{known}")
    return 0

"""What a directory asks for, as a store server takes it; and handing it in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.values.errors import LockOutdatedError, RemoteError, UsageError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App
    from stead.pipeline.steps import Composed
    from stead.remote.api import LogPart
    from stead.remote.client import Client
    from stead.values.manifest import Manifest
    from stead.values.served import Served

MOST_BYTES = 4 * 1024 * 1024
"""What a server takes at most as the text of a specification, and of a lock."""

_KINDS = {"stead.toml": "stead", "environment.yml": "conda", "conda-lock.yml": "lock"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A specification: its kind in the server's words, its text, and the lock beside it."""

    file: str
    kind: str
    text: str
    lock: str = ""


def handing_in(parser: argparse.ArgumentParser) -> None:
    """Declare what is handed in, and whether its build is waited for."""
    parser.add_argument(
        "file",
        nargs="?",
        default="",
        metavar="FILE",
        help="a conda YAML, a conda-lock.yml or a stead.toml (default: this directory's, with "
        "its lock)",
    )
    parser.add_argument("--description", metavar="TEXT", help="what the environment is for")
    parser.add_argument(
        "--no-wait", action="store_true", help="do not wait for the build, nor show its log"
    )


def client_for(args: argparse.Namespace, app: App) -> Client:
    """Give what asks the server, which may be away for a while once the build is asked for."""
    from stead.remote.following import PATIENCE

    return common.client_for(args, app, seconds=PATIENCE)


def specification(file: str, app: App) -> Wanted:
    """Read what is to be handed in. Raises UsageError, ManifestError, LockError."""
    wanted = _from_file(file, app) if file else _of_place(app)
    for text, name in ((wanted.text, wanted.file), (wanted.lock, "stead.lock")):
        if len(text.encode()) > MOST_BYTES:
            raise UsageError(
                f"a store server takes at most {MOST_BYTES // 2**20} MiB of it",
                where=name,
                remedy="leave out what is no part of the environment",
            )
    return wanted


def _from_file(file: str, app: App) -> Wanted:
    from stead.pipeline.files import load_text

    path = os.path.normpath(os.path.join(app.cwd, file))
    try:
        text = load_text(path)
    except OSError as exc:
        raise UsageError(f"this file cannot be read: {exc.strerror}", where=path) from exc
    return Wanted(path, _kind_of(path, text), text)


def _kind_of(path: str, text: str) -> str:
    if path.endswith(".toml"):
        return "stead"
    from stead.formats import _yaml

    found = _yaml.load(text, path)
    if not isinstance(found, dict):
        raise UsageError(
            "this is no specification",
            where=path,
            remedy="give a conda YAML (`dependencies:`), a conda-lock.yml, or a stead.toml",
        )
    return "lock" if isinstance(found.get("package"), list) else "conda"


def _of_place(app: App) -> Wanted:
    composed = app.composed()
    manifest = _only(composed)
    overlay = composed.request.overlay
    from stead.pipeline.files import load_text

    staged = overlay.get(manifest.file)
    text = load_text(manifest.file) if staged is None else staged
    kind = _KINDS[manifest.format]
    return Wanted(manifest.file, kind, text, "" if kind == "lock" else _lock(composed, app))


def _only(composed: Composed) -> Manifest:
    """Give the one file that says what an environment asks for. Raises UsageError for more."""
    others = [m for m in composed.found.manifests if m.format != ".env"]
    remedy = (
        "write all of it into one file (`stead export --format environment.yml`), and push that: "
        "`stead push NAMESPACE/NAME FILE`"
    )
    if len(others) != 1:
        names = ", ".join(os.path.relpath(m.file, composed.spec.place) for m in others)
        raise UsageError(
            f"several files ask for this environment, and a store server takes one: {names}",
            where=composed.spec.place,
            remedy=remedy,
        )
    if others[0].format not in _KINDS:
        raise UsageError(
            f"a store server does not take a {others[0].format}",
            where=others[0].file,
            remedy=remedy,
        )
    return others[0]


def _lock(composed: Composed, app: App) -> str:
    """Give what is locked for the place, as the lock of a directory of its own; else nothing."""
    from stead.formats import stead_lock
    from stead.pipeline import lockfile
    from stead.pipeline.answering import answers
    from stead.values.lock import Lock

    held = lockfile.read(composed.lock_path, composed.request.overlay)
    place, environment, _ = composed.slot
    mine = [e for e in held.environments if (e.place, e.environment) == (place, environment)]
    if not mine:
        app.err("nothing is locked here: the server chooses the versions")
        return ""
    here = held.find(*composed.slot)
    if here is not None and not answers(composed, here):
        raise LockOutdatedError(
            "the lock does not answer what is asked for any more",
            where=composed.lock_path,
            remedy="run `stead lock`, then push again",
        )
    return stead_lock.write(Lock(tuple(replace(e, place=".") for e in mine)))


def hand_in(
    args: argparse.Namespace, app: App, client: Client, named: Served, wanted: Wanted
) -> int:
    """Ask for a build, and unless that is not wanted, wait for its end, with its log.

    Raises RemoteError for a build that failed or was canceled.
    """
    from stead.remote import api

    number, attached = api.submit(
        client, named, wanted.kind, wanted.text, wanted.lock, args.description
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
    app.out(f"{answer['environment']}@{answer['build']} is {answer['status']}{known}")
    return 0

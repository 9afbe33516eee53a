"""`stead pull`: bring an environment of a store server into a directory, as files of its own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options
from stead.pipeline.lockfile import NAME
from stead.values.errors import NoPlaceError, RemoteError, SteadError, UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Container, Mapping

    from stead.cli.app import App
    from stead.pipeline.steps import Composed
    from stead.remote.api import Pulled
    from stead.remote.client import Client
    from stead.values.context import Context
    from stead.values.served import Served

HELP = """Bring an environment of a store server here: what it asks for, and the versions it has.

The specification and its stead.lock are written into this directory, and are yours: being here
is using the environment from then on. What was built is taken from the server, part by part, and
verified; what cannot be taken is built here. Without @BUILD the current build counts. Files that an
earlier pull wrote are brought up to date, or removed where this build has none of the kind, if nobody has
changed them since. Any other that is here with other content is left alone, and named, unless --force
says to replace it.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAMESPACE/NAME[@BUILD]", help="the environment, and which of its builds"
    )
    parser.add_argument("--force", action="store_true", help="replace files that differ")
    parser.add_argument(
        "--no-build", action="store_true", help="only write the files; the first use makes the rest"
    )
    common.server(parser)
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api
    from stead.store.journal import replace_together
    from stead.store.layout import Layout
    from stead.values import served

    named = served.parse(args.name, build=True)
    client = common.client_for(args, app)
    pulled = api.files(client, _number(client, named))
    asked = {os.path.join(app.cwd, n): text for n, text in pulled.files if n != NAME}
    former = _former(app, asked)
    composed = _composed(app, {**asked, **former})
    _alone(composed, asked, args, app)
    lock_path = os.path.join(composed.spec.root, NAME)
    replaceable = args.force or _as_pulled(app, [*asked, lock_path])
    came = dict(pulled.files).get(NAME, "")
    texts = asked | _with_lock(composed, lock_path, came, force=replaceable)
    before = {path: _read(path) for path in texts}
    changed = {p: t.encode() for p, t in texts.items() if before[p] != t.encode()}
    gone = {path: _read(path) for path in former}
    differs = [p for p in changed if p in asked and before[p] is not None]
    if differs and not replaceable:
        raise _differing(differs[0])
    if gone or any(before[path] is not None for path in asked):
        app.record_edits()
    reason = f"pull {pulled.served}"
    replace_together(Layout(app.context.home), {**changed, **former}, reason, expect=before | gone)
    app.record_change()
    _remember(app, texts, changed)
    notes = _notes(_composed(app, texts), app)
    if not args.no_build:
        notes += _made(replace(app, context=_with_store(client, app)))
    if args.json:
        app.out_json(_answer(pulled, client, (list(changed), list(gone)), notes))
        return 0
    for path in gone:
        app.out(f"removed {os.path.relpath(path, app.cwd)}, which an earlier pull wrote")
    for path in texts:
        name = os.path.relpath(path, app.cwd)
        app.out(f"wrote {name}" if path in changed else f"{name} is the same already")
    app.out(f"this is {pulled.served}: `stead run COMMAND` uses it")
    for note in notes:
        app.err(note)
    return 0


def _answer(
    pulled: Pulled, client: Client, files: tuple[list[str], list[str]], notes: list[str]
) -> dict[str, object]:
    written, removed = files
    return {
        "environment": f"{pulled.served.namespace}/{pulled.served.name}",
        "build": pulled.served.build,
        "server": client.server.address,
        "written": written,
        "removed": removed,
        "notes": notes,
    }


def _with_store(client: Client, app: App) -> Context:
    """Give the context in which builds are taken from the server that was asked."""
    from stead.remote.logins import TOKEN
    from stead.values.secret import SecretReference
    from stead.values.substitute import StoreAddress

    server, given = client.server, app.context.environ.get(TOKEN)
    token = SecretReference("env", TOKEN, app.cwd) if given else None
    address = StoreAddress(server.name, server.address, token=token)
    return replace(app.context, stores=(address,))


def _made(app: App) -> list[str]:
    """Make the environment; what hinders that is told, for the files are here."""
    try:
        app.prepared()
    except SteadError as exc:
        return [f"the environment is not made yet: {exc}"]
    return []


def _number(client: Client, named: Served) -> int:
    """Say which build is meant; raises RemoteError where there is none to be had."""
    from stead.remote import api

    if named.build:
        found = common.build_of(client, named)
        if found["status"] == "COMPLETED":
            return named.build
        raise RemoteError(
            f"build {named.build} of {named.namespace}/{named.name} is {common.clean(found['status'])}, "
            "and only a completed one can be pulled",
            where=client.server.address,
            remedy=f"`stead remote log {named.build}` says how it went",
        )
    current = api.environment(client, named)["current_build_id"]
    if current is None:
        raise RemoteError(
            f"no build of {named} is completed yet",
            where=client.server.address,
            remedy=f"`stead remote builds {named}` says how they stand",
        )
    return int(current)


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UsageError(f"this cannot be replaced: {exc.strerror}", where=path) from exc


def _composed(app: App, texts: Mapping[str, str | None]) -> Composed:
    """Read the place as it will be. Raises ManifestError for what Stead here cannot read."""
    from stead.pipeline.steps import composed_for

    request = app.request_of_place()
    return composed_for(replace(request, overlay=texts), app.context, fetch=False)


def _former(app: App, asked: Mapping[str, str]) -> dict[str, None]:
    """Give files of another kind that an earlier pull wrote here, and nobody has changed since."""
    from stead.remote.api import FILES

    paths = [os.path.join(app.cwd, name) for name in FILES if name != NAME]
    there = [p for p in paths if p not in asked and os.path.lexists(p)]
    known = _known(app)
    return {p: None for p in there if p in known and _as_pulled(app, [p])}


def _known(app: App) -> dict[str, str]:
    """Give what an earlier pull wrote here: hashes by paths."""
    try:
        with open(_memory(app), encoding="utf-8") as file:
            known: dict[str, str] = json.load(file)
    except (OSError, ValueError):
        return {}
    return known


def _as_pulled(app: App, paths: list[str]) -> bool:
    """Say whether those files that are here are as an earlier pull wrote them."""
    known = _known(app)
    if not known:
        return False
    held = {path: _read(path) for path in paths}
    return all(known.get(p) == _sha256(text) for p, text in held.items() if text is not None)


def _remember(app: App, texts: Mapping[str, str], changed: Container[str]) -> None:
    """Keep what pulls wrote here: what was here before, and is the same, stays a person's own."""
    from stead.store.atomic import write_file

    known = _known(app)
    came = {path: _sha256(text.encode()) for path, text in texts.items()}
    written = {p: sha for p, sha in came.items() if p in changed or known.get(p) == sha}
    write_file(_memory(app), json.dumps(written).encode(), 0o600, sync=False)


def _memory(app: App) -> str:
    from stead.values.digest import short_key

    return os.path.join(app.context.home, "pulled", f"{short_key([app.cwd])}.json")


def _sha256(content: bytes) -> str:
    from stead.values.sha import sha256

    return sha256(content).hexdigest()


def _with_lock(composed: Composed, path: str, text: str, *, force: bool) -> dict[str, str]:
    """Give the tree's lock with what was pulled, which stands there as this place's.

    A workspace or repository has one lock at its root; what it holds of other places stays.
    Raises LockError, and UsageError where it holds other versions for this place.
    """
    from stead.formats import stead_lock
    from stead.pipeline import lockfile

    if not text:
        return {}
    place = composed.slot[0]
    came = [replace(e, place=place) for e in stead_lock.read(text, NAME).environments]
    held = lockfile.read(path)
    mine = [e for e in held.environments if e.place == place]
    if mine == came:
        return {path: (_read(path) or b"").decode()}
    if mine and not force:
        raise _differing(path)
    others = tuple(e for e in held.environments if e.place != place)
    if place == "." and not others and not held.pins:
        return {path: text}
    return {path: stead_lock.write(replace(held, environments=(*others, *came)))}


def _differing(path: str) -> UsageError:
    return UsageError(
        f"{os.path.basename(path)} has other content here",
        where=path,
        remedy="pull into another directory (`stead -C DIR pull …`), or replace what is here "
        "with --force",
    )


def _alone(composed: Composed, texts: dict[str, str], args: argparse.Namespace, app: App) -> None:
    """Raise UsageError where other files take part: together they ask for something else."""
    others = [m.file for m in composed.found.manifests if m.file not in texts]
    others = [file for file in others if os.path.basename(file) != ".env"]
    outside = composed.spec.root != composed.spec.place or composed.spec.place != app.cwd
    if outside and others:
        raise UsageError(
            "this directory takes part in a workspace, whose files would count too: "
            + ", ".join(os.path.relpath(file, app.cwd) for file in others),
            where=composed.spec.root,
            remedy="pull into a directory outside of it (`stead -C DIR pull …`)",
        )
    if others and not args.force:
        raise UsageError(
            "other files here ask for packages too, which the build does not have: "
            + ", ".join(os.path.basename(file) for file in others),
            where=app.cwd,
            remedy="pull into another directory (`stead -C DIR pull …`), or --force: then what "
            "they ask for is added when it is locked anew",
        )


def _notes(composed: Composed, app: App) -> list[str]:
    """Say what a person should know of the lock that has come."""
    from stead.pipeline import lockfile
    from stead.pipeline.answering import answers

    try:
        held = lockfile.read(composed.lock_path)
    except NoPlaceError:
        return []
    here = held.find(*composed.slot)
    if here is None and held.environments:
        known = ", ".join(sorted({e.platform for e in held.environments}))
        mine = app.platform.name
        return [f"its versions are those of {known}: the first use chooses some for {mine}"]
    if here is not None and not answers(composed, here):
        return ["its lock does not answer what is asked here: the first use locks anew"]
    return []

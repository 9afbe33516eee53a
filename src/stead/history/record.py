"""Taking down a generation: what an environment is now, if that is not what it was."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.formats import known, stead_lock
from stead.history.find import finish, found_again, history_of
from stead.history.plan import digest_of
from stead.history.who import Cause, who
from stead.pipeline import answering, lockfile, steps, writing
from stead.pipeline import build as building
from stead.store import begun
from stead.store.atomic import storage
from stead.store.generations import History
from stead.store.layout import Layout
from stead.store.moved import remember
from stead.store.places import make_private
from stead.values.digest import canonical
from stead.values.errors import InterpreterError, SteadError
from stead.values.frozen import replace
from stead.values.generation import Generation
from stead.values.selection import Selection
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.spec import Spec
    from stead.values.table import Entry, Table

_PRIVATE = (".env", "--set", "adopted")
"""Ranks of values that are the user's own, and stand in no history."""
LARGEST = 1 << 20
"""Bytes of a manifest that is kept; no one writes a larger one by hand."""


def note(request: Request, context: Context, cause: Cause) -> dict[str, bytes]:
    """Give what is to be written together with the files that are about to be changed.

    A change that another command has begun is recorded before this one follows.
    """
    if request.selection != Selection() or request.platform != request.here:
        return {}
    history = history_of(
        request.directory, request.environment, context, user_home=request.user_home
    )
    history = finish(history, request, context)
    with storage(history.directory):
        make_private(history.home, history.directory)
    author = who(history.place, context)
    words = begun.Begun(history.newest + 1, context.now(), author, cause.command, cause.reason)
    return {begun.file_of(history): begun.encode(words)}


def record_request(
    request: Request, context: Context, cause: Cause, *, letters: bool = False
) -> Generation | None:
    """Record what a place is now, as far as it can be told without making anything.

    None where it is as the last generation has it; with ``letters`` a comment is a
    difference too. A place that cannot be read has no state to record; what else
    hinders is told, and hinders nobody.
    """
    try:
        composed, table = _read(request, context)
    except SteadError:
        return None
    return record(composed, table, None, context, cause, letters=letters)


def record(
    composed: Composed,
    table: Table,
    build: str | None,
    context: Context,
    cause: Cause,
    *,
    letters: bool = False,
) -> Generation | None:
    """Record an environment, if it differs from its last generation.

    ``build`` is its path; empty without packages, None to look for it. A failure
    is told through ``context.progress`` and never raised: what the user asked for
    is done.
    """
    if composed.request.selection != Selection() or composed.spec.platform != composed.request.here:
        return None
    try:
        return _record(composed, table, build, context, cause, letters=letters)
    except (SteadError, OSError) as exc:
        context.progress.note(f"this change is not in the history: {exc}")
        return None


def record_restored(history: History, context: Context, cause: Cause) -> Generation | None:
    """Record that what is declared was put back: an entry with the same state as the last one.

    As with :func:`record`, a failure is told and never raised.
    """

    def make(last: Generation | None, number: int) -> tuple[Generation, Mapping[str, bytes]] | None:
        if last is None:
            return None
        made = replace(
            last,
            number=number,
            time=context.now(),
            who=who(history.place, context),
            command=cause.command,
            reason=cause.reason,
            kind="restore",
            pinned=False,
        )
        return made, {}

    try:
        made = history.append(make, like=history.newest, note=context.progress.note)
        if made is not None:
            from stead.history.refs import commit

            commit(history, made, context)
    except (SteadError, OSError) as exc:
        context.progress.note(f"this is not in the history: {exc}")
        return None
    return made


def _read(request: Request, context: Context) -> tuple[Composed, Table]:
    composed, _ = steps.read_together(request, context, fetch=False)
    return composed, steps.configured(composed, context)


def _record(
    composed: Composed,
    table: Table,
    build: str | None,
    context: Context,
    cause: Cause,
    *,
    letters: bool,
) -> Generation | None:
    def unchanged(last: Generation, now: Generation) -> bool:
        return same(last, now) and not (letters and dict(last.files) != dict(now.files))

    seen, _ = state_of(composed, table, build, context, cause)
    history = found_again(History(context.home, seen.place, seen.environment), context)
    last = history.last()
    if last is not None and unchanged(last, seen) and begun.read(history) is None:
        return None

    def make(last: Generation | None, number: int) -> tuple[Generation, Mapping[str, bytes]] | None:
        # Nobody records meanwhile, so what is read now is newer than the last entry.
        composed, table = _read(request, context)
        state, texts = state_of(composed, table, build, context, cause)
        words = begun.read(history)
        if last is not None and unchanged(last, state):
            begun.clear(history)
            return None
        if words is not None:
            state = replace(
                state, time=words.time, who=words.who, command=words.command, reason=words.reason
            )
        elif not unchanged(seen, state):
            return None  # who has changed it since records it, or the next command does
        parent = last.at if last is not None else 0
        return replace(state, number=number, at=number, base=number, parent=parent), texts

    request = composed.request
    made = history.append(make, note=context.progress.note)
    if made is not None:
        if last is not None and (names := lost(last, composed)):
            context.progress.note(said_of_lost(names, last.number))
        remember(context.home, seen.place)
        from stead.history.refs import commit

        commit(history, made, context)
    return made


def lost(last: Generation, composed: Composed) -> tuple[str, ...]:
    """Name the manifests that a generation has of a place of which only a ``.env`` is left."""
    found = composed.found
    if any(m.directory == found.place and m.format != known.DOTENV for m in found.manifests):
        return ()
    root = os.path.normpath(os.path.join(last.place, last.root))
    paths = (os.path.join(root, name) for name in last.files)
    return tuple(os.path.basename(p) for p in paths if os.path.dirname(p) == last.place)


def said_of_lost(names: Sequence[str], number: int) -> str:
    """Say that a generation has what is gone."""
    return f"{', '.join(names)} is gone: `stead rollback {number}` brings it back"


def state_of(
    composed: Composed, table: Table, build: str | None, context: Context, cause: Cause
) -> tuple[Generation, dict[str, bytes]]:
    """Give what an environment is now, without a number, and the texts it refers to."""
    spec = composed.spec
    whole = _content(composed, composed.lock_path)
    part, own = _locked(composed, whole)
    if build is None:
        build = _build_of(composed, context)
    files = _manifests(composed)
    texts = {**files, **({"@lock": part} if part else {})}
    texts["@absent"] = "\n".join(_absent(composed, texts)).encode("utf-8", "surrogateescape")
    state = Generation(
        number=0,
        time=context.now(),
        who=who(spec.place, context),
        place=spec.place,
        environment=spec.environment,
        platform=spec.platform.name,
        command=cause.command,
        reason=cause.reason,
        spec=_digest(spec),
        lock=own,
        build=os.path.basename(build),
        root=os.path.relpath(spec.root, spec.place).replace(os.sep, "/"),
        files={name: _sha(text) for name, text in files.items()},
        lock_file=_sha(part) if part else "",
        lock_at_home=os.path.dirname(composed.lock_path) != spec.root,
        variables=variables_of(table, str(Layout(context.home).store)),
        modules=tuple(sorted(composed.modules.used.values(), key=lambda p: p.name)),
        kind=cause.kind,
        closed=is_closed(composed, table, files),
    )
    return state, texts


def is_closed(composed: Composed, table: Table, files: Mapping[str, bytes]) -> bool:
    """Say whether nothing took part but manifests below the root, and what is not there.

    Then the files of a generation alone say whether a place is still as it has it.
    """
    spec, found = composed.spec, composed.found
    read = {*spec.inputs, *found.inputs, *found.watched}
    held = {os.path.normpath(os.path.join(spec.root, name)) for name in files}
    if spec.uses or found.foreign_owned or not read <= held:
        return False
    names = {e.name for e in table.entries}
    return all(
        _rank(e) not in _PRIVATE
        and e.where != "default"
        and all("." in name or name in names for name in e.refers)
        for e in table.entries
    )


def same(last: Generation, now: Generation) -> bool:
    """Say whether nothing has changed that a process, or a build, could tell.

    A build that is not there yet is no difference: the lock says what it will be.
    """
    built = not (last.build and now.build) or last.build == now.build
    return built and (last.spec, last.lock, last.root, dict(last.variables)) == (
        now.spec,
        now.lock,
        now.root,
        dict(now.variables),
    )


def variables_of(table: Table, store: str) -> dict[str, str]:
    """Give the variables as a history may hold them.

    What stands in a ``.env``, on the command line or in the caller's shell is left
    out, and what packages in the ``store`` carry: that follows from the build. A value made from such a one is given as it is written. A secret is
    given by its reference.
    """
    private = {
        e.name
        for e in table.entries
        if _rank(e) in _PRIVATE or e.where == "default" or _lies_in(store, e)
    }
    entries = {e.name: e for e in table.entries}
    grown = True
    tainted = set(private)
    while grown:
        more = {e.name for e in table.entries if tainted & set(e.refers)} - tainted
        tainted |= more
        grown = bool(more)
    found = {}
    for name, entry in entries.items():
        if name in private:
            continue
        if entry.secret or name in tainted:
            # As it is written: a reference, or a text with references in it.
            written = entry.definitions[0].value if entry.definitions else None
            if isinstance(written, str):
                found[name] = written
        elif entry.value is not None:
            found[name] = entry.value
    return found


def _lies_in(store: str, entry: Entry) -> bool:
    origin = entry.definitions[0].origin if entry.definitions else None
    return origin is not None and origin.file.startswith(store + os.sep)


def _rank(entry: Entry) -> str:
    return entry.definitions[0].rank if entry.definitions else ""


def _digest(spec: Spec) -> str:
    """Give the digest of what is asked; values of the ``.env`` take no part, for few are long.

    Nor does where the tree lies: a place that is moved is asked for the same.
    """
    kept = tuple(d for d in spec.configuration.definitions if d.rank != ".env")
    configuration = replace(spec.configuration, definitions=kept)
    asked = canonical(
        {
            "packages": spec.packages,
            "configuration": configuration,
            "tasks": spec.tasks,
            "link": spec.link,
        }
    )
    for name, path in ((b"@place", spec.place), (b"@root", spec.root)):
        inside = re.escape(canonical(path)[1:-1])
        asked = re.sub(rb"(?<![\w./-])%s(?=[/\"])" % inside, name, asked)
    return _sha(asked)


def _locked(composed: Composed, whole: bytes | None) -> tuple[bytes, str]:
    """Give the place's part of the lock, and the digest of the environment's own."""
    if whole is None:
        return b"", ""
    try:
        lock = lockfile.read(composed.lock_path, composed.request.overlay)
    except SteadError:
        return b"", ""
    place, environment, _ = composed.slot
    mine = tuple(e for e in lock.environments if e.place == place)
    part = whole
    if len(mine) != len(lock.environments):
        part = stead_lock.write(replace(lock, environments=mine)).encode() if mine else b""
    return part, digest_of(lock, place, environment, composed.modules.used.values())


def _build_of(composed: Composed, context: Context) -> str:
    locked = lockfile.read(composed.lock_path, composed.request.overlay).find(*composed.slot)
    if locked is None or not answering.answers(composed, locked):
        return ""
    try:
        here = replace(context, python_downloads=False)
        interpreter = answering.interpreter_for(composed, locked, here)
    except InterpreterError:
        return ""
    want = building.wanted(composed.spec, locked, interpreter)
    found = None if want.empty else building.find(want, context.home, touch=False)
    return str(found or "")


def _manifests(composed: Composed) -> dict[str, bytes]:
    """Read the manifests below the root: name relative to it → content. Never a ``.env``."""
    root = composed.spec.root
    found = {}
    for manifest in composed.found.manifests:
        if manifest.format == ".env":
            continue
        for file in (manifest.file, *manifest.reads):
            name = os.path.relpath(file, root).replace(os.sep, "/")
            if name.startswith("../") or os.path.isabs(name) or os.path.basename(file) == ".env":
                continue
            text = _content(composed, file)
            if text is not None and len(text) <= LARGEST:
                found[name] = text
    return found


def _content(composed: Composed, file: str) -> bytes | None:
    request = composed.request
    if request.staging is None and file in request.overlay:
        text = request.overlay[file]
        return None if text is None else text.encode()
    return writing.content_of(file, request.staging)


def _absent(composed: Composed, present: Mapping[str, bytes]) -> list[str]:
    top = os.path.join(composed.spec.root, "")
    paths = (*composed.found.absent, *composed.spec.absent)
    names = {p[len(top) :].replace(os.sep, "/") for p in paths if p.startswith(top)}
    return sorted(names.difference(present))


def _sha(data: bytes) -> str:
    return sha256(data).hexdigest()

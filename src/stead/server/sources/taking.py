"""What a look found becomes builds: what is new or changed is handed in, the rest stays as it is.

What is kept of each file of a source, by path:

``name``     the environment
``taken``    the digest of the text that was handed in last
``build``    the build that became of it
``reason``   why the text that is there now was not taken; the last good one stays
``gone``     since when the file is not there any more; the environment stays
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stead.server.auth import REFUSED, Who
from stead.server.database import builds, events, logs, sources
from stead.server.specs.reading import kind_of, read
from stead.server.submitting import hand_in, look_up
from stead.server.values import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from stead.server.database.opening import Database
    from stead.server.database.queue import Enqueue
    from stead.server.sources.files import Found
    from stead.server.specs.policy import Answers
    from stead.server.values import Source, Specification

_log = logging.getLogger("stead.server.sources")

AT_ONCE = 64
"""How many files are written down in one transaction."""


class LostError(ServerError):
    """Another server works on this source now, or there is no such source any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """A source that this server works on, and what it needs for that."""

    database: Database
    queue: Enqueue
    source: Source
    namespace: str
    token: str

    def write(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change the source's state, and give it. Raises LostError."""
        with self.database.begin() as connection:
            return self.written(connection, changes)

    def written(self, connection: Connection, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change the source's state within a transaction. Raises LostError."""
        state = {**self.state(connection), **changes}
        sources.set_state(connection, self.source.id, state)
        return state

    def state(self, connection: Connection) -> dict[str, Any]:
        """Give the state as it is, and keep others from changing it. Raises LostError."""
        now = sources.held(connection, self.source.id, self.token)
        if now is None:
            raise LostError("another server works on this source")
        return dict(now.state)

    def has_refused(self) -> bool:
        """Say whether something was refused that may be allowed by now."""
        with self.database.read() as connection:
            return sources.has_refused(connection, self.source.id)

    @property
    def who(self) -> Who:
        """Whom builds of this source are asked for by: it may do so in its namespace alone."""
        grants = {f"{self.namespace}/*": ("developer",)}
        return Who(f"source:{self.source.id}", True, self.namespace, grants)


@dataclass(frozen=True, slots=True)
class _Wanted:
    found: Found
    specification: Specification


def take(held: Held, found: Sequence[Found], *, origin: str) -> None:
    """Hand in what is new or changed, and note the rest.

    ``found`` is all that is there; ``origin`` says where that is, for the builds' logs.
    Raises LostError.
    """
    with held.database.begin() as connection:
        held.state(connection)
        files = sources.files(connection, held.source.id)
    changes, wanted = _compare(held, files, found)
    pending: list[tuple[str, dict[str, Any] | _Wanted]] = [*changes.items(), *wanted.items()]
    for part in _parts(pending):
        _take_part(held, dict(part), files, origin)


def _compare(
    held: Held, files: dict[str, dict[str, Any]], found: Sequence[Found]
) -> tuple[dict[str, dict[str, Any]], dict[str, _Wanted]]:
    """Give what is to be noted of files without a build, and what is to be handed in."""
    there = {one.path for one in found}
    gone = {path: entry for path, entry in files.items() if path not in there}
    now = held.database.now()
    changes = {p: {**entry, "gone": now} for p, entry in gone.items() if "gone" not in entry}
    claims: dict[str, str] = {}
    left = []
    for one in found:
        entry = files.get(one.path, {})
        if not one.reason and one.digest == entry.get("taken"):
            claims[entry["name"]] = one.path
            if "reason" in entry or "gone" in entry:
                changes[one.path] = _entry(entry)
        else:
            left.append((one, _read(held, one)))
    refused: dict[str, str] = {}
    for one, given in left:
        if isinstance(given, str):
            refused[one.path] = given
            if name := files.get(one.path, {}).get("name"):
                claims.setdefault(name, one.path)
    wanted: dict[str, _Wanted] = {}
    for one, given in left:
        if isinstance(given, str):
            continue
        owner = claims.setdefault(given.name, one.path)
        if owner != one.path:
            refused[one.path] = f"the environment {given.name!r} is made from {owner}"
        elif (former := _moved(gone, one, given.name)) is not None:
            changes[one.path] = _entry(gone[former])
        else:
            wanted[one.path] = _Wanted(one, given)
    for path, reason in refused.items():
        entry = files.get(path, {})
        if entry.get("reason") != reason or "gone" in entry:
            changes[path] = _entry(entry) | {"reason": reason}
    return changes, wanted


def _read(held: Held, one: Found) -> Specification | str:
    """Read a file; gives why it cannot be taken, where it cannot."""
    if one.reason:
        return one.reason
    try:
        wanted = read(one.text, kind_of(one.text), name=one.name)
    except ServerError as exc:
        return told(exc)
    if not held.who.may("environment:create", held.namespace, wanted.name):
        return REFUSED
    return wanted


def told(error: ServerError) -> str:
    """Write why something is refused as one text."""
    where = f"{error.where}: " if error.where else ""
    remedy = f" ({error.remedy})" if error.remedy else ""
    return f"{where}{error.message}{remedy}"


def _moved(gone: Mapping[str, Mapping[str, Any]], one: Found, name: str) -> str | None:
    """Give the path that a file had before: it is what it was, only elsewhere."""
    for path, entry in gone.items():
        if entry.get("taken") == one.digest and entry.get("name") == name:
            return path
    return None


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stays of an entry when the file is there and right."""
    return {key: entry[key] for key in ("name", "taken", "build") if key in entry}


def _take_part(
    held: Held,
    part: Mapping[str, dict[str, Any] | _Wanted],
    files: Mapping[str, dict[str, Any]],
    origin: str,
) -> None:
    specifications = [one.specification for one in part.values() if isinstance(one, _Wanted)]
    answers = look_up(held.database, held.namespace, specifications)
    with held.database.begin() as connection:
        # Nobody else has changed what is known of the files as long as the lease is held.
        held.state(connection)
        entries = {}
        for path, one in part.items():
            before = files.get(path, {})
            entries[path] = (
                _hand_in(held, connection, one, before, origin=origin, answers=answers)
                if isinstance(one, _Wanted)
                else one
            )
            _tell(held, connection, path, before, entries[path])
        sources.put_files(connection, held.source.id, entries)


def _hand_in(
    held: Held,
    connection: Connection,
    one: _Wanted,
    known: Mapping[str, Any],
    *,
    origin: str,
    answers: Answers,
) -> dict[str, Any]:
    now = held.database.now()
    before = _entry(known)
    try:
        with connection.begin_nested():
            made = hand_in(
                connection,
                held.queue,
                held.namespace,
                one.specification,
                who=held.who.name,
                now=now,
                answers=answers,
            )
    except ServerError as exc:
        return before | {"reason": told(exc)}
    if not made.completed:
        attempt = builds.get(connection, made.build_id).attempt
        line = f"from {origin}, file {one.found.path}\n"
        logs.append(connection, made.build_id, attempt, line, now)
    return {
        "name": one.specification.name,
        "taken": one.found.digest,
        "build": made.build_id,
    }


def _tell(
    held: Held,
    connection: Connection,
    path: str,
    before: Mapping[str, Any],
    entry: Mapping[str, Any],
) -> None:
    """Tell of what changed about a file: in the list of events and in the server's log."""
    if "gone" in entry:
        kind, more = "source.gone", {}
    elif reason := entry.get("reason"):
        if before.get("reason") == reason and "gone" not in before:
            return
        kind, more = "source.refused", {"reason": reason}
    elif entry.get("build") != before.get("build"):
        kind, more = "source.taken", {"build": entry["build"]}
    else:
        kind, more = "source.kept", {}
    _log.log(
        logging.WARNING if kind == "source.refused" else logging.INFO,
        kind,
        extra={"source": held.source.id, "path": path, **more},
    )
    events.append(
        connection,
        kind,
        held.database.now(),
        namespace_id=held.source.namespace_id,
        build_id=entry.get("build") if kind == "source.taken" else None,
        data={"source": held.source.id, "path": path, **more},
    )


def _parts(
    pending: Iterable[tuple[str, dict[str, Any] | _Wanted]],
) -> Iterator[list[tuple[str, dict[str, Any] | _Wanted]]]:
    part: list[tuple[str, dict[str, Any] | _Wanted]] = []
    for one in pending:
        part.append(one)
        if len(part) == AT_ONCE:
            yield part
            part = []
    if part:
        yield part

"""Sources: places from which a namespace's specifications come, and how far each was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select, text

from stead.server.database.opening import take_turn
from stead.server.database.tables import namespace, source_file
from stead.server.database.tables import source as table
from stead.server.values import Source, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

_PUT = text(
    "INSERT INTO source (namespace_id, kind, location) VALUES (:namespace_id, :kind, :location) "
    "ON CONFLICT (namespace_id, kind, location) DO UPDATE SET kind = excluded.kind RETURNING id"
)

GONE = 200
"""How many files of a source are remembered that are not there any more."""

_PUT_FILE = text(
    "INSERT INTO source_file (source_id, path, name, taken, build_id, reason, gone_on) "
    "VALUES (:source_id, :path, :name, :taken, :build, :reason, :gone) "
    "ON CONFLICT (source_id, path) DO UPDATE SET name = excluded.name, taken = excluded.taken, "
    "build_id = excluded.build_id, reason = excluded.reason, gone_on = excluded.gone_on"
)
_FORGET = text(
    "DELETE FROM source_file WHERE source_id = :source_id AND path IN ("
    "SELECT path FROM source_file WHERE source_id = :source_id AND gone_on IS NOT NULL "
    "ORDER BY gone_on DESC, path LIMIT 1000000 OFFSET :kept)"
)
_FILES = text(
    "SELECT path, name, taken, build_id, reason, gone_on FROM source_file "
    "WHERE source_id = :source_id ORDER BY path"
)
_KEYS = ("name", "taken", "build", "reason", "gone")


def put(
    connection: Connection, namespace_id: int, kind: str, location: Mapping[str, Any]
) -> Source:
    """Keep a source, with its state where it is known already."""
    values = {"namespace_id": namespace_id, "kind": kind, "location": canonical(location)}
    made = connection.execute(_PUT, values).scalar_one()
    return _source(connection.execute(select(table).where(table.c.id == made)).one())


def set_state(connection: Connection, source_id: int, state: Mapping[str, Any]) -> None:
    """Keep how far a source was read."""
    values = {"state": orjson.dumps(state).decode()}
    connection.execute(table.update().where(table.c.id == source_id).values(**values))


def find(connection: Connection, source_id: int) -> Source | None:
    """Give a source by id; None where there is none."""
    row = connection.execute(select(table).where(table.c.id == source_id)).first()
    return None if row is None else _source(row)


def lease(
    connection: Connection, source_id: int, wanted: Mapping[str, Any], instead_of: object
) -> bool:
    """Take a source to work on it, in place of the lease that was seen; say whether it was still so.

    A lease is a mapping with a ``token`` that nobody else has, and ``beat``, which grows.
    """
    take_turn(connection)
    found = find(connection, source_id)
    if found is None or found.state.get("lease") != instead_of:
        return False
    set_state(connection, source_id, {**found.state, "lease": wanted})
    return True


def ask(connection: Connection, source_id: int) -> bool:
    """Ask whoever works on a source to look at it now; False where there is none."""
    take_turn(connection)
    found = find(connection, source_id)
    if found is None:
        return False
    set_state(connection, source_id, {**found.state, "asked": found.state.get("asked", 0) + 1})
    return True


def held(connection: Connection, source_id: int, token: str) -> Source | None:
    """Give a source as it is, to be changed in this transaction, if a token's lease holds it."""
    take_turn(connection)
    found = find(connection, source_id)
    if found is None or (found.state.get("lease") or {}).get("token") != token:
        return None
    return found


def remove(connection: Connection, source_id: int) -> bool:
    """Forget a source; False where there was none."""
    take_turn(connection)
    connection.execute(source_file.delete().where(source_file.c.source_id == source_id))
    return bool(connection.execute(table.delete().where(table.c.id == source_id)).rowcount)


def files(connection: Connection, source_id: int) -> dict[str, dict[str, Any]]:
    """Give what is known of a source's files, in order of their paths.

    Of each there is what :func:`put_files` was given.
    """
    found = connection.execute(_FILES, {"source_id": source_id})
    return {
        path: {key: value for key, value in zip(_KEYS, known, strict=True) if value is not None}
        for path, *known in found
    }


def put_files(
    connection: Connection, source_id: int, entries: Mapping[str, Mapping[str, Any]]
) -> None:
    """Keep what is known of files by their paths, in place of what was known of them.

    An entry may have ``name``, ``taken``, ``build``, ``reason``, and ``gone``: since when a
    file is not there. Of those that went, the last :data:`GONE` are remembered.
    """
    rows = [
        {"source_id": source_id, "path": path} | {key: entry.get(key) for key in _KEYS}
        for path, entry in entries.items()
    ]
    if not rows:
        return
    connection.execute(_PUT_FILE, rows)
    if any(row["gone"] is not None for row in rows):
        connection.execute(_FORGET, {"source_id": source_id, "kept": GONE})


def has_refused(connection: Connection, source_id: int) -> bool:
    """Say whether there is a file that was not taken."""
    query = select(source_file.c.path).where(
        source_file.c.source_id == source_id, source_file.c.reason.is_not(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def listed(connection: Connection, kind: str | None = None) -> tuple[Source, ...]:
    """Give the sources of all namespaces that are there, or those of one kind."""
    query = (
        select(table)
        .join(namespace, namespace.c.id == table.c.namespace_id)
        .where(namespace.c.deleted_on.is_(None))
        .order_by(table.c.id)
    )
    if kind is not None:
        query = query.where(table.c.kind == kind)
    return tuple(map(_source, connection.execute(query)))


def _source(row: Row[Any]) -> Source:
    return Source(
        row.id, row.namespace_id, row.kind, orjson.loads(row.location), orjson.loads(row.state)
    )

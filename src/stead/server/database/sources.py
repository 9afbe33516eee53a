"""Sources: places from which a namespace's specifications come, and how far each was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select, text

from stead.server.database.opening import take_turn
from stead.server.database.tables import namespace
from stead.server.database.tables import source as table
from stead.server.values import Source, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

_PUT = text(
    "INSERT INTO source (namespace_id, kind, location) VALUES (:namespace_id, :kind, :location) "
    "ON CONFLICT (namespace_id, kind, location) DO UPDATE SET kind = excluded.kind RETURNING id"
)


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
    return bool(connection.execute(table.delete().where(table.c.id == source_id)).rowcount)


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

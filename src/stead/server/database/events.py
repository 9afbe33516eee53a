"""What happened, in the order in which it was committed; only so much is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, select

from stead.server.database.opening import take_turn
from stead.server.database.tables import environment, event, namespace
from stead.server.values import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from stead.server.values import Moment

KEPT = 100_000
"""How many events are kept; who follows from further back has missed some."""

_TRIM_EVERY = 1_000


def append(
    connection: Connection,
    kind: str,
    now: Moment,
    *,
    namespace_id: int | None = None,
    environment_id: int | None = None,
    build_id: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> int:
    """Tell that something happened, and give the event's id.

    Waits for its turn: a reader that has seen an event will not find an older one later.
    """
    take_turn(connection)
    values = {
        "at": now,
        "kind": kind,
        "namespace_id": namespace_id,
        "environment_id": environment_id,
        "build_id": build_id,
        "data": orjson.dumps(data or {}).decode(),
    }
    made = int(connection.execute(event.insert().returning(event.c.id), values).scalar_one())
    if made % _TRIM_EVERY == 0:
        connection.execute(event.delete().where(event.c.id <= made - KEPT))
    return made


def after(
    connection: Connection,
    last: int,
    *,
    limit: int = 1_000,
    build_id: int | None = None,
) -> tuple[Event, ...]:
    """Give the events that follow one, oldest first; of one build only where it is named."""
    query = select(event).where(event.c.id > last).order_by(event.c.id).limit(limit)
    if build_id is not None:
        query = query.where(event.c.build_id == build_id)
    return tuple(_event(row) for row in connection.execute(query))


def newest(connection: Connection) -> int:
    """Give the id of the newest event; 0 where there is none."""
    return int(connection.execute(select(func.coalesce(func.max(event.c.id), 0))).scalar_one())


def oldest(connection: Connection) -> int:
    """Give the id of the oldest event that is kept; 1 where there is none."""
    return int(connection.execute(select(func.coalesce(func.min(event.c.id), 1))).scalar_one())


def named(
    connection: Connection, found: Sequence[Event]
) -> dict[int, tuple[str | None, str | None]]:
    """Give the names of the namespace and the environment that each event is about, by its id.

    Those of what was deleted too. None where it is about none.
    """
    held = {each.namespace_id for each in found} - {None}
    query = select(namespace.c.id, namespace.c.name).where(namespace.c.id.in_(held))
    homes = {row.id: row.name for row in connection.execute(query)}
    held = {each.environment_id for each in found} - {None}
    query = select(environment.c.id, environment.c.name).where(environment.c.id.in_(held))
    names = {row.id: row.name for row in connection.execute(query)}
    return {
        each.id: (homes.get(each.namespace_id or 0), names.get(each.environment_id or 0))
        for each in found
    }


def _event(row: Row[Any]) -> Event:
    return Event(
        row.id,
        row.at,
        row.kind,
        row.namespace_id,
        row.environment_id,
        row.build_id,
        orjson.loads(row.data),
    )

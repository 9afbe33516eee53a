"""How many bytes a namespace's builds take: what several of them hold counts once.

Each part that a namespace's builds hold has a row here with how many these are, changed in the
transaction in which a build claims the part or lets go of it. Its bytes are those in the
artifact store, none before it is there. Builds without parts count with their own size.

Callers have waited for their turn (:func:`stead.server.database.opening.take_turn`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, text, update

from stead.server.database import counters
from stead.server.database.tables import build_part, namespace_part, part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

MANY = 500
"""Rows that one statement names."""

_ONE_MORE = text(
    "INSERT INTO namespace_part (namespace_id, part_id, builds) "
    "VALUES (:namespace_id, :part_id, 1) ON CONFLICT (namespace_id, part_id) "
    "DO UPDATE SET builds = namespace_part.builds + 1"
)
_RECOUNT = (
    "SELECT b.namespace_id, h.part_id, count(*) FROM build_part h "
    "JOIN build b ON b.id = h.build_id GROUP BY b.namespace_id, h.part_id"
)


def take(connection: Connection, namespace_id: int, ids: Sequence[int]) -> None:
    """Count that one more build of a namespace holds these parts."""
    for at in range(0, len(ids), MANY):
        some = ids[at : at + MANY]
        held = select(namespace_part.c.part_id).where(
            namespace_part.c.namespace_id == namespace_id, namespace_part.c.part_id.in_(some)
        )
        known = set(connection.execute(held).scalars())
        rows = [{"namespace_id": namespace_id, "part_id": each} for each in some]
        connection.execute(_ONE_MORE, rows)
        _count(connection, namespace_id, [each for each in some if each not in known], 1)


def give_back(connection: Connection, namespace_id: int, ids: Sequence[int]) -> None:
    """Count that one build less of a namespace holds these parts; at most :data:`MANY` of them."""
    mine = (namespace_part.c.namespace_id == namespace_id, namespace_part.c.part_id.in_(ids))
    connection.execute(
        update(namespace_part).where(*mine).values(builds=namespace_part.c.builds - 1)
    )
    last = select(namespace_part.c.part_id).where(*mine, namespace_part.c.builds <= 0)
    gone = list(connection.execute(last).scalars())
    _count(connection, namespace_id, gone, -1)
    connection.execute(namespace_part.delete().where(*mine, namespace_part.c.builds <= 0))


def grow(connection: Connection, part_id: int, size: int) -> None:
    """Count that a part takes so many bytes more, in each namespace that holds it."""
    query = select(namespace_part.c.namespace_id).where(namespace_part.c.part_id == part_id)
    for namespace_id in sorted(connection.execute(query).scalars()):
        counters.add(connection, namespace_id, counters.SHARED, size=size)


def alone(connection: Connection, build_id: int, size: int) -> int:
    """Give the bytes that a build counts with besides its parts: its size, where it has none."""
    if not size:
        return 0
    held = select(build_part.c.part_id).where(build_part.c.build_id == build_id).limit(1)
    return size if connection.execute(held).first() is None else 0


def stored(connection: Connection) -> dict[tuple[int, int], int]:
    """Give how many builds hold a part, by namespace and part."""
    columns = namespace_part.c
    query = select(columns.namespace_id, columns.part_id, columns.builds)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def recount(connection: Connection) -> dict[tuple[int, int], int]:
    """Count this anew; what :func:`stored` must equal."""
    return {(row[0], row[1]): row[2] for row in connection.execute(text(_RECOUNT))}


def repair(connection: Connection) -> None:
    """Write this anew. The counters are another matter."""
    connection.execute(namespace_part.delete())
    connection.execute(
        text(f"INSERT INTO namespace_part (namespace_id, part_id, builds) {_RECOUNT}")
    )


def _count(connection: Connection, namespace_id: int, ids: Sequence[int], sign: int) -> None:
    if not ids:
        return
    total = select(func.coalesce(func.sum(part.c.packed), 0)).where(part.c.id.in_(ids))
    if size := int(connection.execute(total).scalar_one()):
        counters.add(connection, namespace_id, counters.SHARED, size=sign * size)

"""Which parts builds consist of, which are kept, and which nobody needs any more.

A build claims its parts before they are put into the artifact store, and holds them until it
is deleted or fails. A part that nobody holds loses its row in the transaction that lets go of
it, and its key is put on a list of what is to be removed from the artifact store. Whoever
claims the same part later gets another row and thereby another key: so what is removed is never
what somebody counts on, whenever it is removed.

In each namespace a part counts once, with the bytes that it takes in the artifact store, from
the first of its builds that holds it until the last one lets go (:mod:`.shares`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text, update

from stead.server.database import shares
from stead.server.database.opening import take_turn
from stead.server.database.tables import answer, build, build_part, part, removal
from stead.server.values import BuildStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from stead.server.values import Moment
    from stead.values.parts import PackedPart

_KEY = re.compile(r"parts/../[0-9a-f]+-(\d+)\.tar\.gz")

MANY = 500
"""Rows that one statement names."""

_PUT = text(
    "INSERT INTO part (sha256, size) VALUES (:sha256, :size) "
    "ON CONFLICT (sha256) DO UPDATE SET size = excluded.size RETURNING id, packed"
)
_HOLD = text(
    "INSERT INTO build_part (build_id, part_id) VALUES (:build_id, :part_id) ON CONFLICT DO NOTHING"
)
_ANSWERS = text(
    "INSERT INTO answer (question, build_id) VALUES (:question, :build_id) ON CONFLICT DO NOTHING"
)
_DONE = (build.c.status == BuildStatus.COMPLETED.value, build.c.deleted_on.is_(None))
_REMOVE = text(
    "INSERT INTO removal (key, since) VALUES (:key, :since) ON CONFLICT (key) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A part that a build holds; ``packed`` is its size in the artifact store, None before it is there."""

    id: int
    sha256: str
    packed: int | None

    @property
    def key(self) -> str:
        """Where the artifact store has it."""
        return key_of(self.id, self.sha256)


def key_of(part_id: int, sha256: str) -> str:
    """Give the key of a part in the artifact store; of one row and no other."""
    return f"parts/{sha256[:2]}/{sha256}-{part_id}.tar.gz"


def id_of(key: str) -> int | None:
    """Give the row whose part has this key in the artifact store; None for a key of another form."""
    found = _KEY.fullmatch(key)
    return int(found[1]) if found else None


def claim(
    connection: Connection, build_id: int, attempt: int, parts: Iterable[PackedPart], now: Moment
) -> dict[str, Claimed] | None:
    """Let a build hold these parts and no others; gives them by their sha256.

    None where the attempt does not count any more.
    """
    take_turn(connection)
    if not _counts(connection, build_id, attempt):
        return None
    before = set(_held(connection, build_id))
    held: dict[str, Claimed] = {}
    for one in sorted(parts, key=lambda p: p.sha256):
        row = connection.execute(_PUT, {"sha256": one.sha256, "size": one.size}).one()
        held[one.sha256] = Claimed(int(row.id), one.sha256, row.packed)
        connection.execute(_HOLD, {"build_id": build_id, "part_id": row.id})
    wanted = {one.id for one in held.values()}
    shares.take(connection, _namespace_of(connection, build_id), sorted(wanted - before))
    _let_go(connection, build_id, sorted(before - wanted), now)
    return held


def arrived(connection: Connection, packed: Iterable[tuple[int, int]]) -> None:
    """Keep that parts are in the artifact store: id, and size there."""
    # Before their rows, as whoever claims them does.
    take_turn(connection)
    for part_id, size in sorted(packed):
        known = connection.execute(select(part.c.packed).where(part.c.id == part_id)).scalar()
        gone = connection.execute(update(part).where(part.c.id == part_id).values(packed=size))
        if gone.rowcount:
            shares.grow(connection, part_id, size - (known or 0))


def answers(connection: Connection, build_id: int, attempt: int, question: str) -> None:
    """Keep that a build, or its lock, answers a question, if the attempt counts."""
    if _counts(connection, build_id, attempt):
        connection.execute(_ANSWERS, {"question": question, "build_id": build_id})


def answering(connection: Connection, question: str) -> tuple[int, ...]:
    """Give the completed builds that answer a question, or whose lock does, the newest first."""
    query = (
        select(build.c.id)
        .join(answer, answer.c.build_id == build.c.id)
        .where(answer.c.question == question, *_DONE)
        .order_by(build.c.id.desc())
        .limit(MANY)
    )
    return tuple(int(row[0]) for row in connection.execute(query))


def release(connection: Connection, build_id: int, now: Moment) -> None:
    """Let a build hold no parts; those that nobody holds then are to be removed."""
    connection.execute(answer.delete().where(answer.c.build_id == build_id))
    _let_go(connection, build_id, _held(connection, build_id), now)


def find(connection: Connection, build_id: int, sha256: str) -> Claimed | None:
    """Give a part of a build; None where it has none of this sha256."""
    query = (
        select(part.c.id, part.c.sha256, part.c.packed)
        .join(build_part, build_part.c.part_id == part.c.id)
        .where(build_part.c.build_id == build_id, part.c.sha256 == sha256)
    )
    row = connection.execute(query).first()
    return None if row is None else Claimed(int(row.id), row.sha256, row.packed)


def packed_bytes(connection: Connection, build_id: int) -> int:
    """Give the bytes that a build's parts take in the artifact store."""
    query = (
        select(func.coalesce(func.sum(part.c.packed), 0))
        .join(build_part, build_part.c.part_id == part.c.id)
        .where(build_part.c.build_id == build_id)
    )
    return int(connection.execute(query).scalar_one())


def by_store_key(connection: Connection, key: str) -> tuple[int, ...]:
    """Give the completed builds that have a build's key, the newest first."""
    query = (
        select(build.c.id)
        .where(
            build.c.store_key >= f"{key}-",
            build.c.store_key < f"{key}.",
            *_DONE,
        )
        .order_by(build.c.id.desc())
        .limit(MANY)
    )
    return tuple(int(row[0]) for row in connection.execute(query))


def to_remove(connection: Connection, most: int = MANY) -> tuple[str, ...]:
    """Give keys that are to be removed from the artifact store."""
    return tuple(connection.execute(select(removal.c.key).limit(most)).scalars())


def removed(connection: Connection, keys: Sequence[str]) -> None:
    """Forget keys that are removed."""
    connection.execute(removal.delete().where(removal.c.key.in_(keys)))


def remove_later(connection: Connection, keys: Iterable[str], now: Moment) -> None:
    """Put keys on the list of what is to be removed."""
    for key in sorted(keys):
        connection.execute(_REMOVE, {"key": key, "since": now})


def _counts(connection: Connection, build_id: int, attempt: int) -> bool:
    query = select(build.c.id).where(
        build.c.id == build_id,
        build.c.attempt == attempt,
        build.c.status == BuildStatus.BUILDING.value,
        build.c.deleted_on.is_(None),
    )
    return connection.execute(query).first() is not None


def _namespace_of(connection: Connection, build_id: int) -> int:
    query = select(build.c.namespace_id).where(build.c.id == build_id)
    return int(connection.execute(query).scalar_one())


def _held(connection: Connection, build_id: int) -> list[int]:
    query = select(build_part.c.part_id).where(build_part.c.build_id == build_id)
    return [int(row[0]) for row in connection.execute(query)]


def _let_go(connection: Connection, build_id: int, ids: Sequence[int], now: Moment) -> None:
    home = _namespace_of(connection, build_id) if ids else 0
    for at in range(0, len(ids), MANY):
        some = ids[at : at + MANY]
        # Before the parts' own rows, to which these refer.
        shares.give_back(connection, home, some)
        connection.execute(
            build_part.delete().where(
                build_part.c.build_id == build_id, build_part.c.part_id.in_(some)
            )
        )
        still = select(build_part.c.part_id).where(build_part.c.part_id == part.c.id)
        query = select(part.c.id, part.c.sha256).where(part.c.id.in_(some), ~still.exists())
        gone = connection.execute(query).all()
        remove_later(connection, (key_of(row.id, row.sha256) for row in gone), now)
        connection.execute(part.delete().where(part.c.id.in_([row.id for row in gone])))

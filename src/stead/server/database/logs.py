"""Build logs, appended in chunks: each is a row, and nothing is written twice.

Offsets count bytes of the log's UTF-8; a reader goes on from the end of what it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from stead.server.database.tables import log_chunk as table
from stead.server.values import LogChunk

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stead.server.values import Moment

MOST = 256 * 1024
"""How many bytes a reader is given at once."""

_COLUMNS = (
    table.c.build_id,
    table.c.seq,
    table.c.attempt,
    table.c.start,
    table.c.at,
    table.c.text,
)

# The last chunk's size is reckoned by the database: its text need not come here.
_APPEND = {
    "sqlite": "length(cast(text AS blob))",
    "postgresql": "octet_length(text)",
}
_STATEMENTS = {
    dialect: text(
        "INSERT INTO log_chunk (build_id, seq, attempt, start, at, text) "  # noqa: S608
        "SELECT build.id, coalesce(last.seq, 0) + 1, build.attempt, coalesce(last.after, 0), "
        ":at, :text FROM build LEFT JOIN "
        f"(SELECT seq, start + {size} AS after FROM log_chunk WHERE build_id = :build_id "
        "ORDER BY seq DESC LIMIT 1) AS last ON 1 = 1 "
        "WHERE build.id = :build_id AND build.attempt = :attempt RETURNING seq"
    )
    for dialect, size in _APPEND.items()
}


def append(
    connection: Connection, build_id: int, attempt: int, lines: str, now: Moment
) -> int | None:
    """Append some lines, and give the chunk's number, from 1.

    None, with nothing appended, where the build was handed out anew since: the lines
    are those of a worker that was taken for dead. Only one process appends for an attempt.
    """
    if not lines:
        return None
    # A log may hold what a program printed; PostgreSQL's text cannot hold this one.
    values = {
        "build_id": build_id,
        "attempt": attempt,
        "text": lines.replace("\x00", "\ufffd"),
        "at": now,
    }
    made = connection.execute(_STATEMENTS[connection.dialect.name], values).scalar()
    return None if made is None else int(made)


def read(
    connection: Connection, build_id: int, offset: int = 0, *, most: int = MOST
) -> tuple[str, int]:
    """Give the log from an offset on, about ``most`` bytes of it, and the offset of what follows.

    An offset within a character is taken for that of the next one.
    """
    first = (
        select(func.coalesce(func.max(table.c.start), 0))
        .where(table.c.build_id == build_id, table.c.start <= offset)
        .scalar_subquery()
    )
    query = (
        select(*_COLUMNS)
        .where(
            table.c.build_id == build_id,
            table.c.start >= first,
            table.c.start < offset + most,
        )
        .order_by(table.c.start)
    )
    parts: list[bytes] = []
    end = offset
    for row in connection.execute(query):
        chunk = LogChunk(*row)
        parts.append(chunk.text.encode()[max(offset - chunk.start, 0) :])
        end = max(end, chunk.end)
    return b"".join(parts).decode(errors="ignore"), end


def chunks(
    connection: Connection, build_id: int, after: int = 0, *, limit: int = 200
) -> tuple[LogChunk, ...]:
    """Give the chunks that follow one, oldest first: what a reader that follows along asks for."""
    query = (
        select(*_COLUMNS)
        .where(table.c.build_id == build_id, table.c.seq > after)
        .order_by(table.c.seq)
        .limit(limit)
    )
    return tuple(LogChunk(*row) for row in connection.execute(query))


def remove(connection: Connection, build_id: int) -> int:
    """Remove a build's log; gives how many chunks there were."""
    return connection.execute(table.delete().where(table.c.build_id == build_id)).rowcount

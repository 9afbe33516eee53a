"""Reading through the driver itself: for the few questions that are asked a thousand times a second.

SQLAlchemy takes longer to hand over a page than SQLite takes to find it. Statements are
written with ``:name`` for parameters, as everywhere else here, are prepared once per
connection, and each sees what was committed when it began.
"""

from __future__ import annotations

import re
import sqlite3
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL

Rows = list[tuple[Any, ...]]

GENERIC = "-c plan_cache_mode=force_generic_plan -c jit=off"
"""Plans once per statement. Planning for each value takes longer than most answers here, and
guesses from a pattern how few rows it finds: then all are read and sorted for the first hundred.
To compile a statement takes many times what is saved by that.
"""

CONNECT_SECONDS = 5
"""After so long a server that does not even refuse is taken for gone: requests wait meanwhile."""


class Reader(Protocol):
    """A pool of connections that only read."""

    def rows(self, statement: str, values: Mapping[str, Any]) -> Rows:
        """Ask one question, and give all rows."""

    def close(self) -> None:
        """Close the connections."""


class SqliteReader:
    """Connections to SQLite's file; as many as there are threads that read at once."""

    def __init__(self, url: URL) -> None:
        self._path = str(url.database)
        self._free: list[sqlite3.Connection] = []

    def rows(self, statement: str, values: Mapping[str, Any]) -> Rows:
        """Ask one question, and give all rows."""
        connection = self._free.pop() if self._free else self._open()
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            self._free.append(connection)

    def close(self) -> None:
        """Close the connections."""
        while self._free:
            self._free.pop().close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA mmap_size = 268435456")
        return connection


class PostgresReader:
    """Connections to PostgreSQL; one that was lost is opened anew, once."""

    def __init__(self, url: URL) -> None:
        plain = url.set(drivername="postgresql")
        self._url = plain.render_as_string(hide_password=False)
        # Cursors are kept with their connections: making one takes as long as a short answer.
        self._free: list[psycopg.Cursor[tuple[Any, ...]]] = []

    def rows(self, statement: str, values: Mapping[str, Any]) -> Rows:
        """Ask one question, and give all rows."""
        # What has no values is sent as it is.
        query = _pyformat(statement) if values else statement.encode()
        while self._free:
            cursor = self._free.pop()
            try:
                return self._ask(cursor, query, values)
            except psycopg.OperationalError:
                # Lost with its server; then the others are too.
                continue
        fresh = psycopg.connect(
            self._url,
            autocommit=True,
            application_name="stead-reads",
            options=GENERIC,
            connect_timeout=CONNECT_SECONDS,
        )
        return self._ask(fresh.cursor(), query, values)

    def _ask(
        self,
        cursor: psycopg.Cursor[tuple[Any, ...]],
        query: bytes,
        values: Mapping[str, Any],
    ) -> Rows:
        try:
            found = cursor.execute(query, values or None, prepare=True).fetchall()
        except BaseException:
            cursor.connection.close()
            raise
        self._free.append(cursor)
        return found

    def close(self) -> None:
        """Close the connections."""
        while self._free:
            self._free.pop().connection.close()


def reader(url: URL) -> Reader:
    """Make the reader of a database."""
    return SqliteReader(url) if url.get_backend_name() == "sqlite" else PostgresReader(url)


@lru_cache(maxsize=1024)
def _pyformat(statement: str) -> bytes:
    """Write ``:name`` as psycopg wants parameters."""
    return re.sub(r":(\w+)", r"%(\1)s", statement.replace("%", "%%")).encode()

"""Hearing at once of builds that are admitted, instead of looking for them all the time.

SQLite counts the commits of others, and a glance at that costs no transaction; PostgreSQL
tells those who listen. It is looked now and then besides: a bell only makes it sooner.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

from stead.server.engine.queue import CHANNEL, QUEUE

if TYPE_CHECKING:
    from stead.server.database.opening import Database

_FILLED = "SELECT 1 FROM workflow_status WHERE queue_name = ? AND status = 'ENQUEUED' LIMIT 1"

_GLANCE = 0.01
"""Seconds between two glances at SQLite's count."""

_AGAIN = 1.0
"""Seconds until a lost connection is made anew."""


class Bell(Protocol):
    """Hears that something may be there to be taken."""

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, or for so long; say whether a look is worth its while."""

    def close(self) -> None:
        """Hear nothing any more."""


def hang(database: Database) -> Bell:
    """Give what hears of a database. For one thread."""
    return _Count(database) if database.dialect == "sqlite" else _Listener(database)


class _Count:
    def __init__(self, database: Database) -> None:
        path = database.engine.url.database
        assert path is not None
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._known = -1

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(sqlite3.OperationalError):  # busy: there is more to come
                (now,) = self._connection.execute("PRAGMA data_version").fetchone()
                if now != self._known:
                    self._known = now
                    if self._is_filled():
                        return True
            time.sleep(_GLANCE)
        return self._is_filled()

    def _is_filled(self) -> bool:
        return self._connection.execute(_FILLED, (QUEUE,)).fetchone() is not None

    def close(self) -> None:
        self._connection.close()


class _Listener:
    def __init__(self, database: Database) -> None:
        self._address = database.engine.url.set(drivername="postgresql").render_as_string(
            hide_password=False
        )
        self._connection: psycopg.Connection[Any] | None = None
        self._tried = -_AGAIN

    def wait(self, seconds: float) -> bool:
        try:
            connection = self._connected()
            if connection is not None:
                for _ in connection.notifies(timeout=seconds, stop_after=1):
                    pass
                return True
        except psycopg.Error:
            self.close()
        time.sleep(seconds)
        return True

    def _connected(self) -> psycopg.Connection[Any] | None:
        if self._connection is None and time.monotonic() - self._tried >= _AGAIN:
            self._tried = time.monotonic()
            self._connection = psycopg.connect(self._address, autocommit=True)
            self._connection.execute(f"LISTEN {CHANNEL}")
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

"""Opening the database: SQLite in one file, or PostgreSQL with a pool.

Both behave alike to what stands above: a write begins with the right to write
(SQLite's ``BEGIN IMMEDIATE``; PostgreSQL's locks), reads see one state and never
wait for writers.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import QueuePool

from stead.server.database.names import Names
from stead.server.database.reading import reader
from stead.server.values import ServerError, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine

    from stead.server.values import Moment

BUSY_SECONDS = 30.0
"""How long a writer waits for its turn in SQLite."""

_QUEUE = 0x73746561
"""The number of PostgreSQL's lock that :meth:`Database.take_turn` takes."""


class Database:
    """An open database. Closed by :meth:`close`, or as a context manager."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        """``sqlite`` or ``postgresql``."""
        self._clock = clock
        self._writing = engine.execution_options(stead_writes=True)
        self.reader = reader(engine.url)
        """For the few questions that are asked very often."""
        self.names = Names(self.reader, self.dialect)
        self._reading = engine.execution_options(postgresql_readonly=True)

    def now(self) -> Moment:
        """Tell the time by the one clock."""
        return moment(self._clock())

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction that writes: committed at the end, rolled back by an exception."""
        with self._writing.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection for reading; what is written through it is not kept."""
        with self._reading.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.reader.close()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take_turn(connection: Connection) -> None:
    """Wait until no other transaction changes where builds stand, and keep others waiting.

    Every function that changes a build's status calls this first. SQLite has one
    writer anyway; PostgreSQL gets the same order, so that admission sees all builds
    that stand before it, counters are never locked in two orders, and events are
    committed in the order of their ids.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_QUEUE})")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def open_database(
    url: str, *, clock: Callable[[], datetime] = _utc_now, connections: int = 20
) -> Database:
    """Open a database by URL: ``sqlite:///PATH`` or ``postgresql://…``.

    Nothing is created but SQLite's file; the tables come from
    :func:`stead.server.database.migrations.upgrade`. Raises :class:`ServerError`
    for a URL of another kind.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:
        raise ServerError(
            "the database's URL cannot be read", remedy="write sqlite:///PATH or postgresql://…"
        ) from exc
    kind = parsed.get_backend_name()
    try:
        if kind == "sqlite":
            return Database(_sqlite(parsed, connections), clock)
        if kind in ("postgresql", "postgres"):
            return Database(_postgresql(parsed, connections), clock)
    except NoSuchModuleError as exc:
        raise ServerError(f"there is no driver for {parsed.drivername}") from exc
    raise ServerError(
        f"a database of the kind {kind!r} is not known",
        remedy="write sqlite:///PATH or postgresql://…",
    )


def _postgresql(url: URL, connections: int) -> Engine:
    return sqlalchemy.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=0,
        # A server that was started anew is found by the first who asks.
        pool_pre_ping=True,
        connect_args={"application_name": "stead", "prepare_threshold": 2},
    )


def _sqlite(url: URL, connections: int) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ServerError(
            "the database must be a file, because several processes share it",
            remedy="write sqlite:///PATH",
        )
    engine = sqlalchemy.create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        # Transactions are begun below, not by the driver's guess at statements.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        # In WAL this loses no committed state to a crash of the program, and none
        # of its consistency to one of the machine.
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute("PRAGMA cache_size = -16000")
        cursor.execute("PRAGMA mmap_size = 268435456")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("stead_writes")
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA query_only = {0 if writes else 1}")
        driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def reachable(database: Database) -> bool:
    """Say whether the database answers."""
    try:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
    except OperationalError:
        return False
    return True

"""Admitted builds as DBOS's workflows: a build's row and its workflow's are one transaction.

DBOS keeps its tables in the same database (in PostgreSQL in the schema ``dbos``), so the
transaction that admits a build also writes the workflow which a worker will find.

What DBOS would choose by itself and must not: the application's version, by default a
digest of the code, with which a worker of another version takes nothing; and pickle,
with which whoever writes to the database runs code in the workers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy import create_engine, event, text

from stead.server.values import instant

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from stead.server.database.opening import Database
    from stead.server.values import Build, Moment

QUEUE = "builds"
WORKFLOW = "build"
VERSION = "stead-1"
"""What servers and workers must agree on; changed when the workflow's steps change."""

SCHEMA = "dbos"
CHANNEL = "stead_builds"
"""What PostgreSQL notifies of builds that are there to be taken."""

SERIALIZER = DBOSPortableJSONSerializer()


def url_of(database: Database) -> str:
    """Give the database's URL, with its password, as DBOS takes it."""
    kind = "sqlite" if database.dialect == "sqlite" else "postgresql"
    return database.engine.url.set(drivername=kind).render_as_string(hide_password=False)


def settings_of(database: Database) -> dict[str, Any]:
    """Give what DBOS and its clients are told of the database."""
    told: dict[str, Any] = {"system_database_url": url_of(database), "serializer": SERIALIZER}
    if database.dialect == "sqlite":
        told["system_database_engine"] = _sqlite_engine(url_of(database))
    return told


def _sqlite_engine(url: str) -> Engine:
    """Make what DBOS would, but for what it waits for: in WAL, not for the disk at each commit.

    As with the store's own connections, a crash of programs loses nothing that was committed.
    """
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine


def ring(connection: Connection) -> None:
    """Tell workers that listen, once the caller's transaction is committed."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")


def migrate(database: Database) -> None:
    """Make DBOS's tables, or bring them up to date."""
    DBOS.migrate(url_of(database), schema=SCHEMA)


_TAKE_BACK = """
UPDATE {schema}workflow_status
SET status = 'ENQUEUED', queue_name = :queue, owner_xid = NULL, started_at_epoch_ms = NULL,
    recovery_attempts = 0, updated_at = :now
WHERE workflow_uuid = :workflow AND status = 'PENDING' AND executor_id = :executor
"""


def take_back(connection: Connection, workflow_id: str, executor: str, now: Moment) -> bool:
    """Put a workflow that an executor has back into the queue, within the caller's transaction.

    DBOS's own way is a transaction of its own, and does not ask who has the workflow: of two
    who recover it at once, the second would take it from the worker that goes on with it.
    Says whether that executor still had it.
    """
    schema = f"{SCHEMA}." if connection.dialect.name == "postgresql" else ""
    values = {
        "queue": QUEUE,
        "workflow": workflow_id,
        "executor": executor,
        "now": int(instant(now).timestamp() * 1000),
    }
    done = connection.execute(text(_TAKE_BACK.format(schema=schema)), values)
    ring(connection)
    return bool(done.rowcount)


_HELD = """
SELECT workflow_uuid FROM {schema}workflow_status
WHERE status = 'PENDING' AND executor_id = :executor AND queue_name = :queue
"""


def held_by(connection: Connection, executor: str) -> list[str]:
    """Give the workflows that an executor has taken and not ended."""
    schema = f"{SCHEMA}." if connection.dialect.name == "postgresql" else ""
    values = {"executor": executor, "queue": QUEUE}
    return list(connection.execute(text(_HELD.format(schema=schema)), values).scalars())


class BuildQueue:
    """Hands admitted builds to DBOS. Closed by :meth:`close`.

    DBOS's tables must be there (:func:`migrate`). The workflow is called with the build's
    id and its attempt.
    """

    def __init__(self, database: Database) -> None:
        self._settings = settings_of(database)
        self.client = DBOSClient(
            **self._settings,
            dbos_system_schema=SCHEMA,
            lazy=True,
            # A worker that waits in here for the database does not tell that it is alive.
            retry_connection_errors=False,
        )

    def enqueue(self, connection: Connection, build: Build) -> None:
        """Write the workflow of a build's attempt within the caller's transaction."""
        assert build.workflow_id is not None
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": build.workflow_id,
            "workflow_id_reuse_policy": "reject",
            "app_version": VERSION,
        }
        self.client.enqueue_in_transaction(connection, options, build.id, build.attempt)
        ring(connection)

    def close(self) -> None:
        """Close the connections."""
        self.client.destroy()
        if engine := self._settings.get("system_database_engine"):
            engine.dispose()  # the client leaves what it was given

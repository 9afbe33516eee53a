"""Admitted builds as DBOS's workflows: a build's row and its workflow's are one transaction.

DBOS keeps its tables in the same database (in PostgreSQL in the schema ``dbos``), so the
transaction that admits a build also writes the workflow which a worker will find.

What DBOS would choose by itself and must not: the application's version, by default a
digest of the code, with which a worker of another version takes nothing; and pickle,
with which whoever writes to the database runs code in the workers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy import text

from stead.server.values import instant

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stead.server.database.opening import Database
    from stead.server.values import Build, Moment

QUEUE = "builds"
WORKFLOW = "build"
VERSION = "stead-1"
"""What servers and workers must agree on; changed when the workflow's steps change."""

SCHEMA = "dbos"
SERIALIZER = DBOSPortableJSONSerializer()


def url_of(database: Database) -> str:
    """Give the database's URL, with its password, as DBOS takes it."""
    kind = "sqlite" if database.dialect == "sqlite" else "postgresql"
    return database.engine.url.set(drivername=kind).render_as_string(hide_password=False)


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
    return bool(done.rowcount)


class BuildQueue:
    """Hands admitted builds to DBOS. Closed by :meth:`close`.

    DBOS's tables must be there (:func:`migrate`). The workflow is called with the build's
    id and its attempt.
    """

    def __init__(self, database: Database) -> None:
        self.client = DBOSClient(
            system_database_url=url_of(database),
            dbos_system_schema=SCHEMA,
            serializer=SERIALIZER,
            lazy=True,
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

    def close(self) -> None:
        """Close the connections."""
        self.client.destroy()

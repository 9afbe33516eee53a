"""Finding workers that died, and having others go on with what they were at.

A worker is dead once nothing was heard of it for two full lease periods, measured on
the reaper's own clock, and only while the reaper itself had contact with the database
all the time: after an outage every worker looks silent. Whoever started a worker's process
knows sooner, and says so (:func:`hand_on_from`).

What a dead or stopped worker's workflows become is decided by the builds' rows. A
build that is still wanted gets the next attempt number and its workflow goes back to
the queue, by name: without one DBOS would run it wherever, without bounds. The rest is
deleted, and so are workflows that have ended.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from stead.server.database import builds, logs, workers
from stead.server.database.opening import take_turn
from stead.server.database.tables import worker as worker_table
from stead.server.engine.queue import WORKFLOW, take_back
from stead.server.engine.steady import OUTAGES
from stead.server.values import BuildStatus, later

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbos import DBOSClient
    from sqlalchemy import Connection

    from stead.server.database.opening import Database
    from stead.server.engine.retry import Retry
    from stead.server.values import Build, Moment, Worker

MOST = 200
"""How many workflows that have ended are deleted at once."""

_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


@dataclass(slots=True)
class Silence:
    """Who was not heard of for how long, seen from one place. ``lease`` is in seconds."""

    lease: float
    _heard: dict[int, tuple[Moment, float]] = field(default_factory=dict)
    _looked: float | None = None

    def broken(self) -> None:
        """Tell that the database did not answer: all that was measured counts no more."""
        self._heard.clear()
        self._looked = None

    def look(self, found: Iterable[Worker], clock: float) -> list[Worker]:
        """Take what the database says at a time of the own clock; gives who is dead."""
        if self._looked is not None and clock - self._looked > self.lease:
            self.broken()  # no look for a whole lease is no unbroken contact
        self._looked = clock
        heard: dict[int, tuple[Moment, float]] = {}
        dead = []
        for worker in found:
            seen, since = self._heard.get(worker.id, ("", clock))
            if seen != worker.seen_on:
                since = clock
            heard[worker.id] = (worker.seen_on, since)
            if clock - since >= 2 * self.lease:
                dead.append(worker)
        self._heard = heard
        return dead


def bury(database: Database, dead: Iterable[Worker]) -> list[int]:
    """Note that workers are dead, unless they were heard of in the meantime; gives who is."""
    table = worker_table
    buried = []
    with database.begin() as connection:
        for worker in dead:
            statement = (
                table.update()
                .where(
                    table.c.id == worker.id,
                    table.c.seen_on == worker.seen_on,
                    table.c.state.in_((workers.RUNNING, workers.STOPPING)),
                )
                .values(state=workers.DEAD)
            )
            if connection.execute(statement).rowcount:
                buried.append(worker.id)
    return buried


def alive(database: Database) -> list[Worker]:
    """Give the workers that should be heard of."""
    with database.read() as connection:
        return list(workers.listed(connection, states=(workers.RUNNING, workers.STOPPING)))


def hand_on(database: Database, client: DBOSClient, *, died: bool = True) -> list[int]:
    """Have others go on with what belongs to no living worker; gives the builds' ids."""
    pending = client.list_workflows(
        name=WORKFLOW, status="PENDING", load_input=False, load_output=False
    )
    # After the workflows: a worker that began since is among them.
    living = {str(worker.id) for worker in alive(database)}
    handed = []
    for workflow in pending:
        if workflow.executor_id in living:
            _drop_if_canceled(database, client, workflow.workflow_id)
            continue
        executor = workflow.executor_id or ""
        build, kept = _recovered(database, workflow.workflow_id, executor, died=died)
        if build is not None:
            handed.append(build.id)
        elif not kept:
            client.delete_workflow(workflow.workflow_id)
    return handed


def hand_on_from(database: Database, client: DBOSClient, worker_id: int) -> list[int]:
    """Have others go on with what a worker had whose processes are gone; gives the builds' ids.

    Nothing is done for one that stopped in order, or was taken for dead already.
    """
    table = worker_table
    statement = (
        table.update()
        .where(table.c.id == worker_id, table.c.state.in_((workers.RUNNING, workers.STOPPING)))
        .values(state=workers.DEAD)
    )
    with database.begin() as connection:
        if not connection.execute(statement).rowcount:
            return []
    return hand_on(database, client)


def _recovered(
    database: Database, workflow_id: str, executor: str, *, died: bool
) -> tuple[Build | None, bool]:
    """Put a workflow back into the queue, its build under the next attempt: both or neither.

    Gives the build, and whether the workflow is still good for something.
    """
    with database.begin() as connection:
        take_turn(connection)
        now = database.now()
        found = builds.find(connection, _build_of(workflow_id))
        if found is None or found.workflow_id != workflow_id or found.deleted_on is not None:
            return None, False
        # What is published has only what comes after it left.
        if found.status is not BuildStatus.COMPLETED and not found.is_admitted:
            return None, False
        if not take_back(connection, workflow_id, executor, now):
            return None, True  # somebody else was first
        if found.status is BuildStatus.COMPLETED:
            return found, True
        begun = found.status is BuildStatus.BUILDING
        again = builds.recover(connection, found.id, found.attempt, now, died=died and begun)
        if again is not None and again.deaths > found.deaths:
            _tell(connection, again, now)
        goes_on = again is not None and again.status.is_live
        return (again, True) if goes_on else (None, False)


def _tell(connection: Connection, again: Build, now: Moment) -> None:
    """Have a build's log say that its worker died, for those who read along."""
    # A worker that was only slow may write at this moment, under the same number: go on without.
    with contextlib.suppress(IntegrityError), connection.begin_nested():
        logs.append(connection, again.id, again.attempt, f"{again.status_info}\n", now)


def _drop_if_canceled(database: Database, client: DBOSClient, workflow_id: str) -> None:
    with database.read() as connection:
        found = builds.find(connection, _build_of(workflow_id))
    if found is None or found.status is BuildStatus.CANCELED or found.deleted_on is not None:
        client.delete_workflow(workflow_id)


def delete_ended(database: Database, client: DBOSClient, retry: Retry) -> int:
    """Delete workflows that have ended, except those whose results a retry may take.

    Where one ended by a fault and its build waits for it, the build fails; where that was the
    database's, which did not answer, it is tried again.
    """
    ended = client.list_workflows(
        name=WORKFLOW, status=_ENDED, limit=MOST, load_input=False, load_output=False
    )
    gone = []
    for workflow in ended:
        with database.read() as connection:
            found = builds.find(connection, _build_of(workflow.workflow_id))
        if found is None or not found.status.is_live:
            gone.append(workflow.workflow_id)
        elif workflow.status != "SUCCESS" and found.workflow_id == workflow.workflow_id:
            _end(database, client, found, retry)
    if gone:
        client.delete_workflows(gone)
    return len(gone)


def _end(database: Database, client: DBOSClient, found: Build, retry: Retry) -> None:
    """End a build whose workflow ended by a fault, or have it tried again: nobody else would."""
    ended = client.list_workflows(workflow_ids=[str(found.workflow_id)], load_input=False)
    outage = any(getattr(one.error, "name", "") in OUTAGES for one in ended)
    wait = retry.wait(found.retries) if outage else None
    with database.begin() as connection:
        now = database.now()
        if wait is not None:
            builds.retry(
                connection,
                found.id,
                found.attempt,
                now,
                not_before=later(now, wait),
                why="waits to be tried again: the database did not answer",
            )
            return
        builds.fail(
            connection,
            found.id,
            found.attempt,
            now,
            reason="the store failed while it built this; its own log tells more",
        )


def _build_of(workflow_id: str) -> int:
    """Give the id of the build that a workflow is of: ``build-ID-ATTEMPT``."""
    return int(workflow_id.split("-")[1])

"""Builds that are let through and their workflows: each has the other.

What a dead worker leaves is no fault: the next worker takes it up. What is looked for here is
what nobody would take up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from stead.server.checks.values import Finding, rows
from stead.server.database import builds
from stead.server.database.opening import take_turn
from stead.server.engine.queue import SCHEMA, WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from stead.server.checks.values import Checked

_LET_THROUGH = (
    "SELECT b.id FROM build b WHERE b.deleted_on IS NULL AND b.status IN ('QUEUED', 'BUILDING') "
    "AND (b.status = 'BUILDING' OR b.admitted_on IS NOT NULL) AND NOT EXISTS ("
    "SELECT 1 FROM {schema}workflow_status w WHERE w.workflow_uuid = b.workflow_id "
    "AND w.status IN ('ENQUEUED', 'PENDING', 'DELAYED')) ORDER BY b.id"
)
_NOBODYS = (
    "SELECT w.workflow_uuid FROM {schema}workflow_status w WHERE w.name = :name "
    "AND w.status IN ('ENQUEUED', 'PENDING', 'DELAYED') AND NOT EXISTS ("
    "SELECT 1 FROM build b WHERE b.workflow_id = w.workflow_uuid) ORDER BY w.workflow_uuid"
)

_DROP = "DELETE FROM {schema}workflow_status WHERE workflow_uuid = :workflow"


def check(checked: Checked) -> Iterator[Finding]:
    """Look for builds that no workflow would go on with, and for workflows of no build."""
    schema = f"{SCHEMA}." if checked.database.dialect == "postgresql" else ""
    let_through, nobodys = _LET_THROUGH.format(schema=schema), _NOBODYS.format(schema=schema)
    with checked.database.read() as connection:
        lost = rows(connection, let_through)
        stray = rows(connection, nobodys, name=WORKFLOW)
    if lost:
        found = []
        with checked.database.begin() as connection:
            take_turn(connection)
            for (build_id,) in rows(connection, let_through):
                _enqueue(checked, connection, build_id, schema)
                found.append(build_id)
        for build_id in found:
            told = "no workflow would have gone on with it; it waits for a worker again"
            yield Finding("workflows", f"build {build_id}", told, repaired=True)
    for (workflow_id,) in stray:
        with checked.database.read() as connection:
            if (workflow_id,) not in map(tuple, rows(connection, nobodys, name=WORKFLOW)):
                continue
        checked.queue.client.delete_workflow(workflow_id)
        yield Finding("workflows", workflow_id, "was of no build; it is removed", repaired=True)


def _enqueue(checked: Checked, connection: Connection, build_id: int, schema: str) -> None:
    """Give a build its workflow anew, under the next attempt."""
    now = checked.database.now()
    found = builds.find(connection, build_id)
    assert found is not None
    workflow_id = found.workflow_id or f"build-{build_id}-{found.attempt}"
    values = {"workflow": workflow_id, "id": build_id, "now": now}
    # One that has ended, though its build has not, keeps the name taken.
    connection.execute(text(_DROP.format(schema=schema)), values)
    connection.execute(
        text(
            "UPDATE build SET admitted_on = coalesce(admitted_on, :now), workflow_id = :workflow "
            "WHERE id = :id"
        ),
        values,
    )
    again = builds.recover(connection, build_id, found.attempt, now, died=False)
    assert again is not None
    checked.queue.enqueue(connection, again)

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from stead.server.database import admission, builds, namespaces
from stead.server.engine import queue as engine_queue
from stead.server.engine.queue import QUEUE, SCHEMA, VERSION, WORKFLOW, BuildQueue
from stead.server.values import Specification, SpecificationKind, canonical, sha256_of

SPEC = {"name": "tiny", "channels": [], "dependencies": ["tiny"]}
TINY = Specification(
    SpecificationKind.CONDA, "tiny", SPEC, canonical(SPEC), sha256_of(canonical(SPEC))
)


@pytest.fixture
def queue(database):
    engine_queue.migrate(database)
    with database.begin() as connection:
        namespaces.create(connection, "team", database.now())
    made = BuildQueue(database)
    yield made
    made.close()


def submit(database, queue, force=""):
    order = admission.Order("ann", force=force)
    return admission.submit(database, queue, "team", "env", TINY, order=order, slots=9)


def rows(database, statement):
    prefix = f"{SCHEMA}." if database.dialect == "postgresql" else ""
    with database.read() as connection:
        tables = {"workflow": f"{prefix}workflow_status", "inputs": f"{prefix}workflow_input"}
        found = connection.execute(text(statement.format_map(tables)))
        return [tuple(row) for row in found]


WORKFLOWS = "SELECT workflow_uuid, status, name, queue_name, application_version FROM {workflow}"


def test_a_build_and_its_workflow_are_written_together(database, queue):
    made = submit(database, queue).build_id
    with database.read() as connection:
        found = builds.get(connection, made)
    assert rows(database, WORKFLOWS) == [(found.workflow_id, "ENQUEUED", WORKFLOW, QUEUE, VERSION)]
    assert rows(database, "SELECT serialization FROM {workflow}") == [("portable_json",)]
    written = rows(database, "SELECT inputs FROM {inputs}")[0][0]
    assert json.loads(written)["positionalArgs"] == [made, 1]


def test_what_is_rolled_back_leaves_neither(database, queue):
    class StopError(Exception):
        pass

    class Failing:
        def enqueue(self, connection, build):
            queue.enqueue(connection, build)
            written = connection.execute(text("SELECT count(*) FROM build")).scalar_one()
            assert written == 1
            raise StopError

    with pytest.raises(StopError):
        submit(database, Failing())
    assert rows(database, "SELECT count(*) FROM build") == [(0,)]
    assert rows(database, "SELECT count(*) FROM {workflow}") == [(0,)]
    assert rows(database, "SELECT count(*) FROM environment") == [(0,)]


def test_an_attempt_that_is_enqueued_already_undoes_the_admission(database, queue):
    made = submit(database, queue).build_id
    with database.begin() as connection:
        # As if this had been forgotten.
        connection.execute(builds.table.update().values(admitted_on=None, attempt=0))
    with pytest.raises(Exception, match=f"build-{made}-1"):
        admission.admit(database, queue, slots=9)
    with database.read() as connection:
        assert builds.get(connection, made).admitted_on is None


def test_what_is_canceled_and_asked_for_again_is_another_workflow(database, queue):
    first = submit(database, queue).build_id
    with database.begin() as connection:
        builds.cancel(connection, first, database.now())
    second = submit(database, queue).build_id
    assert len(rows(database, WORKFLOWS)) == 2
    assert second != first

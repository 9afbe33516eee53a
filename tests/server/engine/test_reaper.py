from __future__ import annotations

import random

import pytest
from dbos import DBOSClient
from dbos._serialization import serialize_exception
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stead.server.database import admission, builds, workers
from stead.server.engine import reaper
from stead.server.engine.queue import QUEUE, SCHEMA, SERIALIZER, url_of
from stead.server.engine.reaper import Silence
from stead.server.engine.retry import Retry
from stead.server.values import BuildStatus, Worker


def worker(number=1, seen="2026-01-01T00:00:00.000000"):
    return Worker(number, "w", "host", 1, "running", 1, seen, seen)


def test_a_worker_is_dead_after_two_leases_of_silence():
    silence = Silence(lease=10)
    for clock in range(100, 120, 5):
        assert silence.look([worker()], clock) == []
    assert silence.look([worker()], 120) == [worker()]


def test_whoever_is_heard_of_is_not_dead():
    silence = Silence(lease=10)
    for clock in range(100, 200, 5):
        assert silence.look([worker(seen=f"moment {clock // 15}")], clock) == []


def test_an_outage_makes_nobody_dead():
    silence = Silence(lease=10)
    silence.look([worker()], 100)
    silence.look([worker()], 109)
    # Told of by whoever asked the database.
    silence.broken()
    assert silence.look([worker()], 121) == []
    assert silence.look([worker()], 130) == []
    # Or seen by that there was no look: the process itself was stopped.
    assert silence.look([worker()], 200) == []
    assert silence.look([worker()], 209) == []
    assert silence.look([worker()], 215) == []
    assert silence.look([worker()], 220) == [worker()]


def test_who_comes_back_in_time_is_not_buried(database):
    with database.begin() as connection:
        made = workers.register(connection, "w", database.now(), host="h", pid=1, capacity=1)
        workers.beat(connection, made.id, database.now())
    assert reaper.bury(database, [made]) == []
    (now,) = reaper.alive(database)
    assert reaper.bury(database, [now]) == [made.id]
    assert reaper.alive(database) == []
    with database.begin() as connection:
        assert not workers.beat(connection, made.id, database.now())


def test_retries_wait_longer_each_time_and_come_to_an_end():
    retry = Retry(times=4, first=1, factor=10, most=50)
    chance = random.Random(1)
    for retries, step in enumerate((1, 10, 50, 50)):
        found = [retry.wait(retries, chance) for _ in range(200)]
        assert step / 2 <= min(found) < max(found) <= step
        assert len(set(found)) > 100
    assert retry.wait(4) is None


@pytest.fixture
def taken(store):
    """A build as a worker has taken it that is not there: begun, and its workflow PENDING."""
    with store.database.begin() as connection:
        gone = workers.register(
            connection, "gone", store.database.now(), host="h", pid=1, capacity=1
        )
    made = store.get(store.submit("tiny"))
    with store.database.begin() as connection:
        builds.begin(connection, made.id, 1, store.database.now(), worker_id=gone.id)
        connection.execute(
            text("UPDATE workflow_status SET status = 'PENDING', executor_id = :executor"),
            {"executor": str(gone.id)},
        )
    client = DBOSClient(
        system_database_url=url_of(store.database), dbos_system_schema=SCHEMA, serializer=SERIALIZER
    )
    yield store, made, client, gone
    client.destroy()


def go_on(store, made, attempt):
    """Have a worker that is not there begin an attempt, as one that took the workflow."""
    with store.database.begin() as connection:
        now = store.database.now()
        new = workers.register(connection, "new", now, host="h", pid=2, capacity=1)
        builds.begin(connection, made.id, attempt, now, worker_id=new.id)
        connection.execute(
            text("UPDATE workflow_status SET status = 'PENDING', executor_id = :executor"),
            {"executor": str(new.id)},
        )


def test_what_a_living_worker_has_stays_its_own(taken):
    store, made, client, _ = taken
    assert reaper.hand_on(store.database, client) == []
    assert store.get(made.id).attempt == 1


def test_what_a_dead_worker_had_goes_to_the_queue_as_the_next_attempt(taken):
    store, made, client, _ = taken
    reaper.bury(store.database, reaper.alive(store.database))
    assert reaper.hand_on(store.database, client) == [made.id]
    (workflow,) = client.list_workflows()
    assert (workflow.status, workflow.queue_name) == ("ENQUEUED", QUEUE)
    now = store.get(made.id)
    assert (now.status, now.attempt, now.deaths) == (BuildStatus.QUEUED, 2, 1)
    # The dead one, should it only have been slow, has no say any more.
    with store.database.begin() as connection:
        at = store.database.now()
        assert builds.finish(connection, made.id, 1, at) is None
        assert builds.fail(connection, made.id, 1, at, reason="late") is None
    assert reaper.hand_on(store.database, client) == []


def test_what_kills_its_workers_is_given_up(taken):
    store, made, client, _ = taken
    for attempt in (2, 3):
        reaper.bury(store.database, reaper.alive(store.database))
        assert reaper.hand_on(store.database, client) == [made.id]
        go_on(store, made, attempt)
    reaper.bury(store.database, reaper.alive(store.database))
    assert reaper.hand_on(store.database, client) == []
    failed = store.get(made.id)
    assert (failed.status, failed.deaths) == (BuildStatus.FAILED, 3)
    assert failed.reason == "3 workers died while they built it"
    assert client.list_workflows() == []


def test_of_two_that_recover_the_second_takes_nothing_from_who_goes_on(taken):
    store, made, client, _ = taken
    seen = client.list_workflows(status="PENDING")
    reaper.bury(store.database, reaper.alive(store.database))
    assert reaper.hand_on(store.database, client) == [made.id]
    go_on(store, made, 2)

    class Late:
        """Looked before the first one acted."""

        def list_workflows(self, **_):
            return seen

    assert reaper.hand_on(store.database, Late()) == []
    now = store.get(made.id)
    assert (now.status, now.attempt, now.deaths) == (BuildStatus.BUILDING, 2, 1)
    assert client.list_workflows()[0].status == "PENDING"


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_what_was_ended_meanwhile_is_not_revived(taken, end):
    store, made, client, _ = taken
    reaper.bury(store.database, reaper.alive(store.database))
    with store.database.begin() as connection:
        getattr(builds, end)(connection, made.id, store.database.now())
    left = []

    class Watched:
        """Notes where a workflow stood when it was deleted: not in the queue, where it may be taken."""

        list_workflows = client.list_workflows

        def delete_workflow(self, workflow_id):
            left.extend(found.status for found in client.list_workflows())
            client.delete_workflow(workflow_id)

    assert reaper.hand_on(store.database, Watched()) == []
    assert left == ["PENDING"]
    assert client.list_workflows() == []


def test_what_is_published_is_handed_on_for_the_rest_under_its_attempt(taken):
    store, made, client, _ = taken
    with store.database.begin() as connection:
        builds.finish(connection, made.id, 1, store.database.now())
    reaper.bury(store.database, reaper.alive(store.database))
    assert reaper.hand_on(store.database, client) == [made.id]
    now = store.get(made.id)
    assert (now.status, now.attempt, now.deaths) == (BuildStatus.COMPLETED, 1, 0)


def test_a_workflow_that_ended_by_a_fault_fails_its_build_and_is_deleted(taken):
    store, made, client, _ = taken
    with store.database.begin() as connection:
        connection.execute(text("UPDATE workflow_status SET status = 'ERROR'"))
    reaper.delete_ended(store.database, client, Retry())
    assert store.get(made.id).status is BuildStatus.FAILED
    reaper.delete_ended(store.database, client, Retry())
    assert client.list_workflows() == []


def test_a_workflow_that_the_database_ended_has_its_build_tried_again(taken):
    store, made, client, _ = taken
    system = client._sys_db
    error = serialize_exception(OperationalError("SELECT 1", {}, Exception()), None, SERIALIZER)[0]
    assert system.update_workflow_outcome(made.workflow_id, "ERROR", error=error)
    reaper.delete_ended(store.database, client, Retry(first=0))
    now = store.get(made.id)
    assert (now.status, now.is_admitted, now.retries) == (BuildStatus.QUEUED, False, 1)
    # Its workflow stays for what its steps gave; the next attempt has one of its own.
    store.register(capacity=1)
    assert admission.admit(store.database, store.queue) == (made.id,)
    assert {w.workflow_id for w in client.list_workflows()} == {
        made.workflow_id,
        store.get(made.id).workflow_id,
    }
    # One that ends so each time fails at last.
    (at,) = client.list_workflows(status="ENQUEUED")
    go_on(store, made, 2)
    assert system.update_workflow_outcome(at.workflow_id, "ERROR", error=error)
    reaper.delete_ended(store.database, client, Retry(times=1))
    assert store.get(made.id).status is BuildStatus.FAILED

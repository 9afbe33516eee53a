"""Workers that are killed, stopped or told to stop: what becomes of their builds, and what is left."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from stead.server.values import BuildStatus


def kill(process):
    process.kill()
    process.wait()


def times_published(store):
    with store.database.read() as connection:
        statement = "SELECT count(*) FROM event WHERE kind = 'environment.current'"
        return connection.execute(text(statement)).scalar_one()


def steps(store, build_id):
    return [one[3:] for one in store.log(build_id).splitlines() if one.startswith("── ")]


@pytest.mark.slow
def test_a_killed_workers_build_goes_on_elsewhere_from_its_last_step(store, waiting):
    first = store.worker(lease=0.5)
    made = store.submit("tiny", channel=waiting.url)
    assert waiting.asked.wait(120)
    assert store.children()
    # What was said last is in the log a moment later.
    store.eventually(lambda: steps(store, made) == ["solve", "fetch"])
    kill(first)
    store.eventually(lambda: not store.children())
    store.eventually(lambda: not store.scratch())
    waiting.go.set()
    second = store.worker(lease=0.5)
    done = store.ended(made)
    assert done.status is BuildStatus.COMPLETED, store.log(made)
    assert (done.attempt, done.deaths) == (2, 1)
    # What was written down is not done again; what was not, is.
    ran = ["solve", "fetch", "fetch", "link", "activate", "verify", "publish"]
    assert steps(store, made) == ran
    assert times_published(store) == 1

    # One that is told to stop hands its build back, and leaves nothing either.
    store.eventually(lambda: not store.scratch())
    waiting.go.clear()
    waiting.asked.clear()
    other = store.submit("other", channel=waiting.url)
    assert waiting.asked.wait(120)
    second.terminate()
    assert second.wait() == 0
    assert not store.children()
    assert not store.scratch()
    back = store.get(other)
    assert (back.status, back.attempt, back.deaths) == (BuildStatus.QUEUED, 2, 0)
    assert back.is_admitted
    statement = "SELECT status, queue_name FROM workflow_status WHERE workflow_uuid = :workflow"
    with store.database.read() as connection:
        found = connection.execute(text(statement), {"workflow": back.workflow_id}).one()
    assert tuple(found) == ("ENQUEUED", "builds")

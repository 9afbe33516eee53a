"""Workers that are killed, stopped or told to stop: what becomes of their builds, and what is left."""

from __future__ import annotations

import os
import signal
from collections import Counter

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
    first = store.worker(lease=1)
    made = store.submit("tiny", channel=waiting.url)
    assert waiting.asked.wait(120)
    assert store.children()
    # What was said last is in the log a moment later.
    store.eventually(lambda: steps(store, made) == ["solve", "fetch"])
    kill(first)
    store.eventually(lambda: not store.children())
    store.eventually(lambda: not store.scratch())
    waiting.go.set()
    second = store.worker(lease=1)
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


@pytest.mark.slow
def test_a_worker_that_stood_still_loses_nothing_and_doubles_nothing(store, waiting):
    first = store.worker(lease=1)
    made = store.submit("tiny", channel=waiting.url)
    assert waiting.asked.wait(120)
    # The process alone: its child goes on, and has a result when nobody waits for it any more.
    os.kill(first.pid, signal.SIGSTOP)
    second = store.worker(lease=1)
    store.wait(made, lambda build: build.attempt == 2 and build.started_on is not None)
    waiting.go.set()
    done = store.ended(made)
    os.kill(first.pid, signal.SIGCONT)
    assert done.status is BuildStatus.COMPLETED, store.log(made)
    # It hears that it is taken for dead, and what it still had to say is not taken.
    assert first.wait(120) == 1
    store.eventually(lambda: not store.scratch())
    assert (store.get(made).attempt, times_published(store)) == (2, 1)
    assert steps(store, made)[-3:] == ["activate", "verify", "publish"]
    assert steps(store, made).count("publish") == 1
    second.terminate()
    assert second.wait() == 0
    assert not store.children()


@pytest.mark.slow
def test_each_worker_takes_as_many_as_it_is_told_to(store, waiting):
    # Not what the one that started last was told.
    for capacity in (1, 3):
        store.worker(capacity=capacity)
    small, large = store.workers
    for number in range(6):
        store.submit("tiny", channel=waiting.url, force=str(number))

    def building():
        found = [store.get(made) for made in store.submitted]
        return Counter(one.worker_id for one in found if one.status is BuildStatus.BUILDING)

    store.eventually(lambda: building().total() == 4)
    assert building() == {small: 1, large: 3}
    waiting.go.set()
    assert {store.ended(made).status for made in store.submitted} == {BuildStatus.COMPLETED}

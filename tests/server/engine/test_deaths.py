"""Workers that are killed, stopped or told to stop: what becomes of their builds, and what is left."""

from __future__ import annotations

from sqlalchemy import text

from stead.server.database import builds
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


def test_a_killed_workers_build_goes_on_elsewhere_from_its_last_step(store, waiting):
    first = store.worker(lease=0.5)
    made = store.submit("tiny", channel=waiting.url)
    assert waiting.asked.wait(120)
    assert store.children()
    kill(first)
    store.eventually(lambda: not store.children())
    store.eventually(lambda: not store.scratch())
    waiting.go.set()
    store.worker(lease=0.5)
    done = store.ended(made)
    assert done.status is BuildStatus.COMPLETED, store.log(made)
    assert (done.attempt, done.deaths) == (2, 1)
    # What was written down is not done again; what was not, is.
    ran = ["solve", "fetch", "fetch", "link", "activate", "verify", "publish"]
    assert steps(store, made) == ran
    assert times_published(store) == 1
    store.eventually(lambda: not store.scratch())


def test_a_stopped_worker_hands_its_build_back(store, waiting):
    first = store.worker()
    made = store.submit("tiny", channel=waiting.url)
    assert waiting.asked.wait(120)
    first.terminate()
    assert first.wait() == 0
    assert not store.children()
    assert not store.scratch()
    assert store.get(made).status is BuildStatus.QUEUED
    waiting.go.set()
    store.worker()
    done = store.ended(made)
    assert done.status is BuildStatus.COMPLETED, store.log(made)
    assert (done.attempt, done.deaths) == (2, 0)
    assert steps(store, made)[:3] == ["solve", "fetch", "fetch"]


def test_a_canceled_builds_processes_are_killed(store, waiting):
    store.worker()
    made = store.submit("tiny", channel=waiting.url)
    assert waiting.asked.wait(120)
    with store.database.begin() as connection:
        builds.cancel(connection, made, store.database.now())
    store.eventually(lambda: not store.scratch())
    assert store.get(made).status is BuildStatus.CANCELED
    # And the worker takes the next.
    waiting.go.set()
    assert store.ended(store.submit("tiny", force="x")).status is BuildStatus.COMPLETED


def test_what_kills_its_workers_is_given_up(store, waiting):
    made = store.submit("tiny", channel=waiting.url)
    for death in (1, 2, 3):
        waiting.asked.clear()
        worker = store.worker(lease=0.3)
        assert waiting.asked.wait(120)
        store.wait(made, lambda build, n=death: build.attempt == n)
        kill(worker)
    store.worker(lease=0.3)
    failed = store.ended(made)
    assert failed.status is BuildStatus.FAILED
    assert failed.reason == "3 workers died while they built it"
    assert failed.deaths == 3

"""Workers that die, of a server that has started them: nobody waits for their silence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

import pytest
from sqlalchemy import text

from stead.server.database import workers
from stead.server.supervising import hands_on, supervised
from stead.server.values import BuildStatus

LEASE = 3000.0
"""Seconds; who waits for leases waits longer than a test may take."""

WORKER = """
import json, sys, threading
from stead.server.engine.worker import WorkerConfig, run
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
run(WorkerConfig(**json.loads(sys.argv[1])), stop=stop, on_known=lambda me: print(me.id, flush=True))
"""


@contextlib.contextmanager
def supervising(store, count, capacity=2):
    told = {"database": store.url, "blobs": f"file://{store.root}/blobs", "lease": LEASE}
    told |= {"home": f"{store.root}/home", "capacity": capacity}
    argv = [sys.executable, "-c", WORKER, json.dumps(told)]
    with supervised(argv, count, os.environ, hands_on(store.database)):
        yield


def running(store):
    with store.database.read() as connection:
        return workers.listed(connection, states=(workers.RUNNING,))


def events(store, made):
    with store.database.read() as connection:
        query = text(
            "SELECT data FROM event WHERE build_id = :made AND kind = 'build.status' ORDER BY id"
        )
        found = connection.execute(query, {"made": made}).scalars().all()
    told = [json.loads(one) if isinstance(one, (str, bytes)) else one for one in found]
    return [(one["status"], one["attempt"]) for one in told]


@pytest.mark.slow
def test_builds_of_killed_workers_are_gone_on_with_at_once(store, waiting):
    with supervising(store, 2, capacity=1):
        store.eventually(lambda: len(running(store)) == 2)
        first = [
            store.submit("tiny", channel=waiting.url, force=str(number)) for number in range(2)
        ]
        store.eventually(
            lambda: all(store.get(made).status is BuildStatus.BUILDING for made in first)
        )
        assert waiting.asked.wait(120)
        killed = running(store)
        for each in killed:
            os.kill(each.pid, signal.SIGKILL)
        for made in first:
            store.wait(made, lambda now: now.attempt == 2 and now.started_on is not None)
        waiting.go.set()
        for made in first:
            done = store.ended(made)
            assert done.status is BuildStatus.COMPLETED, store.log(made)
            assert (done.attempt, done.deaths) == (2, 1)
            assert done.worker_id not in {each.id for each in killed}
        with store.database.read() as connection:
            states = {workers.get(connection, each.id).state for each in killed}
        assert states == {workers.DEAD}
    assert not store.children()
    assert not store.scratch()


@pytest.mark.slow
def test_what_a_worker_had_started_is_gone_before_others_go_on(store, waiting):
    # What was killed is seen where others go on: at once, and not by looking now and then.
    seen = []
    told = hands_on(store.database)

    def on_death(worker_id):
        seen.append(store.children())
        told(worker_id)

    given = {"database": store.url, "blobs": f"file://{store.root}/blobs", "lease": LEASE}
    argv = [sys.executable, "-c", WORKER, json.dumps({**given, "home": f"{store.root}/home"})]
    with supervised(argv, 1, os.environ, on_death):
        store.eventually(lambda: running(store))
        made = store.submit("tiny", channel=waiting.url)
        assert waiting.asked.wait(120)
        store.eventually(lambda: len(store.children()) >= 2)  # what forks, and what it forked
        (worker,) = running(store)
        os.kill(worker.pid, signal.SIGKILL)
        waiting.go.set()
        assert store.ended(made).status is BuildStatus.COMPLETED, store.log(made)
    assert seen == [[]]


@pytest.mark.slow
def test_a_build_that_kills_its_workers_is_given_up_as_ever(store, waiting):
    with supervising(store, 1):
        made = store.submit("tiny", channel=waiting.url)
        for attempt in range(1, 4):
            now = store.wait(
                made, lambda now, a=attempt: now.attempt == a and now.status is BuildStatus.BUILDING
            )
            (worker,) = [one for one in running(store) if one.id == now.worker_id]
            os.kill(worker.pid, signal.SIGKILL)
        failed = store.ended(made)
        assert (failed.status, failed.deaths) == (BuildStatus.FAILED, 3)
        assert failed.reason == "3 workers died while they built it"
        # The next worker takes something else.
        waiting.go.set()
        other = store.ended(store.submit("other", channel=waiting.url))
        assert other.status is BuildStatus.COMPLETED, store.log(other.id)


@pytest.mark.slow
def test_nobody_says_of_anothers_worker_that_it_is_dead(store, waiting):
    store.worker(lease=LEASE)
    (theirs,) = store.workers
    made = store.submit("tiny", channel=waiting.url)
    store.wait(made, lambda now: now.status is BuildStatus.BUILDING)
    with supervising(store, 1):
        store.eventually(lambda: len(running(store)) == 2)
        (own,) = [one for one in running(store) if one.id != theirs]
        os.kill(own.pid, signal.SIGKILL)
        store.eventually(lambda: own.id not in {one.id for one in running(store)})
        assert theirs in {one.id for one in running(store)}
        assert store.get(made).attempt == 1
        waiting.go.set()
        done = store.ended(made)
    assert (done.status, done.worker_id, done.deaths) == (BuildStatus.COMPLETED, theirs, 0)

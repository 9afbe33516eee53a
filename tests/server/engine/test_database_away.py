"""PostgreSQL goes away at a chosen moment of a build: the build waits, and ends as it should."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from sqlalchemy import text

from stead.server.values import BuildStatus
from stead.testing.databases import PostgresServer

pytestmark = pytest.mark.needs("pg_ctlcluster")

HALTING = """
import json, signal, sys, threading
import psycopg
from dbos._sys_db import SystemDatabase
from stead.server.engine.worker import WorkerConfig, run
from stead.server.engine.workflow import Engine

told, at = json.loads(sys.argv[1]), sys.argv[2]
here = threading.local()
owner = Engine if at == "_begin" else SystemDatabase
former = getattr(owner, at)
halted = threading.Event()

def halting(self, *given, **named):
    # Once: where the first build is taken, or worked on.
    if threading.current_thread() is not threading.main_thread() and not halted.is_set():
        halted.set()
        here.watched = True
        print("halted", flush=True)
        sys.stdin.readline()
    return former(self, *given, **named)

setattr(owner, at, halting)
connect = psycopg.connect

def watched(*given, **named):
    try:
        return connect(*given, **named)
    except psycopg.OperationalError:
        if getattr(here, "watched", False):
            here.watched = False
            print("refused", flush=True)
            sys.stdin.readline()
        raise

psycopg.connect = watched
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run(WorkerConfig(**told), stop=stop, on_ready=lambda me: print(me.id, flush=True))
"""


@pytest.fixture
def server():
    # What is committed stays, also where it crashes.
    with PostgresServer.make(synchronous_commit="on") as made:
        yield made


class Halting:
    """A worker that halts once at a moment of the first build that it takes, and once more where
    it is refused by the database that went away at that moment.
    """

    def __init__(self, store, moment):
        told = {
            "database": store.url,
            "blobs": f"file://{store.root}/blobs",
            "home": f"{store.root}/home",
            "lease": 2,
        }
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        argv = [sys.executable, "-c", HALTING, json.dumps(told), moment]
        self.process = subprocess.Popen(argv, **pipes)
        store.processes.append(self.process)
        assert self.says().isdigit()

    def says(self):
        return self.process.stdout.readline().strip()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()

    def end(self):
        self.process.terminate()
        return self.process.wait(120)


def workflows(store):
    with store.database.read() as connection:
        query = text("SELECT count(*) FROM dbos.workflow_status")
        return connection.execute(query).scalar_one()


MOMENTS = {
    "is about to be taken": ("start_queued_workflows", "fast"),
    "was just taken": ("get_workflow_statuses", "immediate"),
    "is about to begin": ("_begin", "fast"),
    "asks what was done before": ("check_operation_execution", "immediate"),
    "has a step's result to be kept": ("record_operation_result", "fast"),
    "has its end to be kept": ("update_workflow_outcome", "immediate"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "mode"), MOMENTS.values(), ids=MOMENTS.keys())
def test_a_build_ends_as_it_should_where_the_database_goes_away_when_it(
    store_of, tmp_path, server, moment, mode
):
    with (
        store_of(tmp_path, server.create("away")) as store,
        Halting(store, moment) as worker,
    ):
        made = store.submit("tiny")
        assert worker.says() == "halted"
        server.stop(mode)
        worker.go_on()
        assert worker.says() == "refused"
        # Whatever is done about it finds the database as it was.
        server.start()
        worker.go_on()
        done = store.ended(made)
        assert done.status is BuildStatus.COMPLETED, (done, store.log(made))
        # Nobody died of it, and nothing was tried again that costs a try.
        assert (done.attempt, done.deaths, done.retries) == (1, 0, 0)
        store.eventually(lambda: workflows(store) == 0)
        again = store.ended(store.submit("tiny", force="again"))
        assert again.status is BuildStatus.COMPLETED
        assert worker.end() == 0


@pytest.mark.slow
def test_a_result_that_is_refused_leaves_the_build_to_be_taken_again(
    store_of, tmp_path, postgresql_url
):
    waits = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock' AND query LIKE '%operation_outputs%'"
    )
    cancels = text("SELECT pg_cancel_backend(:pid)")
    with store_of(tmp_path, postgresql_url) as store:
        store.worker(lease=2)
        with store.database.begin() as held:
            held.execute(text("LOCK TABLE dbos.operation_outputs IN EXCLUSIVE MODE"))
            made = store.submit("tiny")
            canceled = []

            def is_canceled():
                with store.database.read() as connection:
                    for pid in connection.execute(waits).scalars().all():
                        connection.execute(cancels, {"pid": pid})
                        canceled.append(pid)
                return canceled

            store.eventually(is_canceled)
        done = store.ended(made)
        assert done.status is BuildStatus.COMPLETED, (done, store.log(made))
        assert (done.attempt, done.deaths, done.retries) == (1, 0, 0)


@pytest.mark.slow
def test_a_worker_ends_when_it_is_told_to_though_the_database_is_away(store_of, tmp_path, server):
    with (
        store_of(tmp_path, server.create("away")) as store,
        Halting(store, "record_operation_result") as worker,
    ):
        made = store.submit("tiny")
        assert worker.says() == "halted"
        server.stop("fast")
        worker.go_on()
        assert worker.says() == "refused"
        worker.go_on()
        assert worker.end() == 0
        assert not store.children()
        server.start()
        # It could not hand anything back; whoever comes next does.
        store.worker(lease=1)
        done = store.ended(made)
        assert done.status is BuildStatus.COMPLETED, (done, store.log(made))

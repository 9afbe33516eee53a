"""Builds that nobody was told of, and what a worker makes of a database that was away."""

from __future__ import annotations

import threading
import time
import types

import pytest

from stead.server.database import workers
from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database
from stead.server.engine import queue as engine_queue
from stead.server.engine import taking, worker
from stead.server.values import BuildStatus
from stead.testing.databases import PostgresServer

pytestmark = pytest.mark.needs("pg_ctlcluster")


def test_a_build_that_nobody_is_told_of_is_found_by_looking(
    store_of, tmp_path, postgresql_url, monkeypatch
):
    assert taking.POLLING <= 0.1
    with store_of(tmp_path, postgresql_url) as store:
        looks = (
            "from stead.server.engine import bell\n"
            "former = bell._Listener.wait\n"
            # Longer than this test may take, where it is not what looking takes.
            "bell._Listener.wait = lambda self, seconds: "
            "former(self, seconds if seconds <= 0.1 else 3600)\n"
        )
        store.worker(before=looks)
        monkeypatch.setattr(engine_queue, "ring", lambda _: None)
        done = store.ended(store.submit("tiny"))
        assert done.status is BuildStatus.COMPLETED, store.log(done.id)


def test_an_outage_undoes_what_a_worker_has_measured_of_others(tmp_path):
    config = {"blobs": f"file://{tmp_path}/blobs", "home": str(tmp_path / "home")}
    with PostgresServer.make() as server, open_database(server.create("away")) as database:
        upgrade(database)
        with database.begin() as connection:
            silent = workers.register(
                connection, "silent", database.now(), host="h", pid=1, capacity=1
            )
        lease = 1000.0
        made = worker._Worker(
            worker.WorkerConfig(server.url("away"), lease=lease, **config), database
        )
        began = time.monotonic()
        for passed in (0, 900, 1800):
            assert made.silence.look([silent], began + passed) == []
        server.stop()
        turns = iter([False, True])
        stop = types.SimpleNamespace(is_set=lambda: next(turns))
        engine = types.SimpleNamespace(guard=threading.Lock(), running={})
        made._loop(engine, silent, stop)
        # Two leases of silence, and for a moment of them it could not have heard.
        assert made.silence.look([silent], began + 2 * lease) == []
        made.queue.close()

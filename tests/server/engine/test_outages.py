"""What goes away while builds run: workers, PostgreSQL, and the artifact store.

A few builds are made here, and as many as ``STEAD_SOAK`` says by `nox -s soak`.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import text

from stead.server.blobs.store import open_blobs
from stead.server.database import namespaces
from stead.server.engine.steady import steadily
from stead.server.specs.reading import read
from stead.server.values import BuildStatus
from stead.testing.databases import PostgresServer

SOAK = int(os.environ.get("STEAD_SOAK") or 0)
COUNT = SOAK or 6
WORKERS = 4 if SOAK else 2
NAMESPACES = 20 if SOAK else 3
REFUSING = 20.0 if SOAK else 3.0
KILLS = COUNT // 10 if SOAK else 1
RESTARTS = ("fast", "immediate") if SOAK else ("immediate",)


class Refusing:
    """A way to a server of artifacts, that may answer 503 instead."""

    def __init__(self, port):
        self.refuses = threading.Event()
        self.refused = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _pass_on(self):
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if outer.refuses.is_set():
                    outer.refused += 1
                    self._answer(503, {}, b"")
                    return
                there = HTTPConnection("127.0.0.1", port)
                there.request(self.command, self.path, content, dict(self.headers))
                answer = there.getresponse()
                self._answer(answer.status, dict(answer.getheaders()), answer.read())
                there.close()

            def _answer(self, status, headers, content):
                self.send_response(status)
                length = headers.get("Content-Length", "0") if self.command == "HEAD" else ""
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return self._pass_on
                raise AttributeError(name)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def chance(request):
    """Chance that comes again with ``--randomly-seed=N``."""
    return random.Random(request.config.getoption("randomly_seed", 0))


@pytest.fixture(scope="module")
def artifacts():
    """The artifact store: its URL, its options, and what stands before it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    secrets = {"access_key_id": "test", "secret_access_key": "secret", "region": "us-east-1"}
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="blobs")
    client.close()
    way = Refusing(port)
    yield "s3://blobs/outages", {"endpoint": way.endpoint, **secrets}, way
    way.close()
    server.stop()


class Chaos:
    """Does harm, and notes what had been written down when it did."""

    def __init__(self, store, chance, config):
        self.store = store
        self.chance = chance
        self.config = config
        self.written = []
        """Builds with the attempt that was killed, and the steps that had succeeded."""

    def kill(self):
        """Kill a worker at random, and have another in its place."""
        living = {n: p for n, p in self.store.workers.items() if p.poll() is None}
        number = self.chance.choice(sorted(living))
        living[number].kill()
        living[number].wait()
        self.note(number)
        self.store.worker(**self.config)

    def note(self, number):
        client = self.store.queue.client
        for workflow in client.list_workflows(status="PENDING", executor_id=str(number)):
            steps = client.list_workflow_steps(workflow.workflow_id)
            done = {s["function_name"] for s in steps if "result" in (s["output"] or {})}
            build = self.store.get(int(workflow.workflow_id.split("-")[1]))
            self.written.append((build.id, build.attempt, done))

    def replace_ended(self):
        """Have another for each that ended by itself, being taken for dead."""
        living = sum(p.poll() is None for p in self.store.workers.values())
        for _ in range(WORKERS - living):
            self.store.worker(**self.config)


def rows(store, statement):
    def ask():
        with store.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    return steadily(ask)


def ended(store):
    query = "SELECT count(*) FROM build WHERE status IN ('COMPLETED', 'FAILED', 'CANCELED')"
    return rows(store, query)[0][0]


@pytest.mark.slow
@pytest.mark.needs("pg_ctlcluster")
def test_builds_end_as_they_should_whatever_goes_away(store_of, tmp_path, artifacts, chance):
    blobs, options, way = artifacts
    lease = 3.0
    config = {"blobs": blobs, "blob_options": options, "lease": lease, "capacity": 2}
    with (
        # What is committed stays, also where it crashes.
        PostgresServer.make(synchronous_commit="on") as server,
        store_of(tmp_path, server.create("outages")) as store,
    ):
        with store.database.begin() as connection:
            for number in range(NAMESPACES):
                namespaces.create(connection, f"team{number}", store.database.now())
        chaos = Chaos(store, chance, config)
        harm = [chaos.kill] * KILLS
        harm += [lambda mode=mode: restart(server, mode) for mode in RESTARTS]
        chance.shuffle(harm)
        for number in range(COUNT):
            spec = (
                f"name: env{number % 7}\nchannels:\n  - {store.channel}\ndependencies:\n  - tiny\n"
            )
            store.ask(read(spec), f"team{number % NAMESPACES}", force=str(number))
        # Before there are workers: a few builds may be done when the last of them has begun.
        refuse(way)
        for _ in range(WORKERS):
            store.worker(**config)
        # Spread over the time that the builds take.
        for turn, each in enumerate(harm, 1):
            wait(chaos, lambda turn=turn: ended(store) >= COUNT * turn // (len(harm) + 1))
            each()
        wait(chaos, lambda: ended(store) == COUNT)
        wait(chaos, lambda: not store.scratch())
        assert way.refused
        check(store, chaos, open_blobs(blobs, options))
        if SOAK:
            print(f"\n{COUNT} builds; {len(chaos.written)} interrupted, {way.refused} refused")
            print(Counter(rows(store, "SELECT status, deaths, retries FROM build")))

        for process in store.processes:
            process.terminate()
        for process in store.processes:
            process.wait()
        store.worker(**config).terminate()  # it sweeps what those left that were killed
        assert store.processes[-1].wait() == 0
        assert not store.children()
        assert os.listdir(tmp_path / "home" / "steps") == []


def restart(server, mode):
    server.stop(mode)
    time.sleep(1)
    server.start()


def refuse(way):
    """Have the artifact store answer 503 for a while, and until somebody was told so."""

    def end():
        time.sleep(REFUSING)
        while not way.refused:
            time.sleep(0.1)
        way.refuses.clear()

    way.refuses.set()
    threading.Thread(target=end, daemon=True).start()


def wait(chaos, holds):
    deadline = time.monotonic() + (3600 if SOAK else 240)
    while not holds():
        assert time.monotonic() < deadline, rows(
            chaos.store, "SELECT id, status, attempt, deaths, worker_id, status_info FROM build"
        )
        chaos.replace_ended()
        time.sleep(0.1)


def check(store, chaos, blobs):
    """Look at each build's end, at what was published, and at what was done again."""
    for made in store.submitted:
        build = store.get(made)
        if build.deaths == 3:  # its workers were killed so often by chance
            assert build.status is BuildStatus.FAILED
        else:
            assert build.status is BuildStatus.COMPLETED, (build, store.log(made))
    published = Counter(
        rows(store, "SELECT build_id FROM event WHERE kind = 'environment.current'")
    )
    assert set(published.values()) == {1}
    # What is current is the newest that was completed, in whatever order they ended.
    newest = rows(
        store,
        "SELECT environment.id, max(build.id) FROM environment JOIN build "
        "ON build.environment_id = environment.id WHERE build.status = 'COMPLETED' GROUP BY 1",
    )
    current = rows(store, "SELECT id, current_build_id FROM environment")
    assert sorted(current) == sorted(newest)
    for build_id, attempt, done in chaos.written:
        query = f"SELECT text FROM log_chunk WHERE build_id = {build_id} AND attempt > {attempt}"
        said = "".join(row[0] for row in rows(store, query))
        again = {line[3:] for line in said.splitlines() if line.startswith("── ")}
        assert not again & done, (build_id, attempt, done, store.log(build_id))
    held = {head.key for head in blobs.keys("")}
    kept = {key for (key,) in rows(store, "SELECT key FROM build_artifact")}
    assert kept
    assert kept <= held

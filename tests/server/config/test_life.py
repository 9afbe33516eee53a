"""`stead serve` with a worker: told to stop while it builds, and started again."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stead.server.database import builds, workers
from stead.server.database.opening import open_database
from stead.store.atomic import remove_tree
from stead.testing.channel import Package, make_channel, text

HIDDEN = "hunter-of-two"


@contextmanager
def serving(home, *words, **environ):
    """A server; gives its process, its port and its token, None where it tells none."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STEAD_")}
    argv = [sys.executable, "-m", "stead", "serve", "--port", "0", *words]
    with subprocess.Popen(
        argv,
        env=kept | {"STEAD_HOME": str(home)} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        logged = []
        reading = threading.Thread(target=lambda: logged.extend(process.stderr))
        reading.start()
        token = None
        try:
            for line in process.stdout:
                if line.startswith("admin token"):
                    token = line.split()[-1]
                if line.startswith("serving on"):
                    port = int(line.rpartition(":")[2])
                    break
            else:
                raise AssertionError(logged)
            yield process, port, token, logged
        finally:
            process.kill()
            process.wait()
            reading.join(60)


@pytest.fixture
def channel(tmp_path, here):
    """A channel that gives packages once it is told to; it says when one is asked for."""
    package = Package("tiny", entries=(text("share/tiny.txt", "hello"),))
    directory = make_channel(tmp_path / "channel", [package], here.name)
    go, asked = threading.Event(), threading.Event()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(directory))

        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.path.endswith(".conda"):
                asked.set()
                go.wait()
            with suppress(OSError):  # who asked may be gone
                super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", go, asked
    go.set()
    server.shutdown()
    server.server_close()
    thread.join()


def submit(port, token, url) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    spec = f"name: env\nchannels:\n  - {url}\ndependencies:\n  - tiny\n"
    body = json.dumps({"namespace": "default", "specification": spec})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/specification/", body, headers)
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    assert answer.status == 200, told
    return json.loads(told)["data"]["build_id"]


def eventually(holds):
    deadline = time.monotonic() + 120
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_a_server_that_is_told_to_stop_hands_its_work_back_and_goes_on_with_it(channel, tmp_path):
    url, go, asked = channel
    home = tmp_path / "home"
    file = f"sqlite:///{home}/server/stead.sqlite"
    with serving(home, "--workers", "1") as (process, port, token, logged):
        made = submit(port, token, url)
        assert asked.wait(120)
        process.terminate()
        assert process.wait(120) == 0
    with open_database(file) as database:
        with database.read() as connection:
            back = builds.get(connection, made)
            assert (back.status, back.deaths, back.is_admitted) == ("QUEUED", 0, True)
            assert [found.state for found in workers.listed(connection)] == [workers.STOPPED]
        # All that was logged is a line of JSON each, and tells no secret.
        lines = [json.loads(line) for line in logged]
        assert {"started", "working", "request", "stopped"} <= {line["action"] for line in lines}
        assert all({"at", "level", "action"} <= line.keys() for line in lines)
        assert token not in "".join(logged)
        go.set()
        with serving(home, "--workers", "1") as (process, _, again, logged):
            assert again is None

            def ended():
                with database.read() as connection:
                    found = builds.get(connection, made)
                return None if found.status.is_live else found

            done = eventually(ended)
            assert (done.status, done.deaths) == ("COMPLETED", 0), done
            process.terminate()
            assert process.wait(120) == 0
        # Whoever looks after the server sees what became of each build.
        lines = [json.loads(line) for line in logged]
        (begun,) = [line for line in lines if line["action"] == "building"]
        assert (begun["build"], begun["environment"]) == (made, "default/env")
        (ended,) = [line for line in lines if line["action"] == "built"]
        assert (ended["build"], ended["outcome"]) == (made, "completed")
    remove_tree(home)


@pytest.mark.slow
def test_its_workers_are_told_what_the_server_is(channel, tmp_path):
    url, go, _ = channel
    go.set()
    words = {
        "--data": tmp_path / "data",
        "--database": f"sqlite:///{tmp_path}/other.sqlite",
        "--blobs": f"file://{tmp_path}/files",
        "--capacity": "3",
        "--workers": "2",
    }
    given = [str(part) for pair in words.items() for part in pair]
    with (
        serving(tmp_path / "home", *given) as (process, port, token, _),
        open_database(words["--database"]) as database,
    ):
        made = submit(port, token, url)

        def ended():
            with database.read() as connection:
                found = builds.get(connection, made)
            return None if found.status.is_live else found

        done = eventually(ended)
        assert done.status == "COMPLETED", done
        with database.read() as connection:
            known = workers.listed(connection)
        assert [(one.state, one.capacity) for one in known] == [(workers.RUNNING, 3)] * 2
        assert (tmp_path / "data" / "builds" / "store" / done.store_key).is_dir()
        assert list((tmp_path / "files" / "lockfile").iterdir())
        process.terminate()
        assert process.wait(120) == 0
    assert not (tmp_path / "home" / "server").exists()
    remove_tree(tmp_path / "data")


def test_secrets_are_told_as_references_and_only_read_when_it_starts(tmp_path):
    file = tmp_path / "server.toml"
    file.write_text(
        'database-password = "env:DBPW"\n[blob-options]\nsecret_access_key = "env:S3"\n'
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STEAD_")}
    given = kept | {"STEAD_HOME": str(tmp_path / "home"), "DBPW": HIDDEN, "S3": HIDDEN}
    given["STEAD_SERVER_CONFIG"] = str(file)
    given["STEAD_SERVER_DATABASE"] = f"postgresql://ann:{HIDDEN}@127.0.0.1:1/x"

    def run(environ, *words):
        argv = [sys.executable, "-m", "stead", "serve", "--port", "0", "--workers", "0", *words]
        return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)

    shown = run(given, "--show-config")
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert f'database-password = "env:DBPW"  # {file}:1' in lines
    assert f'blob-options = {{"secret_access_key": "env:S3"}}  # {file}:2' in lines
    assert 'database = "postgresql://ann:…@127.0.0.1:1/x"  # STEAD_SERVER_DATABASE' in lines
    assert "workers = 0  # --workers" in lines
    assert 'host = "127.0.0.1"  # default' in lines
    failed = run(given)
    assert failed.returncode == 1
    assert "the database cannot be used" in failed.stderr
    assert "Connection refused" in failed.stderr
    without = run({name: value for name, value in given.items() if name != "S3"})
    assert without.returncode == 1
    assert "S3 is not set" in without.stderr
    assert HIDDEN not in f"{shown}{failed}{without}"

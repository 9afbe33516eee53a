"""Whatever ends a build ends all that its step has started."""

from __future__ import annotations

import io
import os
import signal
import socket
import tarfile
import threading
import time
from dataclasses import dataclass

import pytest

from stead.server.database import builds, environments
from stead.server.engine.children import Children, Stopped
from stead.server.engine.reasons import Kind
from stead.server.specs.reading import read
from stead.server.values import BuildStatus
from stead.testing.index import make_index
from stead.testing.server import serve

MANIFEST = '[packages.pypi]\nindexes = [{{ url = "{url}/simple", default = true }}]\nheld = "*"\n'

# What builds the package: it tells that it runs, and goes on until it is killed or the test ends.
BACKEND = """
import socket
socket.create_connection(("127.0.0.1", {port})).recv(1)
"""

PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@dataclass(frozen=True)
class Held:
    """A source distribution that is never built: the step's programs have started others for it."""

    port: int
    filename: str = "held-1.0.tar.gz"
    requires_python: str = ""

    def content(self) -> bytes:
        about = "Metadata-Version: 2.1\nName: held\nVersion: 1.0\n"
        files = {"PKG-INFO": about, "pyproject.toml": PROJECT}
        files["backend.py"] = BACKEND.format(port=self.port)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"held-1.0/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content.encode()))
        return buffer.getvalue()


@dataclass
class Index:
    """An index with that package; ``asked`` is set once it is being built."""

    url: str
    asked: threading.Event


@pytest.fixture
def index(tmp_path):
    asked, over = threading.Event(), threading.Event()
    held = []

    def listen():
        while True:
            held.append(listening.accept()[0])
            if over.is_set():
                return
            asked.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=listen)
        thread.start()
        with serve(make_index(tmp_path / "index", [Held(port)])) as server:
            yield Index(server.url, asked)
        over.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()
        for each in held:
            each.close()


def alive():
    """Give the parent of each process that runs."""
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            with open(f"/proc/{pid}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":  # ended, and not asked after yet
            found[pid] = int(parent)
    return found


def wait_for_the_end_of(pids):
    """Wait until processes that were killed are gone: the kernel takes a moment for each."""
    deadline = time.monotonic() + 60
    while left := pids & alive().keys():
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def started_by(pid):
    """Name the processes that a process has started, and those that these have."""
    parents, found, last = alive(), set(), {pid}
    while last:
        last = {child for child, parent in parents.items() if parent in last}
        found |= last
    return found


@pytest.mark.parametrize("end", ["cancel", "delete", "delete the environment"])
def test_a_build_that_is_not_wanted_ends_with_all_it_has_started(store, index, end):
    worker = store.worker()
    (forking,) = started_by(worker.pid)
    made = store.ask(read(MANIFEST.format(url=index.url), "stead", name="web"))
    assert index.asked.wait(120)
    started = started_by(forking)
    assert len(started) >= 3, "a step, what it has started, and what that has"
    with store.database.begin() as connection:
        now = store.database.now()
        if end == "delete the environment":
            environments.delete(connection, store.get(made).environment_id, now)
        else:
            getattr(builds, end)(connection, made, now)
    store.eventually(lambda: not started & alive().keys())
    store.eventually(lambda: not store.scratch())
    assert store.get(made).status is BuildStatus.CANCELED
    # And its worker takes the next.
    assert store.ended(store.submit("tiny")).status is BuildStatus.COMPLETED


@pytest.mark.parametrize("end", ["time", "stop"])
def test_a_step_that_is_ended_ends_with_all_it_has_started(tmp_path, index, end):
    children = Children(str(tmp_path / "steps"), "worker-1")
    try:
        asked = {"file": "stead.toml", "text": MANIFEST.format(url=index.url), "name": "web"}
        with children.begin({**asked, "home": str(tmp_path / "home")}, name="build-1-1") as child:
            child.ask("link")
            assert index.asked.wait(120)
            started = started_by(children._nursery.pid)
            assert len(started) >= 3, "a step, what it has started, and what that has"
            if end == "time":
                assert child.result(0).failure.kind is Kind.TIME
            else:
                children.stop()
                with pytest.raises(Stopped):
                    child.result()
        wait_for_the_end_of(started)
        assert os.listdir(children.root) == [".lock"]
    finally:
        children.close()


def test_a_step_that_is_killed_alone_takes_with_it_all_it_has_started(tmp_path, index):
    children = Children(str(tmp_path / "steps"), "worker-1")
    try:
        asked = {"file": "stead.toml", "text": MANIFEST.format(url=index.url), "name": "web"}
        with children.begin({**asked, "home": str(tmp_path / "home")}, name="build-1-1") as child:
            child.ask("link")
            assert index.asked.wait(120)
            nursery = children._nursery.pid
            started = started_by(nursery)
            (step,) = [pid for pid, parent in alive().items() if parent == nursery]
            # As the kernel does where memory runs out.
            os.kill(step, signal.SIGKILL)
            assert child.result().failure.kind is Kind.MEMORY
            wait_for_the_end_of(started)
    finally:
        children.close()

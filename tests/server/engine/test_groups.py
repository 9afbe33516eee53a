"""Whatever ends a build ends all that its step has started."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from stead.server.database import builds, environments
from stead.server.engine.children import Children, Stopped
from stead.server.engine.reasons import Kind
from stead.server.specs.reading import read
from stead.server.values import BuildStatus

# A package of an index: another program asks for it, which the step starts and waits for.
MANIFEST = '[packages.pypi]\nindexes = [{{ url = "{url}/simple", default = true }}]\nbranch = "*"\n'


class Index:
    """An index of packages that never answers; it tells when it was asked."""

    closing = False

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.asked = threading.Event()
        self.held = []
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        while True:
            connection = self.listening.accept()[0]
            self.held.append(connection)
            if self.closing:
                return
            self.asked.set()

    def close(self) -> None:
        self.closing = True
        socket.create_connection(self.listening.getsockname()).close()
        self.thread.join()
        for each in (*self.held, self.listening):
            each.close()


@pytest.fixture
def index():
    made = Index()
    yield made
    made.close()


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
    assert len(started) >= 2, "a step, and what it has started"
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
            child.ask("solve")
            assert index.asked.wait(120)
            started = started_by(children._nursery.pid)
            assert len(started) >= 2, "a step, and what it has started"
            if end == "time":
                assert child.result(0).failure.kind is Kind.TIME
            else:
                children.stop()
                with pytest.raises(Stopped):
                    child.result()
        assert not started & alive().keys()
        assert os.listdir(children.root) == [".lock"]
    finally:
        children.close()

"""Stores with real workers: a channel on disk, a database, and worker processes to be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import uvicorn

from stead.server.api.app import make_app
from stead.server.blobs.store import open_blobs
from stead.server.config import ServerConfig
from stead.server.database import admission, builds, logs, namespaces, tokens, workers
from stead.server.database.migrations import upgrade
from stead.server.database.opening import open_database
from stead.server.engine import queue as engine_queue
from stead.server.engine.queue import BuildQueue
from stead.server.services import Services
from stead.server.specs.reading import read
from stead.store.atomic import remove_tree
from stead.testing.channel import PLACEHOLDER, Package, make_channel, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stead.server.database.opening import Database
    from stead.server.values import Build, Specification
    from stead.values.platform import Platform


class Waiting:
    """A web server for a channel whose packages come once :attr:`go` is set."""

    def __init__(self, directory: Path) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(directory))

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                del self.headers["If-Modified-Since"]
                if self.path.endswith(".conda"):
                    outer.asked.set()
                    outer.go.wait()
                with contextlib.suppress(OSError):  # who asked may be dead
                    super().do_GET()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


WORKER = """
import json, signal, sys, threading
from stead.server.engine.limits import Limits
from stead.server.engine.retry import Retry
from stead.server.engine.worker import WorkerConfig, run
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
told = json.loads(sys.argv[1])
limits = Limits(**told.pop("limits", {}))
config = WorkerConfig(**told, limits=limits, retry=Retry(first=0.2, times=2))
run(config, stop=stop, on_ready=lambda me: print(me.id, flush=True))
"""


@dataclass
class Store:
    """A database, an artifact store and a channel; workers are started as they are needed."""

    root: Path
    url: str
    channel: str
    database: Database
    queue: BuildQueue
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    workers: dict[int, subprocess.Popen[str]] = field(default_factory=dict)
    """Those that took builds, by their ids."""
    submitted: list[int] = field(default_factory=list)

    def worker(
        self,
        lease: float = 30,
        before: str = "",
        within: Sequence[str] = (),
        **config: object,
    ) -> subprocess.Popen[str]:
        """Start a worker, and give it once it takes builds.

        Its program begins with ``before``, its command with the words ``within``.
        """
        told = {"database": self.url, "blobs": f"file://{self.root}/blobs"}
        told |= {"home": f"{self.root}/home", "lease": lease, **config}
        started = subprocess.Popen(
            [*within, sys.executable, "-c", before + WORKER, json.dumps(told)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(started)
        said = started.stdout.readline().strip()
        assert said.isdigit()
        self.workers[int(said)] = started
        return started

    def register(self, capacity: int) -> None:
        """Tell of a worker that is not there, so that builds are let through."""
        with self.database.begin() as connection:
            workers.register(
                connection, "none", self.database.now(), host="h", pid=1, capacity=capacity
            )

    def submit(self, *dependencies: str, channel: str = "", **order: object) -> int:
        wanted = "".join(f"  - {one}\n" for one in dependencies)
        spec = f"name: env\nchannels:\n  - {channel or self.channel}\ndependencies:\n{wanted}"
        return self.ask(read(spec), **order)

    def ask(self, spec: Specification, namespace: str = "team", **order: object) -> int:
        order = admission.Order(**{"who": "ann", **order})
        made = admission.submit(
            self.database, self.queue, namespace, spec.name, spec, order=order
        ).build_id
        self.submitted.append(made)
        return made

    def get(self, build_id: int) -> Build:
        with self.database.read() as connection:
            found = builds.find(connection, build_id)
        assert found is not None
        return found

    def log(self, build_id: int) -> str:
        with self.database.read() as connection:
            return logs.read(connection, build_id)[0]

    def wait(self, build_id: int, until: Callable[[Build], bool]) -> Build:
        """Wait until a build is as it should become; minutes are for slow machines."""
        deadline = time.monotonic() + 120
        while not until(found := self.get(build_id)):
            assert time.monotonic() < deadline, (found, self.log(build_id))
            time.sleep(0.02)
        return found

    def ended(self, build_id: int) -> Build:
        return self.wait(build_id, lambda build: not build.status.is_live)

    def eventually(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not holds():
            assert time.monotonic() < deadline, {n: self.log(n) for n in self.submitted}
            time.sleep(0.02)

    def children(self) -> list[str]:
        """Name the processes that workers have started, and what those have started."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/cwd").startswith(f"{self.root}/home/steps"):
                    found.append(pid)
        return found

    def scratch(self) -> list[str]:
        """Name the directories of steps that are there."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for worker in os.listdir(f"{self.root}/home/steps"):
                with contextlib.suppress(FileNotFoundError):
                    names = os.listdir(f"{self.root}/home/steps/{worker}")
                    found += [name for name in names if name != ".lock"]
        return found

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait()
            process.stdout.close()
        self.queue.close()
        self.database.close()


@pytest.fixture(scope="module")
def tiny_channel(tmp_path_factory: pytest.TempPathFactory, here: Platform) -> Path:
    """A channel with a package ``tiny``, and one that asks for what there is not."""
    packages = [
        Package("tiny", license="MIT", entries=(text("share/tiny.txt", "hello"),)),
        Package("other", entries=(text("share/other.txt", "hello"),)),
        Package("lonely", entries=(text("share/lonely.txt", "hello"),)),
        Package("alone", entries=(text("share/alone.txt", "hello"),)),
        Package(
            "speaking",
            depends=("tiny",),
            entries=(text("bin/speak", f"#!/bin/sh\necho I am at {PLACEHOLDER}\n", mode=0o755),),
        ),
        Package("wanting", depends=("missing >=2",), entries=(text("share/wanting.txt", ""),)),
    ]
    return make_channel(tmp_path_factory.mktemp("channel") / "channel", packages, here.name)


@pytest.fixture(scope="module")
def store_of(tiny_channel: Path) -> Callable[[Path], Iterator[Store]]:
    @contextlib.contextmanager
    def opened(root: Path, url: str = "") -> Iterator[Store]:
        url = url or f"sqlite:///{root}/stead.sqlite"
        with open_database(url) as database:
            upgrade(database)
            engine_queue.migrate(database)
            with database.begin() as connection:
                namespaces.create(connection, "team", database.now())
            store = Store(root, url, f"file://{tiny_channel}", database, BuildQueue(database))
            try:
                yield store
            finally:
                store.close()
                remove_tree(root / "home")

    return opened


@pytest.fixture
def store(store_of, tmp_path: Path) -> Iterator[Store]:
    """A store of its own, without a worker."""
    with store_of(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def running(store_of, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with one worker, for all tests of a file."""
    with store_of(tmp_path_factory.mktemp("running")) as made:
        made.worker()
        yield made


@pytest.fixture
def waiting(tiny_channel: Path) -> Iterator[Waiting]:
    """The channel, served by a server that gives packages only when it is told to."""
    made = Waiting(tiny_channel)
    yield made
    made.close()


@dataclass
class Answering:
    """A store that answers, and a token with which `team` may be read."""

    url: str
    token: str
    services: Services


@pytest.fixture(scope="session")
def answering() -> Callable[..., Iterator[Answering]]:
    """Have a store answer requests, until the context is left; options are of its artifact store."""

    @contextlib.contextmanager
    def opened(store: Store, blobs: str = "", **options: str) -> Iterator[Answering]:
        blobs = blobs or f"file://{store.root}/blobs"
        config = ServerConfig(data=str(store.root), database=store.url, blobs=blobs)
        services = Services(config, store.database, store.queue, open_blobs(blobs, options))
        with store.database.begin() as connection:
            token, _ = tokens.create(
                connection,
                "laptop",
                store.database.now(),
                who="laptop",
                grants={"team/*": ("viewer",)},
            )
        listening = socket.create_server(("127.0.0.1", 0))
        settings = uvicorn.Config(make_app(services), log_config=None, access_log=False)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Answering(f"http://127.0.0.1:{listening.getsockname()[1]}", token, services)
        finally:
            server.should_exit = True
            thread.join()
            listening.close()

    return opened


@dataclass
class Laptop:
    """Another home, and a project in it."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def stead(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.started(*words, **more, wait=True)

    def started(self, *words: str, wait: bool = False, **more: str):
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "STEAD_HOME": str(self.root / "stead"),
            **self.environ,
            **more,
        }
        argv = [os.path.join(os.path.dirname(sys.executable), "stead"), *words]
        options = {"cwd": self.root / "project", "env": environ, "text": True}
        if wait:
            return subprocess.run(argv, capture_output=True, check=False, **options)
        return subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
        )

    def write(self, name: str, content: str) -> None:
        (self.root / "project" / name).write_text(content)

    @property
    def builds(self) -> list[str]:
        store = self.root / "stead" / "store"
        return sorted(os.listdir(store)) if store.is_dir() else []


@pytest.fixture
def make_laptop(tmp_path: Path) -> Iterator[Callable[..., Laptop]]:
    """Make another machine; its arguments are variables that it has."""
    made = []

    def make(**environ: str) -> Laptop:
        root = tmp_path / f"laptop-{len(made)}"
        (root / "project").mkdir(parents=True)
        made.append(Laptop(root, environ))
        return made[-1]

    yield make
    for one in made:
        if (one.root / "stead").exists():
            remove_tree(one.root / "stead")

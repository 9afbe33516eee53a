"""A store server as a process, with a channel to build from, and accounts on other machines."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from stead.store.atomic import remove_tree
from stead.testing.channel import Package, make_channel, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.values.platform import Platform


class Serving:
    """`stead serve` on a home; :meth:`start` may be called again once it was ended."""

    def __init__(self, home: Path, workers: int) -> None:
        self.home = home
        self.workers = workers
        self.token = ""
        self.url = ""
        self._log = home / "serve.log"

    def start(self) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("STEAD_", "CONDA_"))}
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stead", "serve", "--port", "0"),
                    *("--workers", str(self.workers)),
                ],
                env=environ | {"STEAD_HOME": str(self.home)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        for line in self.process.stdout:
            if line.startswith("admin token"):
                self.token = line.split()[-1]
            if line.startswith("serving on"):
                self.url = line.split()[-1]
                return
        raise AssertionError(self._log.read_text())

    def end(self) -> None:
        """Ask it to end, which it does in order."""
        self.process.terminate()
        try:
            assert self.process.wait(120) == 0, self._log.read_text()
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


class Forwarder:
    """An address that stays while the server behind it comes and goes."""

    def __init__(self) -> None:
        self.behind = ""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                given, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(given,), daemon=True).start()

    def _serve(self, given: socket.socket) -> None:
        with given, suppress(OSError):
            host, _, port = self.behind.removeprefix("http://").partition(":")
            with socket.create_connection((host, int(port))) as behind:
                back = threading.Thread(target=_pass_on, args=(behind, given), daemon=True)
                back.start()
                _pass_on(given, behind)
                back.join()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="session")
def team_channel(tmp_path_factory: pytest.TempPathFactory, here: Platform) -> str:
    """A channel with two versions of ``tiny``, ``more``, and a package that asks for what there is not."""
    packages = [
        Package("tiny", "1.0", entries=(text("share/tiny.txt", "tiny one\n"),)),
        Package("tiny", "2.0", entries=(text("share/tiny.txt", "tiny two\n"),)),
        Package("more", entries=(text("share/more.txt", "more\n"),)),
        Package("wanting", depends=("missing >=2",), entries=(text("share/w.txt", ""),)),
    ]
    made = make_channel(tmp_path_factory.mktemp("team") / "channel", packages, here.name)
    return made.as_uri()


@contextmanager
def _running(home: Path, workers: int) -> Iterator[Serving]:
    made = Serving(home, workers)
    made.start()
    try:
        yield made
    finally:
        try:
            made.end()
        finally:
            remove_tree(home)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with one worker, for all tests of a file."""
    with _running(tmp_path_factory.mktemp("serving"), 1) as made:
        yield made


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server without workers: its builds stand as a test says."""
    with _running(tmp_path_factory.mktemp("idle"), 0) as made:
        yield made


@pytest.fixture
def forwarder() -> Iterator[Forwarder]:
    made = Forwarder()
    yield made
    made.close()


class Account:
    """Somebody's account on a machine of their own: another home, another store."""

    def __init__(self, machine, root: Path, url: str, token: str) -> None:
        from dataclasses import replace

        home = root / "home"
        home.mkdir(parents=True)
        self.root = root
        self.url = url
        self.token = token
        environ = machine.environ | {"HOME": str(home), "STEAD_HOME": str(home / "stead")}
        self.machine = replace(machine, home=home, environ=environ)
        self.work = root / "work"
        self.work.mkdir()

    def log_in(self) -> str:
        file = self.root / "token"
        file.write_text(f"{self.token}\n")
        return self.ok("remote", "login", self.url, "--token-file", str(file))

    def run(self, *words: str, **options):
        return self.machine.run(*words, cwd=self.work, **options)

    def ok(self, *words: str, **options) -> str:
        return self.machine.ok(*words, cwd=self.work, **options)

    def fails(self, *words: str, code: int = 1) -> str:
        return self.machine.fails(*words, cwd=self.work, code=code)

    def json(self, *words: str):
        return json.loads(self.ok(*words, "--json"))

    def write(self, **files: str) -> None:
        for name, content in files.items():
            (self.work / name.replace("_", ".")).write_text(content)


@pytest.fixture
def accounts(machine, tmp_path: Path):
    """Make accounts on machines of their own, each with the administrator's token."""

    def make(name: str, serving: Serving) -> Account:
        return Account(machine, tmp_path / name, serving.url, serving.token)

    yield make
    for home in tmp_path.glob("*/home/stead"):
        remove_tree(home)

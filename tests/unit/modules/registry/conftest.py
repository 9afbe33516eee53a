"""Registries for tests: directories of items, a server on the loopback, and a world to read them in."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from stead.cli import runner
from stead.values.context import Context
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Put = "Callable[..., Path]"


class Notes:
    """Progress that only remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextlib.contextmanager
    def task(self, title: str, *, unit: str = "") -> Iterator[Any]:
        yield None

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def context(tmp_path: Path, notes: Notes) -> Context:
    """A world whose person has no settings, and whose git knows nobody."""
    home = tmp_path / "person"
    home.mkdir()
    environ = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
    }
    return Context(
        home=tmp_path / "stead", environ=environ, run=runner.run, progress=notes, now=time.time
    )


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes an item into a registry's directory, over what was there."""

    def write(
        name: str = "tiny",
        version: str = "1.0",
        *,
        more: str = "",
        kind: str = "lib",
        registry: str = "registry",
        files: dict[str, str] | None = None,
    ) -> Path:
        root = tmp_path / registry
        top = root / name
        (top / "files").mkdir(parents=True, exist_ok=True)
        (top / "stead-item.toml").write_text(
            f'name = "{name}"\nkind = "{kind}"\nversion = "{version}"\n'
            f'summary = "A {name} one"\n{more}'
        )
        for path, text in (files or {"main.py": f"VERSION = '{version}'\n"}).items():
            (top / "files" / path).parent.mkdir(parents=True, exist_ok=True)
            (top / "files" / path).write_text(text)
        return root

    return write


@dataclass
class Site:
    """A server on the loopback, and what it was asked."""

    url: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, ``Authorization`` and status of each request."""
    wants: str = ""
    """The ``Authorization`` that it insists on."""
    leads: dict[str, str] = field(default_factory=dict)
    """Paths that lead elsewhere."""
    streams: set[str] = field(default_factory=set)
    """Ends of paths that are answered without a length, and without an end."""
    cut: set[str] = field(default_factory=set)
    sent: int = 0

    def statuses(self) -> list[str]:
        return [status for _, _, status in self.asked]


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Site]:
    """Serve a directory with entity tags until the block ends."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            self._answer(self.headers.get("Authorization", ""))

        def _answer(self, who: str) -> None:
            if self.path in site.leads:
                return self._say(302, {"Location": site.leads[self.path]})
            if site.wants and who != site.wants:
                return self._say(401)
            if any(self.path.endswith(end) for end in site.streams):
                self._say(200, {}, None)
                with contextlib.suppress(OSError):
                    while True:
                        self.wfile.write(b"\0" * 65536)
                        site.sent += 65536
                return None
            try:
                content = (directory / self.path.lstrip("/")).read_bytes()
            except OSError:
                return self._say(404)
            tag = f'"{sha256(content).hexdigest()}"'
            if self.headers.get("If-None-Match") == tag:
                return self._say(304)
            if any(self.path.endswith(end) for end in site.cut):
                self._say(200, {"Content-Length": str(len(content))}, None)
                self.wfile.write(content[: len(content) // 2])
                return None
            return self._say(200, {"ETag": tag}, content)

        def _say(
            self, status: int, headers: dict[str, str] | None = None, content: bytes | None = b""
        ) -> None:
            who = self.headers.get("Authorization", "")
            site.asked.append((self.path, who, str(status)))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if content is not None:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if content:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Site]:
    """Serve the same from another origin."""
    with serving(tmp_path / "out") as served:
        yield served


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Serve the directory ``out`` of the test's own."""
    with serving(tmp_path / "out") as served:
        yield served

"""Real builds of small packages, a base with a C library, and a real registry on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.deploy.closure import tree_of_files, trees_of_build
from stead.deploy.oci import layers
from stead.deploy.tar import write_tar
from stead.deploy.targets import Delivery
from stead.deploy.targets.image import ImageTarget, Making
from stead.store.atomic import remove_tree
from stead.testing.images import base_image
from stead.testing.index import Wheel, make_index
from stead.testing.world import make_context
from stead.values.deployment import Payload, Service
from stead.values.platform import platform_of
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.values.deployment import Tree

PROGRAM = Path(sys.prefix) / "bin" / "stead"
HERE = platform_of(sys.platform, os.uname().machine)
ROOT = layers.ROOT

HELLO = "def main():\n    print('hello from', __file__)\n"
WEB = """\
import http.server, os, sys
import leaf

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{leaf.__version__} {os.environ['GREETING']} {sys.prefix}".encode())

    def log_message(self, *words):
        pass

if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    packages = [
        Wheel("leaf", "1.0"),
        Wheel("leaf", "2.0"),
        Wheel("branch", "1.0", requires=("leaf",)),
        Wheel("tool", "1.0", scripts={"tool": "tool:main"}, files={"tool.py": HELLO}),
        Wheel("twig", "1.0", files={"twig/__init__.py": "", "twig/data.txt": "x" * 5000}),
    ]
    return make_index(tmp_path_factory.mktemp("index"), packages)


@dataclass(frozen=True)
class Builder:
    """Builds environments with the installed program, in one home."""

    home: Path
    index: Path
    places: Path

    def build(self, manifest: str, name: str = "demo") -> Path:
        place = self.places / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "stead.toml").write_text(manifest, encoding="utf-8")
        done = subprocess.run(
            [PROGRAM, "build"],
            cwd=place,
            env={
                "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
                "HOME": str(self.places),
                "STEAD_HOME": str(self.home),
                "UV_DEFAULT_INDEX": f"{self.index.as_uri()}/simple",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip().splitlines()[-1])

    def pypi(self, *requirements: str, name: str = "demo") -> Path:
        lines = "".join(
            f'{r.split("==")[0]} = "{"==" if "==" in r else ""}{r.partition("==")[2] or "*"}"\n'
            for r in requirements
        )
        minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return self.build(
            f'[workspace]\nname = "{name}"\n[packages]\npython = "{minor}"\n[packages.pypi]\n{lines}',
            name,
        )


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Iterator[Builder]:
    """A builder for tests that change nothing of what it made."""
    base = tmp_path_factory.mktemp("shared")
    yield Builder(base / "home", index, base / "places")
    remove_tree(base / "home")


@pytest.fixture(scope="session")
def environment(shared: Builder) -> Path:
    return shared.pypi("branch", "leaf==1.0", "tool", "twig")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with this machine's C library and a shell, and nothing else."""
    return base_image(tmp_path_factory.mktemp("base") / "oci")


@dataclass
class Maker:
    """Makes deliveries of small apps, and targets for them."""

    home: Path
    work: Path
    base: str

    def trees(self, build: Path, code: str = WEB) -> tuple[Tree, ...]:
        self.work.mkdir(parents=True, exist_ok=True)
        main = self.work / "main.py"
        if not main.exists() or main.read_text(encoding="utf-8") != code:
            main.write_text(code, encoding="utf-8")
        trees = trees_of_build(build, ROOT, self.home)
        return (*trees, tree_of_files({"main.py": str(main)}, "code", self.home))

    def payload(self, trees: tuple[Tree, ...], port: int = 8000, **fields) -> Payload:
        prefix, code = f"{ROOT}/trees/{trees[0].key}", f"{ROOT}/trees/{trees[-1].key}"
        service = Service(
            "web",
            "web",
            (f"{prefix}/bin/python", f"{code}/main.py"),
            code,
            (("GREETING", "good day"), ("PATH", f"{prefix}/bin:/bin"), ("PORT", str(port))),
            (),
            (port,),
        )
        fields = {"services": (service,), **fields}
        return Payload("demo", "img", "", ROOT, trees, **fields)

    def delivery(self, payload: Payload) -> Delivery:
        return Delivery(
            payload, sha256(repr(payload).encode()).hexdigest(), '{"recipe":"demo"}', write_tar
        )

    def target(self, output: str, **fields) -> ImageTarget:
        fields = {"base": self.base, "platform": HERE, **fields}
        return ImageTarget("img", "demo", Making(output, **fields), make_context(self.home))


@pytest.fixture
def maker(tmp_path: Path, base: str, shared: Builder) -> Maker:
    return Maker(shared.home, tmp_path / "work", base)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Registry:
    """A running registry."""

    host: str
    directory: Path
    config: Path


@contextlib.contextmanager
def registry(directory: Path, extra: str = "") -> Iterator[Registry]:
    """Run Debian's registry on a port of loopback until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = directory / "config.yml"
    config.write_text(
        "version: 0.1\nlog:\n  level: error\n"
        f"storage:\n  filesystem:\n    rootdirectory: {directory}/data\n  delete:\n    enabled: true\n"
        f"http:\n  addr: 127.0.0.1:{port}\n{extra}",
        encoding="utf-8",
    )
    program = shutil.which("docker-registry")
    assert program is not None
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
        )
    try:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (directory / "log").read_text(encoding="utf-8")
            time.sleep(0.05)
        yield Registry(f"127.0.0.1:{port}", directory, config)
    finally:
        process.terminate()
        process.wait(90)


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that everybody may use."""
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def registry_with():
    """Run a registry with further lines of configuration."""
    return registry


@contextlib.contextmanager
def cutting(host: str, after: list[int]) -> Iterator[tuple[str, list[int]]]:
    """Stand before a server; the connection breaks off after so many bytes, once for each number.

    Gives the address, and how many bytes each connection brought.
    """
    name, _, port = host.partition(":")
    seen: list[int] = []

    class Between(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            number = len(seen)
            seen.append(0)
            with socket.create_connection((name, int(port))) as there:
                back = threading.Thread(target=copy, args=(there, self.request), daemon=True)
                back.start()
                while data := receive(self.request):
                    seen[number] += len(data)
                    if after and seen[number] > after[0]:
                        there.sendall(data[: len(data) // 2])
                        after.pop(0)
                        # What has arrived is kept by the server, which sees the end.
                        there.shutdown(socket.SHUT_WR)
                        time.sleep(0.2)
                        break
                    with contextlib.suppress(OSError):
                        there.sendall(data)

    def receive(one: socket.socket) -> bytes:
        with contextlib.suppress(OSError):
            return one.recv(65536)
        return b""

    def copy(one: socket.socket, other: socket.socket) -> None:
        while data := receive(one):
            with contextlib.suppress(OSError):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Between) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def cut_off():
    """Stand before a server and cut its connections."""
    return cutting


@pytest.fixture
def free_ports():
    """Give so many ports of loopback on which nobody listens."""
    return lambda number: tuple(free_port() for _ in range(number))

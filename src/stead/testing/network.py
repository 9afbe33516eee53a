"""A network of its own for tests: public addresses, names, web servers, and no way out.

    with Network(tmp_path) as network:
        network.names["c.example.org"] = [["9.9.9.9"]]
        pages = network.serve(channel, "9.9.9.9")
        subprocess.run([*network.within, "curl", "http://c.example.org/noarch/repodata.json"])

Its addresses are on the loopback of a network namespace, so they are nobody else's. Servers
are threads of the test, whose sockets are in that network; programs that begin with
:attr:`Network.within` have it and its resolver. Needs root and ``ip``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import (
    BaseHTTPRequestHandler,
    SimpleHTTPRequestHandler,
    ThreadingHTTPServer,
)
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Answer = list[str]

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_Found = TypeVar("_Found")

_BOOT = """
set -e
ip link set lo up
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
echo up
exec sleep infinity
"""
_TYPES: dict[int, int] = {1: socket.AF_INET, 28: socket.AF_INET6}
_HEAD, _RECORD = struct.Struct(">HHHHH"), struct.Struct(">LH")


@dataclass
class Pages:
    """A web server. ``requests`` are ``METHOD TARGET`` lines as they were asked for."""

    address: str
    port: int
    requests: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    """Endings of paths, and where whoever asks for them is sent to."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        # Whoever asked may be dead.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Network:
    """A network that runs; a context. Everything of it ends with the context."""

    def __init__(self, place: Path) -> None:
        """Prepare; ``place`` is a directory for its files."""
        self.names: dict[str, list[Answer]] = {}
        """What names resolve to: addresses per question, the last answer again and again."""
        self.asked: list[str] = []
        """The names that were asked for, once for each question of an IPv4 address."""
        self.silent: threading.Event | None = None
        """While it is there and not set, nothing is answered."""
        self._place = place
        self._stack = contextlib.ExitStack()
        self._addresses: set[str] = set()

    def __enter__(self) -> Self:
        place = self._place / "network"
        place.mkdir()
        (place / "hosts").write_text("127.0.0.1 localhost\n")
        # A program waits long: what is to be quick must not rely on it.
        (place / "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:30 attempts:5\n")
        apart = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount"]
        self._holder = subprocess.Popen(
            [*apart, "sh", "-c", _BOOT, "sh", os.fspath(place)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self._stack.callback(self._end)
        try:
            self._begun()
            self._resolve()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.silent is not None:
            self.silent.set()
        self._stack.close()

    def _begun(self) -> None:
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"up\n":
            raise RuntimeError("no network could be made; is this root, with iproute2?")

    def _end(self) -> None:
        self._holder.kill()
        with self._holder:
            pass

    @property
    def within(self) -> list[str]:
        """Words before a command that has this network and its names."""
        return ["nsenter", f"--target={self._holder.pid}", "--net", "--mount", "--"]

    def inside(self, work: Callable[[], _Found]) -> _Found:
        """Do something in the network, without its names: a thread's sockets stay there."""
        found: list[_Found] = []
        failed: list[BaseException] = []

        def there() -> None:
            try:
                self._enter()
                found.append(work())
            except BaseException as exc:  # noqa: BLE001 - raised again, where it is waited for
                failed.append(exc)

        thread = threading.Thread(target=there)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return found[0]

    def _enter(self) -> None:
        with open(f"/proc/{self._holder.pid}/ns/net") as space:
            if _libc.setns(space.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def connect(self, port: int, address: str = "127.0.0.1") -> socket.socket:
        """Connect to a port there."""
        return self.inside(lambda: socket.create_connection((address, port)))

    def listen(self, address: str, port: int = 0) -> socket.socket:
        """Listen on an address, which the network gets if it has it not."""
        if address not in self._addresses and not address.startswith("127."):
            width = 128 if ":" in address else 32
            words = ["ip", "addr", "add", f"{address}/{width}", "dev", "lo"]
            subprocess.run([*self.within, *words], check=True)
            self._addresses.add(address)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return self.inside(lambda: socket.create_server((address, port), family=family))

    def serve(
        self, directory: Path, address: str, port: int = 80, moved: Mapping[str, str] | None = None
    ) -> Pages:
        """Serve a directory over http until the network ends."""
        listening = self.listen(address, port)
        pages = Pages(address, listening.getsockname()[1], moved=dict(moved or {}))

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=os.fspath(directory))  # type: ignore[arg-type]

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._answer(super().do_GET)

            def do_HEAD(self) -> None:
                self._answer(super().do_HEAD)

            def _answer(self, usual: Callable[[], None]) -> None:
                pages.requests.append(f"{self.command} {self.path}")
                # A proxy is asked for whole addresses, and any server may be.
                self.path = urlsplit(self.path).path
                for ending, place in pages.moved.items():
                    if self.path.endswith(ending):
                        self.send_response(HTTPStatus.FOUND)
                        self.send_header("Location", place)
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                        return
                usual()

        self.run(Handler, listening)
        return pages

    def run(self, handler: type[BaseHTTPRequestHandler], listening: socket.socket) -> None:
        """Run a web server on a socket until the network ends."""
        server = _Server(listening.getsockname()[:2], handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()

        def end() -> None:
            server.shutdown()
            thread.join()
            server.server_close()

        self._stack.callback(end)

    def _resolve(self) -> None:
        asking = self.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        asking.bind(("127.0.0.53", 53))
        thread = threading.Thread(target=self._answer_names, args=(asking,))
        thread.start()

        def end() -> None:
            # Nothing else wakes it.
            with self.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as waking:
                waking.sendto(b"", ("127.0.0.53", 53))
            thread.join()
            asking.close()

        self._stack.callback(end)

    def _answer_names(self, asking: socket.socket) -> None:
        while True:
            question, who = asking.recvfrom(4096)
            if not question:
                return
            name, kind = _read(question)
            if kind == socket.AF_INET:
                self.asked.append(name)
            if self.silent is not None:
                self.silent.wait()
            asking.sendto(self._answer(question, name, kind), who)

    def _answer(self, question: bytes, name: str, kind: int) -> bytes:
        """Answer a question; one that is not for addresses has no answer."""
        answers = self.names.get(name, [[]])
        number = max(self.asked.count(name) - 1, 0)
        wanted = answers[min(number, len(answers) - 1)] if kind else []
        found = [
            socket.inet_pton(kind, address)
            for address in wanted
            if (":" in address) == (kind == socket.AF_INET6)
        ]
        asked = question[12 : 12 + len(name) + 6]
        records = b"".join(b"\xc0\x0c" + asked[-4:] + _RECORD.pack(0, len(o)) + o for o in found)
        code = 0 if name in self.names else 3
        head = _HEAD.pack(0x8580 | code, 1, len(found), 0, 0)
        return question[:2] + head + asked + records


def _read(question: bytes) -> tuple[str, int]:
    """Give the name that is asked for (RFC 1035), and the family of addresses; 0 for others."""
    at, labels = 12, []
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode())
        at += length + 1
    kind = int.from_bytes(question[at + 1 : at + 3], "big")
    return ".".join(labels).lower(), _TYPES.get(kind, 0)


__all__ = ["Network", "Pages"]

"""A proxy by which a child's programs reach the network, and no private address of it.

Where settings forbid private addresses, whatever fetches in a child (rattler, uv, git, what
these start) is pointed to a proxy in the child itself, by the variables that all of them know.
It asks what a name resolves to, looks at every address of the answer, and connects to one that
it has looked at: so neither a name that resolves otherwise a moment later nor a server that
sends on to another place leads into a private network. What is refused becomes the reason of
the failure.

A worker that has a proxy of its own reaches the network by that one: then names are resolved
there, and what is looked at here is how addresses are written.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import socket
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from stead.ecosystems.conda.channels import redacted
from stead.ecosystems.pypi.indexes import mirror
from stead.server.engine.reasons import Failure, Kind
from stead.server.engine.relaying import CHUNK, HEAD, answer, between, first, opened
from stead.server.specs.addresses import addresses_of, is_private, is_private_ip, refusal
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from stead.server.engine.relaying import Ends

RESOLVING = 16
"""How many names are asked for at once."""

ANSWERING = 30.0
"""Seconds for a name's addresses."""

_PORTS = {"http": 80, "https": 443}
_PROXIES = ("http", "https", "all")
_MIRRORS = ("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL")
_GIT = {
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    # uv copies what it has fetched; the parts of a repository may name no files.
    "protocol.file.allow": "user",
}
"""Git knows ways to a server that no proxy sees; the machine's own settings may name a proxy too."""

_LOOPBACK = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}"
"""How Linux writes the address in its lists of sockets."""

_OF_ONE_HOP = ("proxy-", "connection:", "keep-alive:", "upgrade:", "te:", "host:")
"""How headers begin that are not handed on as they are."""


class RefusedError(Exception):
    """A private address is asked for."""

    def __init__(self, asked: _Asked, how: str = "") -> None:
        super().__init__(refusal(asked.name, how))
        self.asked = asked


@dataclass(frozen=True, slots=True)
class _Asked:
    """The head of a request, taken apart; ``path`` is empty for a tunnel.

    How it was written goes no further: others might read it otherwise.
    """

    method: str
    host: str
    port: int
    path: str
    headers: tuple[str, ...]
    length: int
    """Bytes that follow the head."""

    @property
    def tunnel(self) -> bool:
        return self.method == "CONNECT"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def target(self) -> str:
        """How a proxy is asked for it."""
        return self.place if self.tunnel else f"http://{self._host}{self.path}"

    @property
    def _host(self) -> str:
        return self.place.removesuffix(":80")

    @property
    def name(self) -> str:
        """What people are told, without secrets."""
        return self.place if self.tunnel else redacted(self.target)

    def head(self, target: str, *more: str) -> bytes:
        """Write it for who is asked next, who is asked once."""
        kept = [h for h in self.headers if not h.lower().startswith(_OF_ONE_HOP)]
        once = [] if self.tunnel else ["Connection: close"]
        line = f"{self.method} {target} HTTP/1.1"
        lines = [
            line,
            f"Host: {self.place if self.tunnel else self._host}",
            *kept,
            *more,
            *once,
            "",
            "",
        ]
        return "\r\n".join(lines).encode("latin-1")


class Guard:
    """The proxy of one child. It listens on loopback alone, and ends with its process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Begin to listen; ``environ`` has the worker's own proxies and index.

        Raises OSError.
        """
        self.refused: dict[str, _Asked] = {}
        """What was refused, by how it is told."""
        self._proxies = proxies_of(environ)
        # Whoever runs the worker has chosen it for everybody.
        named = (environ.get(name, "") for name in _MIRRORS)
        self._chosen = {_place(url) for url in (mirror(environ), *named)}
        self._resolving = ThreadPoolExecutor(RESOLVING, thread_name_prefix="resolving")
        self._pending: dict[str, asyncio.Future[tuple[str, ...]]] = {}
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        threading.Thread(
            target=lambda: asyncio.run(self._serve(listening)), name="guard", daemon=True
        ).start()

    def variables(self) -> dict[str, str]:
        """Give the variables by which programs ask this proxy for everything."""
        git = _GIT | {"http.proxy": self.url}
        found = {"no_proxy": "", "NO_PROXY": "", "GIT_CONFIG_COUNT": str(len(git))}
        for name in _PROXIES:
            found |= {f"{name}_proxy": self.url, f"{name.upper()}_PROXY": self.url}
        for number, (name, value) in enumerate(git.items()):
            found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return found

    def told(self, failure: Failure) -> Failure:
        """Give why a body failed: what was refused, where that may have been why."""
        reasons = [text for text, asked in self.refused.copy().items() if _led_to(failure, asked)]
        if not reasons:
            return failure
        return Failure(Kind.FORBIDDEN, reasons[0], "\n".join([*reasons, failure.info]))

    async def _serve(self, listening: socket.socket) -> None:
        server = await asyncio.start_server(self._take, sock=listening, limit=CHUNK)
        await server.serve_forever()

    async def _take(self, ours: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one request, or one tunnel."""
        if not _is_own(writer):
            answer(writer, "403 Forbidden", "this proxy is for a build of another user")
            writer.close()
            return
        try:
            async with asyncio.timeout(HEAD):
                head = await ours.readuntil(b"\r\n\r\n")
            asked = _read(head)
            theirs = await self._connected(asked, writer)
        except RefusedError as exc:
            if str(exc) not in self.refused:
                print(exc)
            self.refused[str(exc)] = exc.asked
            answer(writer, "403 Forbidden", str(exc))
        except (
            OSError
        ) as exc:  # TimeoutError is one; of certificates' errors some are ValueErrors too
            answer(writer, "502 Bad Gateway", str(exc))
        except (ValueError, EOFError, asyncio.LimitOverrunError) as exc:
            answer(writer, "400 Bad Request", f"this is no request for a proxy: {exc}")
        else:
            with contextlib.closing(theirs[1]):
                await between((ours, writer), theirs, tunnel=asked.tunnel, length=asked.length)
        writer.close()

    async def _connected(self, asked: _Asked, writer: asyncio.StreamWriter) -> Ends:
        """Connect to what is asked for, and hand on the head. Raises RefusedError, OSError."""
        chosen = (asked.host, asked.port) in self._chosen
        if not chosen and is_private(f"http://{asked.place}"):
            raise RefusedError(asked)
        proxy = self._proxy(asked)
        if proxy is not None:
            tls = ssl.create_default_context() if proxy.scheme == "https" else None
            port = proxy.port or _PORTS[proxy.scheme]
            theirs = await asyncio.open_connection(proxy.hostname, port, ssl=tls, limit=CHUNK)
            theirs[1].write(asked.head(asked.target, *_credentials(proxy)))
            try:
                if asked.tunnel:
                    await opened(theirs, writer)
            except OSError:
                theirs[1].close()
                raise
            return theirs
        theirs = await self._direct(asked, looked_at=not chosen)
        if asked.tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            theirs[1].write(asked.head(asked.path))
        return theirs

    async def _direct(self, asked: _Asked, *, looked_at: bool) -> Ends:
        found = await self._resolved(asked.host)
        for ip in found if looked_at else ():
            if is_private_ip(ip):
                raise RefusedError(asked, f"{asked.host} is {ip}")
        if not found:
            raise OSError(f"{asked.host} does not resolve")
        return await first(found, asked.port)

    async def _resolved(self, host: str) -> tuple[str, ...]:
        """Give a name's addresses; who asks while it is asked for waits for the same answer."""
        pending = self._pending.get(host)
        if pending is None:
            loop = asyncio.get_running_loop()
            pending = loop.run_in_executor(self._resolving, addresses_of, host)
            self._pending[host] = pending
            pending.add_done_callback(lambda _: self._pending.pop(host))
        try:
            async with asyncio.timeout(ANSWERING):
                return await asyncio.shield(pending)
        except TimeoutError:
            raise OSError(f"{host} has not resolved within {ANSWERING:g} seconds") from None

    def _proxy(self, asked: _Asked) -> SplitResult | None:
        """Give the worker's own proxy for a request; None where it is answered without."""
        if proxy_bypass_environment(asked.place, self._proxies):
            return None
        url = self._proxies.get("https" if asked.tunnel else "http") or self._proxies.get("all")
        return _split(url) if url else None


def proxies_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the proxies that variables name: ``http``, ``https``, ``all``, and ``no`` for what is excepted."""
    lower = {name.lower(): value for name, value in environ.items() if value}
    return {n: lower[f"{n}_proxy"] for n in (*_PROXIES, "no") if f"{n}_proxy" in lower}


def can_ask(environ: Mapping[str, str]) -> bool:
    """Say whether the worker's own proxies can be asked: those of http and https can.

    Raises StoreError for what is no address: programs would pass over it, and over the guard.
    """
    found = proxies_of(environ)
    kinds = {_kind(name, url) for name, url in found.items() if name != "no"}
    return kinds <= _PORTS.keys()


def _kind(name: str, url: str) -> str:
    try:
        parts = _split(url)
        if parts.hostname and parts.port != 0:
            return parts.scheme
    except ValueError:
        pass
    raise StoreError(
        f"the worker's variable {name}_proxy holds no address of a proxy",
        remedy="write it as http://HOST:PORT where the worker is started, or leave it out",
    )


def _led_to(failure: Failure, asked: _Asked) -> bool:
    """Say whether a body may have failed because something was refused.

    What failed mostly names the host that was refused. An index that refuses is for uv one that
    does not have a package, which it names. Sent on from one address to another, uv names the
    first with the status; nobody names where a tunnel would have led.
    """
    if failure.kind not in (Kind.NETWORK, Kind.PACKAGE, Kind.UNSATISFIABLE):
        return False
    if _names(failure.info, asked.host):
        return True
    if failure.kind is Kind.UNSATISFIABLE:
        package = asked.path.partition("?")[0].rstrip("/").rpartition("/")[2]
        return bool(package) and _names(failure.info, package)
    return failure.kind is Kind.NETWORK and (asked.tunnel or _names(failure.info, "403"))


def _names(text: str, word: str) -> bool:
    return bool(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-]|\.\w)", text, re.IGNORECASE))


def _split(url: str) -> SplitResult:
    return urlsplit(url if "://" in url else f"http://{url}")


def _place(url: str) -> tuple[str, int] | None:
    """Give host and port of an address; None where it has none."""
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in _PORTS:
            return None
        return parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        return None


def _credentials(proxy: SplitResult) -> list[str]:
    if proxy.username is None:
        return []
    both = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [f"Proxy-Authorization: Basic {base64.b64encode(both.encode()).decode()}"]


def _read(head: bytes) -> _Asked:
    """Take a request's head apart. Raises ValueError."""
    line, *headers = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    if any("\n" in one or "\r" in one for one in (line, *headers)):
        raise ValueError("lines end with CR and LF")
    method, target, _ = line.split(" ")
    tunnel = method == "CONNECT"
    parts = urlsplit(f"//{target}" if tunnel else target)
    if parts.scheme != ("" if tunnel else "http") or not parts.hostname:
        raise ValueError(f"no address of the kind that {method} asks for")
    path = "" if tunnel else (parts.path or "/") + (parts.query and f"?{parts.query}")
    length = 0 if tunnel else _length(headers)
    return _Asked(method, parts.hostname, parts.port or 80, path, tuple(headers), length)


def _length(headers: list[str]) -> int:
    """Give how many bytes follow a request's head. Raises ValueError where that is not said."""
    halves = [header.partition(":") for header in headers]
    fields = [(name.strip().lower(), value.strip()) for name, _, value in halves]
    if any(name == "transfer-encoding" for name, _ in fields):
        raise ValueError("it has a body of unknown length")
    given = {value for name, value in fields if name == "content-length"} or {"0"}
    if len(given) > 1 or not all(one.isascii() and one.isdigit() for one in given):
        raise ValueError("it has a body of unknown length")
    return int(given.pop())


def _is_own(writer: asyncio.StreamWriter) -> bool:
    """Say whether this process's own user asks: others on the machine reach loopback too.

    A login in the proxy's address would not do: rattler does not send it again where a server
    sends it on to another one.
    """
    sockets = (writer.get_extra_info("peername"), writer.get_extra_info("sockname"))
    ends = [f"{_LOOPBACK}:{port:04X}" for _, port in sockets]
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/self/net/{name}", encoding="ascii") as file:
                lines = [line.split() for line in file]
        except FileNotFoundError:  # no Linux, or no IPv6
            if name == "tcp":
                return True
            continue
        for line in lines:
            if [end[-len(ends[0]) :] for end in line[1:3]] == ends:
                return int(line[7]) == os.geteuid()
    return False

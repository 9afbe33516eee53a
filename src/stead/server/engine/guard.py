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
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from stead.ecosystems.conda.channels import redacted
from stead.ecosystems.pypi.indexes import mirror
from stead.server.engine.reasons import Failure, Kind
from stead.server.specs.addresses import addresses_of, is_private, is_private_ip, refusal
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult

    _Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEAD = 60.0
"""Seconds in which a request's head is written."""

CONNECTING = 15.0
"""Seconds for one address that does not answer."""

NEXT = 0.5
"""Seconds after which the next address of a name is tried too."""

RESOLVING = 16
"""How many names are asked for at once."""

ANSWERING = 30.0
"""Seconds for a name's addresses."""

LEAVING = 60.0
"""Seconds in which one end of a connection is done after the other one has gone."""

_CHUNK = 256 * 1024
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
        server = await asyncio.start_server(self._take, sock=listening, limit=_CHUNK)
        await server.serve_forever()

    async def _take(self, ours: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one request, or one tunnel."""
        if not _is_own(writer):
            _answer(writer, "403 Forbidden", "this proxy is for a build of another user")
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
            _answer(writer, "403 Forbidden", str(exc))
        except (
            OSError
        ) as exc:  # TimeoutError is one; of certificates' errors some are ValueErrors too
            _answer(writer, "502 Bad Gateway", str(exc))
        except (ValueError, EOFError, asyncio.LimitOverrunError) as exc:
            _answer(writer, "400 Bad Request", f"this is no request for a proxy: {exc}")
        else:
            with contextlib.closing(theirs[1]):
                await _between((ours, writer), theirs, asked)
        writer.close()

    async def _connected(self, asked: _Asked, writer: asyncio.StreamWriter) -> _Ends:
        """Connect to what is asked for, and hand on the head. Raises RefusedError, OSError."""
        chosen = (asked.host, asked.port) in self._chosen
        if not chosen and is_private(f"http://{asked.place}"):
            raise RefusedError(asked)
        proxy = self._proxy(asked)
        if proxy is not None:
            tls = ssl.create_default_context() if proxy.scheme == "https" else None
            port = proxy.port or _PORTS[proxy.scheme]
            theirs = await asyncio.open_connection(proxy.hostname, port, ssl=tls, limit=_CHUNK)
            theirs[1].write(asked.head(asked.target, *_credentials(proxy)))
            try:
                if asked.tunnel:
                    await _opened(theirs, writer)
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

    async def _direct(self, asked: _Asked, *, looked_at: bool) -> _Ends:
        found = await self._resolved(asked.host)
        for ip in found if looked_at else ():
            if is_private_ip(ip):
                raise RefusedError(asked, f"{asked.host} is {ip}")
        if not found:
            raise OSError(f"{asked.host} does not resolve")
        return await _first(found, asked.port)

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


def _answer(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    content = f"{text}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    head += f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + content)


async def _first(addresses: Sequence[str], port: int) -> _Ends:
    """Connect to the address that answers first; each gets a moment before the next is tried.

    Raises OSError of the one that failed last.
    """
    left = deque(addresses)
    trying: set[asyncio.Task[_Ends]] = set()
    error = OSError("there is no address")
    try:
        while left or trying:
            if left:
                trying.add(asyncio.create_task(_connect(left.popleft(), port)))
            done, _ = await asyncio.wait(
                trying, timeout=NEXT if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                trying.discard(task)
                failed = task.exception()
                if failed is None:
                    trying |= done - {task}
                    return task.result()
                error = failed if isinstance(failed, OSError) else OSError(str(failed))
        raise error
    finally:
        for task in trying:
            task.cancel()
        for late in await asyncio.gather(*trying, return_exceptions=True):
            if isinstance(late, tuple):
                late[1].close()


async def _connect(address: str, port: int) -> _Ends:
    try:
        async with asyncio.timeout(CONNECTING):
            return await asyncio.open_connection(address, port, limit=_CHUNK)
    except TimeoutError:
        raise OSError(f"{address} did not answer within {CONNECTING:g} seconds") from None


async def _opened(theirs: _Ends, writer: asyncio.StreamWriter) -> None:
    """Hand on that another proxy has opened a tunnel. Raises OSError where it has not."""
    try:
        async with asyncio.timeout(HEAD):
            head = await theirs[0].readuntil(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode()
    except (EOFError, ValueError, IndexError, asyncio.LimitOverrunError):
        raise OSError("the worker's proxy gave no answer that can be read") from None
    if not status.startswith("2"):
        raise OSError(f"the worker's proxy opened no tunnel, but answered {status}")
    writer.write(head)


async def _between(ours: _Ends, theirs: _Ends, asked: _Asked) -> None:
    """Hand on what both ends say, until both are done: of a request one alone, and its answer."""
    if asked.tunnel:
        ways = [_pass_on(ours[0], theirs[1]), _pass_on(theirs[0], ours[1])]
    else:
        ways = [_ask_once(ours[0], theirs[1], asked.length), _answered(theirs[0], ours[1])]
    tasks = [asyncio.create_task(way) for way in ways]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    over = any(task.exception() for task in done) if asked.tunnel else tasks[1] in done
    if not over:
        await asyncio.wait(tasks, timeout=LEAVING)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _ask_once(source: asyncio.StreamReader, sink: asyncio.StreamWriter, length: int) -> None:
    """Hand on a request's body; what comes after it goes nowhere, until nothing comes any more."""
    while content := await source.read(min(length, _CHUNK) or _CHUNK):
        if length:
            length -= len(content)
            sink.write(content)
            await sink.drain()


async def _answered(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand on the answer to a request, with a head that says that no other follows."""
    interim = True
    try:
        while interim:
            head = await source.readuntil(b"\r\n\r\n")
            interim = head.split(b" ", 2)[1].startswith(b"1")
            if not interim:
                kept = [h for h in head.split(b"\r\n")[:-2] if not _is_of_connection(h)]
                head = b"\r\n".join([*kept, b"Connection: close", b"", b""])
            sink.write(head)
    except (EOFError, IndexError, asyncio.LimitOverrunError):
        _answer(sink, "502 Bad Gateway", "the server gave no answer that can be read")
        return
    await _pass_on(source, sink)


def _is_of_connection(header: bytes) -> bool:
    return header.lower().startswith((b"connection:", b"keep-alive:", b"proxy-connection:"))


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while content := await source.read(_CHUNK):
        sink.write(content)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
    else:
        sink.close()

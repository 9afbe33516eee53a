"""One store server, asked: JSON in, JSON out, and errors that say what, where and what to do.

What a lost connection cuts off is asked again a few times, where asking twice does no harm.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit

from stead.config.checks.bounds import MistakeError
from stead.config.checks.network import opener_for
from stead.remote.http import Redirects, cause, reason
from stead.remote.origins import origin
from stead.values.errors import NetworkError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO
    from urllib.request import OpenerDirector

    from stead.remote.logins import Server

TIMEOUT = 30.0
"""Seconds in which something must arrive."""
SILENCE = 45.0
"""The same of a stream, whose server says every 15 seconds that it is there."""
EVENTS = "text/event-stream"
LONGEST = 64 * 1024 * 1024
"""Bytes of one answer."""
TRIES = 4
_FIRST, _LAST = 0.2, 5.0
_AWAY = (502, 503, 504)
_CHUNK = 1 << 16
_MOST_SAID = 2000
_MISSING = {
    "specification": "`stead remote namespace create NAME` makes a namespace; "
    "`stead remote namespace list` says which there are",
    "build": "`stead remote builds` lists those that there are",
}
"""What to do where something is not there, by a word of the path that was asked for."""


class AnswerError(RemoteError):
    """A store server answers that it cannot, or does not, do what it was asked for."""

    def __init__(self, message: str, status: int, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.status = status


class LostError(NetworkError):
    """A connection was lost, or the server is away for the moment: asking again may help."""


class Client:
    """Asks one server. Once that has answered, it may be away for some ``seconds``.

    ``waits`` is told once each time that it is waited for.
    """

    def __init__(
        self,
        server: Server,
        environ: Mapping[str, str],
        *,
        seconds: float = 0,
        waits: Callable[[str], None] | None = None,
    ) -> None:
        self.server = server
        self._environ = environ
        self._seconds = seconds
        self._waits = waits
        self._answered = False
        self._opener: OpenerDirector | None = None

    def get(self, *path: str | int, **query: Any) -> Any:
        """Ask for something; gives what the answer has as ``data``."""
        return self.ask("GET", path, query=query)["data"]

    def ask(
        self,
        method: str,
        path: tuple[str | int, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        again: bool = True,
    ) -> dict[str, Any]:
        """Ask, and give the answer. ``again``: asking twice is as asking once.

        Raises AnswerError for what the server refuses, NetworkError where it cannot be
        asked, RemoteError where what answers is no store server.
        """
        tried, since = 0, time.monotonic()
        patience = self._seconds if self._answered else 0
        while True:
            tried += 1
            try:
                found = self._once(method, path, query, body)
                self._answered = True
                return found
            except LostError as exc:
                took = time.monotonic() - since
                # One that is slow each time is asked less often than one that breaks off.
                enough = tried >= TRIES or took > TIMEOUT
                if not again or (enough and took > patience):
                    raise
                lost: NetworkError = exc
            except NetworkError as exc:
                if time.monotonic() - since > patience:
                    raise
                lost = exc
            if tried == TRIES and self._waits is not None:
                self._waits(f"{lost.message}; it is waited for, up to {patience:.0f} seconds")
            waits = min(_FIRST * 2 ** min(tried - 1, 10), _LAST)
            time.sleep(waits * (0.5 + os.urandom(1)[0] / 510))  # so that not all come at once

    def events(self, *path: str | int, **query: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Follow a stream of server-sent events: the kind of each, and its data.

        Ends where the stream does. Raises what :meth:`ask` raises, after one try.
        """
        where, request = self._request("GET", path, query, None, EVENTS)
        kind, size = "", 0
        data: list[bytes] = []
        with self._answered_by(request, where, SILENCE) as answer:
            if not answer.headers.get("Content-Type", "").startswith(EVENTS):
                raise self._stranger(where)
            while line := answer.readline(LONGEST):
                size += len(line)
                if size > LONGEST or not line.endswith(b"\n"):
                    return
                name, _, text = line.rstrip(b"\r\n").partition(b":")
                if name == b"event":
                    kind = text.strip().decode(errors="replace")
                elif name == b"data":
                    data.append(text.removeprefix(b" "))
                elif not name and not text:
                    if data:
                        yield kind, self._event(b"\n".join(data), where)
                    kind, size = "", 0
                    data.clear()

    def _event(self, data: bytes, where: str) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._stranger(where)
        return found

    def _once(
        self,
        method: str,
        path: tuple[str | int, ...],
        query: Mapping[str, Any] | None,
        body: Any,
    ) -> dict[str, Any]:
        where, request = self._request(method, path, query or {}, body, "application/json")
        with self._answered_by(request, where, TIMEOUT) as answer:
            return self._read(answer, answer.headers.get("Content-Type", ""), where)

    def _request(
        self,
        method: str,
        path: tuple[str | int, ...],
        query: Mapping[str, Any],
        body: Any,
        accept: str,
    ) -> tuple[str, urllib.request.Request]:
        where = "/".join((self.server.address, *(quote(str(p), safe="") for p in path), ""))
        asked = {k: v for k, v in query.items() if v not in (None, "")}
        headers = {"User-Agent": "stead", "Accept": accept}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(  # noqa: S310 (the address was checked when it was given)
            f"{where}?{urlencode(asked, doseq=True)}" if asked else where,
            data,
            headers,
            method=method,
        )
        if self.server.token is not None:
            request.add_unredirected_header("Authorization", self._authorization)
        return where, request

    @contextmanager
    def _answered_by(
        self, request: urllib.request.Request, where: str, seconds: float
    ) -> Iterator[Any]:
        """Give the answer to a request; what goes wrong, also while it is read, is said in order."""
        try:
            with self._opened().open(request, timeout=seconds) as answer:
                if origin(answer.geturl()) != origin(self.server.address):
                    # Without its token, which stays with the address that it was given for.
                    raise self._elsewhere(answer.geturl(), where)
                yield answer
        except HTTPError as exc:
            with exc:
                raise self._refusal(exc, where) from exc
        except (URLError, OSError, http.client.HTTPException) as exc:
            raise self._unreached(exc) from exc

    @property
    def _authorization(self) -> str:
        token = self.server.token
        return f"Bearer {token.reveal()}" if token is not None else ""

    def _opened(self) -> OpenerDirector:
        if self._opener is None:
            address = self.server.address
            redirects = Redirects(origin(address), self._authorization)
            try:
                self._opener = opener_for(
                    self._environ,
                    urlsplit(address).hostname or "",
                    redirected=True,
                    redirects=redirects,
                )
            except MistakeError as exc:
                raise RemoteError(str(exc), where=address, remedy="correct SSL_CERT_FILE") from exc
        return self._opener

    def _read(self, answer: IO[bytes], kind: str, where: str) -> dict[str, Any]:
        pieces, taken = [], 0
        while piece := answer.read(_CHUNK):
            taken += len(piece)
            if taken > LONGEST:
                raise RemoteError(
                    f"the answer is longer than {LONGEST // 2**20} MiB",
                    where=where,
                    remedy="look at what answers there",
                )
            pieces.append(piece)
        length = getattr(answer, "length", None)
        if length:  # what the head announced and did not come
            raise http.client.IncompleteRead(b"")
        try:
            found = json.loads(b"".join(pieces))
        except ValueError:
            found = None
        if kind.partition(";")[0].strip() != "application/json" or not _is_answer(found):
            raise self._stranger(where)
        known: dict[str, Any] = found
        return known

    def _stranger(self, where: str) -> RemoteError:
        return RemoteError(
            "what answers there is no store server",
            where=where,
            remedy="correct the address: it is the one that `stead serve` tells, or that of the "
            "server before it, without `/api`",
        )

    def _refusal(self, exc: HTTPError, where: str) -> RemoteError | NetworkError:
        """Say why an answer is an error, in the server's own words where it has any."""
        if exc.code in _AWAY:
            return LostError(
                f"the store server {self.server.name} cannot answer at the moment ({exc.code})",
                where=where,
                remedy="try again later",
            )
        if 300 <= exc.code < 400:
            return self._elsewhere(exc.headers.get("Location", ""), where)
        try:
            found = self._read(exc, exc.headers.get("Content-Type", ""), where)
        except (RemoteError, OSError, http.client.HTTPException):
            found = {}
        said = _cut(str(found.get("message") or ""))
        if not found and exc.code not in (401, 403):
            return self._stranger(where)
        remedy = _cut(str(found.get("remedy") or "")) or self._remedy(exc.code, where)
        where = self.server.address
        return AnswerError(self._told(exc.code, said), exc.code, where=where, remedy=remedy)

    def _elsewhere(self, to: str, where: str) -> RemoteError:
        return RemoteError(
            f"the store server {self.server.name} leads elsewhere",
            where=where,
            remedy=f"log in at the address that it leads to: {_cut(to)}",
        )

    def _told(self, status: int, said: str) -> str:
        name = self.server.name
        if status == 401 or (status == 403 and self.server.token is None):
            whom = "the token that it got" if self.server.token else "those who have no token"
            return f"the store server {name} refuses {whom}" + (f": {said}" if said else "")
        if status == 403:
            return f"the store server {name} does not allow this" + (f": {said}" if said else "")
        return f"the store server {name} refuses: {said}"

    def _remedy(self, status: int, where: str) -> str:
        if status == 401 or (status == 403 and self.server.token is None):
            return f"`stead remote login {self.server.address}` with a token that is valid"
        if status == 403:
            return "`stead remote whoami` says what the token may do; ask whoever manages the store"
        if status == 404:
            asked = where.removeprefix(self.server.address).split("/")
            known = next((text for word, text in _MISSING.items() if word in asked), "")
            if known:
                return known
            return "`stead remote env list` and `stead remote namespace list` say what is there"
        if status == 413:
            return "leave out what is no part of the specification"
        return ""

    def _unreached(self, exc: Exception) -> NetworkError:
        inner = cause(exc)
        remedy = "look at the address and the network, and whether `stead serve` runs there"
        kind: type[NetworkError] = LostError
        if isinstance(inner, ssl.SSLCertVerificationError):
            kind = NetworkError
            remedy = "let SSL_CERT_FILE name its authority's certificate, or correct the address"
        elif isinstance(inner, ssl.SSLError):
            kind = NetworkError
            remedy = "correct the address: http:// or https://, and the port"
        elif isinstance(inner, ConnectionRefusedError | socket.gaierror):
            kind = NetworkError
        return kind(
            f"the store server {self.server.name} cannot be asked: {reason(exc)}",
            where=self.server.address,
            remedy=remedy,
        )


def _is_answer(found: object) -> bool:
    return isinstance(found, dict) and found.get("status") in ("ok", "error")


def _cut(text: str) -> str:
    """Give what a server says, as a terminal may show it."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= _MOST_SAID else f"{plain[:_MOST_SAID]}…"

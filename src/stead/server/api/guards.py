"""What every request passes before a route sees it: bounds on its body, and a line in the log."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Any

import orjson

from stead.server.api.errors import answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("stead.server.requests")

_BODIES = ("POST", "PUT", "PATCH", "DELETE")


SECONDS = 60.0
"""How long a body may take to come."""

AT_ONCE = 8
"""How many of the longest bodies are held in memory at once."""

SMALL = 64 * 1024
"""A body up to this length is taken however much is held."""

_FORMS = ("/login/", "/login", "/logout/", "/logout")
"""What browsers send forms to."""

_TRAILED = re.compile(
    rb"(?:^|&)(?:page|size|status|artifact|packages|channels?|conda|pip)=[^&]*?(/|%2F)\Z"
)


class Untrailed:
    """Takes the ``/`` away that the ``conda-store`` program appends to its addresses.

    It does so behind the query too: ``?page=2/``. What may end in ``/`` is left alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its query as it was meant."""
        if scope["type"] == "http" and scope["query_string"].endswith((b"/", b"%2F")):
            found = _TRAILED.search(scope["query_string"])
            if found is not None:
                scope = {**scope, "query_string": scope["query_string"][: found.start(1)]}
        await self._app(scope, receive, send)


class Bounded:
    """Refuses bodies that are too long, as soon as that is known, and those that are not JSON.

    And queries with the character NUL, which no database takes.
    """

    def __init__(self, app: ASGIApp, limit: int, seconds: float = SECONDS) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its body counted as it comes."""
        if scope["type"] == "http" and b"%00" in scope["query_string"]:
            await answer("the query has the character NUL", 422)(scope, receive, send)
            return
        if scope["type"] != "http" or scope["method"] not in _BODIES:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._limit:
            await self._too_long()(scope, receive, send)
            return
        has_body = length != b"0" or b"transfer-encoding" in headers
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        form = kind == b"application/x-www-form-urlencoded" and scope["path"] in _FORMS
        if has_body and kind != b"application/json" and not form:
            told = answer("the body must be JSON, sent as application/json", 415)
            await told(scope, receive, send)
            return
        parts: list[bytes] = []
        try:
            wrong = await self._read(receive, parts) if has_body else None
            if wrong is not None:
                await wrong(scope, receive, send)
                return
            await self._pass(scope, receive, send, parts if has_body else None, form=form)
        except _GoneError:
            return
        finally:
            self._held -= sum(map(len, parts))

    async def _read(self, receive: Receive, parts: list[bytes]) -> ASGIApp | None:
        """Read a body; gives what to answer instead where it is too much, or takes too long."""
        seen = 0
        more = True
        try:
            async with asyncio.timeout(self._seconds):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _GoneError
                    parts.append(message.get("body", b""))
                    more = message.get("more_body", False)
                    seen += len(parts[-1])
                    self._held += len(parts[-1])
                    if seen > self._limit:
                        return self._too_long()
                    if seen > SMALL and self._held > AT_ONCE * self._limit:
                        told = "too many long bodies come at once; try again in a while"
                        return answer(told, 503, headers=_CLOSE | {"Retry-After": "5"})
        except TimeoutError:
            return answer("the body did not come in time", 408, headers=_CLOSE)
        return None

    async def _pass(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        parts: list[bytes] | None,
        *,
        form: bool,
    ) -> None:
        has_body = parts is not None
        body = b"".join(parts or ())
        if body and not form:
            wrong = _mistake(body)
            if wrong:
                await answer(f"the body is no JSON: {wrong}", 422)(scope, receive, send)
                return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again if has_body else receive, send)

    def _words(self) -> str:
        return f"the body is longer than {self._limit} bytes"

    def _too_long(self) -> ASGIApp:
        return answer(self._words(), 413, headers=_CLOSE)


_CLOSE = {"Connection": "close"}
"""What of the body is still to come is not waited for."""


class _GoneError(Exception):
    """Whoever asked has gone."""


def _mistake(body: bytes) -> str:
    """Say what is wrong with JSON; nothing where it is right.

    Stricter than what reads it later: no `NaN`, no half of a character, no nesting without end.
    """
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        return str(exc)
    return ""


class Logged:
    """Writes a line for each request: method, path, status and how long it took."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it at its end."""
        if scope["type"] != "http" or not _log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            took = round((time.perf_counter() - began) * 1000, 3)
            _log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": took,
                },
            )

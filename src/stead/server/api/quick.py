"""The one list that is asked for very often, answered before anything else looks at it.

``GET /api/v1/environment/`` with nothing but ``page`` and ``size``: finding a page takes a
fifth of a millisecond, and reading the request as all others are read takes five times that.
Whatever is unusual about a request goes the usual way, which answers the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.server.api.errors import AWAY
from stead.server.auth import Credentials, Refused, who_asks
from stead.server.database import environments

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from stead.server.services import Services

PATH = "/api/v1/environment/"

_QUERY = re.compile(rb"(?:(?:^|&)(?:page=(?P<page>[1-9]\d{0,8})|size=(?P<size>[1-9]\d{0,8}))){0,2}")

_OTHERS: tuple[type[Exception], ...] = (Refused, *AWAY)


class Quick:
    """Answers the list of environments where it can, and passes all else on."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        content = None
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            content = self._content(scope)
        if content is None:
            await self._app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _content(self, scope: Scope) -> bytes | None:
        asked = _QUERY.fullmatch(scope["query_string"])
        if asked is None:
            return None
        token = ""
        for name, value in scope["headers"]:
            if name in (b"origin", b"cookie"):
                return None
            if name == b"authorization":
                scheme, _, text = value.decode("latin-1").partition(" ")
                token = text.strip() if scheme.lower() == "bearer" else ""
        longest = self._services.config.page_size
        try:
            who = who_asks(self._services, Credentials(token))
            return environments.page_json(
                self._services.database,
                visible=who.visible(),
                page=int(asked["page"] or 1),
                size=min(int(asked["size"] or longest), longest),
            )
        except _OTHERS:
            return None

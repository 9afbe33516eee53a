"""What routes share: who asks, the answer's form, and the page asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import orjson
from fastapi import Depends, Query, Request
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.auth import Credentials, authorize, who_asks

if TYPE_CHECKING:
    from stead.server.auth import Who
    from stead.server.services import Services
    from stead.server.values import Page

LARGEST = 2**31 - 1
"""The largest number of a page, and the largest id, that databases take."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the server's services, and what says who asks."""

    services: Services
    credentials: Credentials

    def authorize(self, action: str, namespace: str | None, name: str = "") -> Who:
        """Tell who asks, if they may do this; raises :class:`stead.server.auth.Refused`."""
        return authorize(self.services, self.credentials, action, namespace, name)

    def who(self) -> Who:
        """Tell who asks."""
        return who_asks(self.services, self.credentials)


COOKIE = "conda-store-auth"
"""The cookie in which a browser keeps the token of whoever logged in."""

_READS = ("GET", "HEAD", "OPTIONS")


def credentials_of(request: Request) -> Credentials:
    """Read the token from ``Authorization: Bearer TOKEN``, or else from a browser's cookie.

    Raises BadRequest (403) where a page of somebody else would act with the cookie.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Credentials(token.strip())
    kept = request.cookies.get(COOKIE, "")
    if kept and request.method not in _READS and not is_own(request):
        raise BadRequest("a page of another origin may not do this here", status=403)
    return Credentials(kept, kept=True)


def is_own(request: Request) -> bool:
    """Say whether a browser's request comes from a page of this server, or of one it trusts."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    try:
        own = request.url.netloc == urlsplit(origin).netloc
    except ValueError:
        return False
    return own or origin in request.app.state.services.config.cors


def _asked(request: Request) -> Asked:
    return Asked(request.app.state.services, credentials_of(request))


Caller = Annotated[Asked, Depends(_asked)]
"""How a route is given the request it answers."""


@dataclass(frozen=True, slots=True)
class Paging:
    """The page of a list that is asked for."""

    page: int
    size: int
    descending: bool
    sort_by: tuple[str, ...]

    def sorted_by(self, known: dict[str, str]) -> tuple[str, ...]:
        """Give the orders asked for, by the words clients know; raises :class:`BadRequest`."""
        for word in self.sort_by:
            if word not in known:
                raise BadRequest(f"cannot sort by {word[:100]!r}; it can be {', '.join(known)}")
        return tuple(known[word] for word in self.sort_by)


def _paging(
    request: Request,
    page: Annotated[int, Query(ge=1, le=LARGEST)] = 1,
    order: Annotated[str | None, Query(pattern="^(asc|desc)$")] = None,
    size: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    sort_by: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
) -> Paging:
    longest = request.app.state.services.config.page_size
    return Paging(page, min(size or longest, longest), order == "desc", tuple(sort_by))


Pages = Annotated[Paging, Depends(_paging)]
"""How a route is given the page asked for."""


def json_answer(value: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def ready_answer(content: bytes) -> Response:
    """Answer with JSON that is written already."""
    return Response(content, media_type="application/json")


def ok(data: Any) -> Response:
    """Answer with data."""
    return json_answer({"status": "ok", "data": data, "message": None})


def done(message: str | None = None) -> Response:
    """Answer that it is done."""
    return json_answer({"status": "ok", "message": message})


def page_answer(page: Page[Any], data: list[Any]) -> Response:
    """Answer with part of a list."""
    return json_answer(
        {
            "status": "ok",
            "data": data,
            "message": None,
            "page": page.page,
            "size": page.size,
            "count": page.count,
        }
    )

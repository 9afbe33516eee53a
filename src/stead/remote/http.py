"""Asking addresses over HTTP with a login: whom it is for, where it may go, what came between."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit

from stead.remote.origins import origin

if TYPE_CHECKING:
    from typing import IO

_REDIRECTS = 5


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows where an answer leads, and takes a login along to its own origin alone."""

    max_redirections = _REDIRECTS

    def __init__(self, own: str, authorization: str) -> None:
        self._own = own
        self._authorization = authorization

    def redirect_request(  # noqa: PLR0917 (the library's)
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        target = urlsplit(urljoin(req.full_url, newurl))
        if target.scheme not in ("http", "https") or target.username is not None:
            return None
        if urlsplit(req.full_url).scheme == "https" and target.scheme == "http":
            return None
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and self._authorization and origin(made.full_url) == self._own:
            made.add_unredirected_header("Authorization", self._authorization)
        return made


def cause(exc: BaseException) -> object:
    """Give what kept an address from being asked, without what the library wrapped it in."""
    return exc.reason if isinstance(exc, URLError) else exc


def reason(exc: Exception) -> str:
    """Say in a few words what came between."""
    inner = cause(exc)
    if isinstance(inner, TimeoutError):
        return "it does not answer in time"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({inner.verify_message})"
    if isinstance(inner, ssl.SSLError):
        return "it does not speak TLS"
    if isinstance(inner, socket.gaierror):
        return "there is no host of that name"
    if isinstance(inner, http.client.HTTPException):
        return "it broke off, or does not speak HTTP"
    if isinstance(inner, OSError):
        return (inner.strerror or type(inner).__name__).lower()
    return str(inner)[:200]

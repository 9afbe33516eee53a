"""Errors as the API tells them: ``{"status": "error", "message": …}``, always JSON."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from stead.server.auth import Refused
from stead.server.blobs.protocol import BlobError
from stead.server.specs.policy import ForbiddenError
from stead.server.values import ExistsError, MissingError, QuotaError, ServerError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

_log = logging.getLogger("stead.server")

BY_KIND: dict[type[ServerError], int] = {
    MissingError: 404,
    ExistsError: 409,
    QuotaError: 403,
    BlobError: 503,
}
"""What each error of the server's rooms is answered with; others with 400."""


class BadRequest(ServerError):  # noqa: N818 - an answer, not a fault
    """The request cannot be done. ``status`` is what it is answered with."""

    def __init__(self, message: str, *, status: int = 400, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


AWAY_BLOBS = "the artifact store does not answer at the moment"

AWAY: tuple[type[Exception], ...] = (
    OperationalError,
    sqlite3.OperationalError,
    psycopg.OperationalError,
)
"""What is raised while the database does not answer."""


OURS = "/api/stead/"
"""Below this, an answer may say what to do, too; the compatible API's has nothing of the kind."""


def answer(
    message: str,
    status: int,
    detail: Any = None,
    headers: dict[str, str] | None = None,
    remedy: str = "",
) -> Response:
    """Make the answer that tells of an error."""
    body: dict[str, Any] = {"status": "error", "message": message}
    if detail is not None:
        body["detail"] = detail
    if remedy:
        body["remedy"] = remedy
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Make an application answer all errors in this form."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_input)
    app.add_exception_handler(ServerError, _of_server)
    for kind in AWAY:
        app.add_exception_handler(kind, _of_database)
    app.add_exception_handler(Exception, _of_fault)


def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return answer(str(error.detail), error.status_code, headers=headers)


def _of_input(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # What was handed in is not handed back: it may be large, or hold a secret.
    detail = [{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in error.errors()]
    told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in detail[:5])
    return answer(told, 422, detail)


def _of_server(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServerError)
    remedy = error.remedy if request.url.path.startswith(OURS) else ""
    if isinstance(error, Refused | BadRequest):
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return answer(error.message, error.status, headers=headers, remedy=remedy)
    if isinstance(error, BlobError):
        # Where it is, and what it said, is for those who run the server.
        _log.error("blobs", extra={"error": error.message})
        return answer(AWAY_BLOBS, BY_KIND[BlobError], headers={"Retry-After": "5"})
    told = error.message
    if isinstance(error, ForbiddenError):
        told = "; ".join((told, *error.details))
    return answer(told, BY_KIND.get(type(error), 400), remedy=remedy)


def _of_database(request: Request, error: Exception) -> Response:
    _log.error("database", extra={"path": request.url.path, "error": type(error).__name__})
    return answer("the database does not answer at the moment", 503, headers={"Retry-After": "5"})


def _of_fault(request: Request, error: Exception) -> Response:
    _log.error("fault", exc_info=error, extra={"path": request.url.path})
    return answer("internal server error", 500)

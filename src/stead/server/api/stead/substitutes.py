"""What other machines take instead of making it: locks by question, builds by key, part by part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Path
from starlette.responses import Response, StreamingResponse

from stead.server import parts as leaving
from stead.server.api.errors import BadRequest
from stead.server.api.requests import LARGEST, Asked, Caller, ok
from stead.server.api.stead import models
from stead.server.api.v1.builds import build_for
from stead.server.api.v1.models import Answer
from stead.server.auth import Refused
from stead.server.blobs.protocol import MissingBlobError
from stead.server.database import packages, parts
from stead.server.engine.publishing import STEAD_LOCK
from stead.server.values import MissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(prefix="/api/stead/v1", tags=["substitutes"])

Number = Annotated[int, Path(ge=0, le=LARGEST)]
Key = Annotated[str, Path(pattern="^[a-z2-7]{20}$")]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]

PACKED = "application/gzip"
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})\Z")
_BYTES: dict[int | str, dict[str, object]] = {
    200: {"content": {PACKED: {}}},
    206: {"content": {PACKED: {}}},
}


@router.get("/parts/{key}/", responses={200: {"model": Answer[models.Consists]}})
def by_key(asked: Caller, key: Key) -> Response:
    """Say what a build consists of, by the key that everybody has who locks the same.

    Or by the one that leaves out where an interpreter outside the store lies.
    """
    with asked.services.database.read() as connection:
        found = parts.by_store_key(connection, key) or parts.answering(connection, key)
    return _consists(asked, _first_readable(asked, found, f"no build has the key {key}"))


@router.get("/build/{build_id}/parts/", responses={200: {"model": Answer[models.Consists]}})
def of_build(asked: Caller, build_id: Number) -> Response:
    """Say what a build consists of."""
    build_for(asked, "environment::read", build_id)
    return _consists(asked, build_id)


@router.get("/build/{build_id}/parts/{sha256}/", response_class=Response, responses=_BYTES)
def part(
    asked: Caller,
    build_id: Number,
    sha256: Sha256,
    wanted: Annotated[str | None, Header(alias="Range", max_length=100)] = None,
) -> Response:
    """Give the bytes of a part, a gzipped tar, or a range of them."""
    build_for(asked, "environment::read", build_id)
    services = asked.services
    with services.database.read() as connection:
        found = parts.find(connection, build_id, sha256)
    if found is None or found.packed is None:
        raise MissingError(f"build id={build_id} has no such part")
    try:
        size = services.blobs.head(found.key).size
    except MissingBlobError as exc:
        raise MissingError(f"this part of build id={build_id} is gone") from exc
    start, end = _range(wanted, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        # The key is the content's hash: it never becomes another.
        "ETag": f'"{sha256}"',
    }
    partial = end - start != size
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(
        services.blobs.stream(found.key, start, end),
        206 if partial else 200,
        media_type=PACKED,
        headers=headers,
    )


@router.get("/lock/{question}/", responses={200: {"model": Answer[models.LockText]}})
def lock(asked: Caller, question: Key) -> Response:
    """Give the newest lock that answers a question: what is asked, for one platform."""
    services = asked.services
    with services.database.read() as connection:
        found = parts.answering(connection, question)
    build_id = _first_readable(asked, found, "no build answers this")
    with services.database.read() as connection:
        made = packages.artifacts(connection, build_id, STEAD_LOCK)
    if not made:
        raise MissingError(f"build id={build_id} has no lock")
    try:
        text = services.blobs.get(made[-1].key).decode()
    except MissingBlobError as exc:
        raise MissingError(f"the lock of build id={build_id} is gone") from exc
    return ok({"build_id": build_id, "lock": text})


def _consists(asked: Asked, build_id: int) -> Response:
    services = asked.services
    try:
        found = leaving.closure(services.database, services.blobs, build_id)
    except MissingBlobError as exc:
        raise MissingError(f"what build id={build_id} consists of is gone") from exc
    return ok({"build_id": build_id, "closure": found.to_json()})


def _first_readable(asked: Asked, found: Sequence[int], otherwise: str) -> int:
    """Give the first of some builds that the one that asks may have."""
    # A token that is none is told so, whatever there is.
    asked.who()
    for build_id in found:
        try:
            build_for(asked, "environment::read", build_id)
        except (Refused, MissingError):
            continue
        return build_id
    raise MissingError(otherwise)


def _range(wanted: str | None, size: int) -> tuple[int, int]:
    """Read which bytes are wanted; what is no single range of bytes is passed over."""
    found = _RANGE.match(wanted) if wanted else None
    if found is None:
        return 0, size
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if start >= size:
        raise BadRequest(f"there are {size} bytes", status=416)
    return (start, end) if start < end else (0, size)

"""The files made of builds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from stead.server.api.errors import BadRequest
from stead.server.api.requests import LARGEST, Asked, Caller
from stead.server.api.v1.builds import Number, build_for
from stead.server.blobs.protocol import MissingBlobError
from stead.server.database import environments, logs, packages
from stead.server.values import MissingError

router = APIRouter(prefix="/api/v1", tags=["downloads"])

TEXT = "text/plain; charset=utf-8"

_TEXTS: dict[int | str, dict[str, object]] = {200: {"content": {"text/plain": {}}}}
_FILES: dict[int | str, dict[str, object]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get("/build/{build_id}/logs/", response_class=Response, responses=_TEXTS)
def log(asked: Caller, build_id: Number) -> Response:
    """Give the log as far as it is written."""
    build_for(asked, "environment::read", build_id)
    return StreamingResponse(_log(asked, build_id), media_type=TEXT)


@router.get("/build/{build_id}/yaml/", response_class=Response, responses=_TEXTS)
def pinned(asked: Caller, build_id: Number) -> Response:
    """Give the environment as YAML with exact versions."""
    return _file(asked, build_id, "YAML")


@router.get("/build/{build_id}/lockfile/", response_class=Response, responses=_TEXTS)
@router.get("/build/{build_id}/conda-lock.yml", response_class=Response, responses=_TEXTS)
@router.get("/build/{build_id}/conda-lock.yaml", response_class=Response, responses=_TEXTS)
def lockfile(asked: Caller, build_id: Number) -> Response:
    """Give the lock in conda-lock's format."""
    return _file(asked, build_id, "LOCKFILE")


@router.get("/build/{build_id}/archive/", response_class=Response, responses=_FILES)
def archive(asked: Caller, build_id: Number) -> Response:
    """Give the archive of the environment, where one was made."""
    return _file(asked, build_id, "CONDA_PACK", "application/gzip")


@router.get("/build/{build_id}/installer/", response_class=Response, responses=_FILES)
def installer(asked: Caller, build_id: Number) -> Response:
    """Give the installer of the environment, where one was made."""
    return _file(asked, build_id, "CONSTRUCTOR_INSTALLER", "application/octet-stream")


@router.get("/build/{build_id}/docker/", response_class=Response, responses=_FILES)
def image(asked: Caller, build_id: Number) -> Response:
    """Give the image of the environment, where one was made."""
    return _file(asked, build_id, "DOCKER_MANIFEST", "application/json")


_OF_ENVIRONMENT = "/environment/{namespace}/{environment_name}"


@router.get(f"{_OF_ENVIRONMENT}/lockfile/", response_class=Response, responses=_TEXTS)
@router.get(f"{_OF_ENVIRONMENT}/conda-lock.yml", response_class=Response, responses=_TEXTS)
@router.get(f"{_OF_ENVIRONMENT}/conda-lock.yaml", response_class=Response, responses=_TEXTS)
def lockfile_of(
    asked: Caller,
    namespace: str,
    environment_name: str,
    build_id: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
) -> Response:
    """Give the lock of an environment's current build, or of another one of its builds."""
    asked.authorize("environment::read", namespace, environment_name)
    with asked.services.database.read() as connection:
        found = environments.get(connection, namespace, environment_name)
    if build_id is None:
        build_id = found.current_build_id
    elif build_for(asked, "environment::read", build_id)[1].id != found.id:
        raise MissingError("build id does not exist")
    if build_id is None:
        raise MissingError("the environment has no current build")
    return _file(asked, build_id, "LOCKFILE")


def _file(asked: Asked, build_id: int, kind: str, media_type: str = TEXT) -> Response:
    build_for(asked, "environment::read", build_id)
    services = asked.services
    with services.database.read() as connection:
        found = packages.artifacts(connection, build_id, kind)
    if not found:
        raise BadRequest(f"build id={build_id} has no {kind}", status=404)
    try:
        # Asked here, where it can still be answered that there is none.
        size = services.blobs.head(found[-1].key).size
    except MissingBlobError as exc:
        raise BadRequest(f"the {kind} of build id={build_id} is gone", status=404) from exc
    return StreamingResponse(
        services.blobs.stream(found[-1].key),
        media_type=media_type,
        headers={"Content-Length": str(size)},
    )


def _log(asked: Asked, build_id: int) -> Iterator[str]:
    offset = 0
    while True:
        with asked.services.database.read() as connection:
            text, offset = logs.read(connection, build_id, offset)
        if not text:
            return
        yield text

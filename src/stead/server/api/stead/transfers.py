"""What `stead push` hands in, what `stead pull` takes, and a build's log from any place on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import LARGEST, Asked, Caller, ok
from stead.server.api.stead import models
from stead.server.api.stead.following import log_part
from stead.server.api.v1.builds import build_for
from stead.server.api.v1.models import Answer
from stead.server.auth import Refused, Who
from stead.server.blobs.protocol import MissingBlobError
from stead.server.database import namespaces, packages, specifications
from stead.server.engine.publishing import STEAD_LOCK
from stead.server.services import Services
from stead.server.specs.checks import SpecError
from stead.server.specs.reading import FILES, LOCK, is_as_given, read, text_of
from stead.server.submitting import hand_in, look_up
from stead.server.values import (
    Build,
    BuildStatus,
    MissingError,
)

router = APIRouter(prefix="/api/stead/v1", tags=["transfers"])

Number = Annotated[int, Path(ge=0, le=LARGEST)]


@router.post("/specification/", responses={200: {"model": Answer[models.Submitted]}})
def submit(asked: Caller, body: models.NewSpecification) -> Response:
    """Ask for a build of a specification of any kind, with the lock that it has already.

    The namespace must be there; the environment is made where it is missing. The same again
    gives the same build.
    """
    who = asked.who()
    if not who.authenticated:
        # Before anything is read: whoever may not ask shall not make work either.
        raise Refused
    asked.authorize("environment:create", body.namespace, body.name)
    services = asked.services
    try:
        return _submitted(services, who, body)
    except SpecError as exc:
        raise BadRequest("; ".join((exc.message, *exc.details)), remedy=exc.remedy) from exc


def _submitted(services: Services, who: Who, body: models.NewSpecification) -> Response:
    wanted = read(body.specification, body.kind, name=body.name, lock=body.lock)
    answers = look_up(services.database, body.namespace, [wanted], name=body.name)
    with services.database.begin() as connection:
        namespaces.get(connection, body.namespace)  # it is not made here
        submitted = hand_in(
            connection,
            services.queue,
            body.namespace,
            wanted,
            who=who.name,
            now=services.database.now(),
            answers=answers,
            name=body.name,
            description=body.description or "",
            priority=body.priority,
        )
    return ok({"build_id": submitted.build_id, "attached": submitted.attached})


@router.get("/build/{build_id}/files/", responses={200: {"model": Answer[models.Files]}})
def files(asked: Caller, build_id: Number) -> Response:
    """Give what a completed build was made from, as files of a directory that is used by Stead."""
    found, environment = build_for(asked, "environment::read", build_id)
    if found.status is not BuildStatus.COMPLETED:
        raise BadRequest(f"build id={build_id} is not completed: {found.status}", status=409)
    with asked.services.database.read() as connection:
        wanted = specifications.get(connection, found.specification_id)
    # As its owner wrote it, unless settings changed what it asks for.
    text = wanted.text if is_as_given(wanted) else text_of(wanted)
    texts = [(FILES[wanted.kind], text)]
    if lock := _lock(asked, found):
        texts.append((LOCK, lock))
    return ok(
        {
            "build_id": build_id,
            "namespace": environment.namespace,
            "name": environment.name,
            "kind": wanted.kind.value,
            "files": [{"name": name, "text": text} for name, text in texts],
        }
    )


@router.get("/build/{build_id}/log/", responses={200: {"model": Answer[models.LogPart]}})
def log(
    asked: Caller, build_id: Number, offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0
) -> Response:
    """Give the log from an offset in bytes on, and how the build stands.

    ``whole`` says that nothing follows: the build has ended, and this is the log's end.
    """
    part = log_part(asked, build_id, offset)
    del part["live"]
    return ok({"build_id": build_id, **part})


def _lock(asked: Asked, build: Build) -> str:
    with asked.services.database.read() as connection:
        found = packages.artifacts(connection, build.id, STEAD_LOCK)
    if not found:
        return ""
    try:
        return b"".join(asked.services.blobs.stream(found[-1].key)).decode()
    except MissingBlobError as exc:
        raise MissingError(f"the lock of build id={build.id} is gone") from exc

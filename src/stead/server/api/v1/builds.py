"""Builds: what became of them, and what is in them."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import LARGEST, Asked, Caller, Pages, done, ok, page_answer
from stead.server.api.v1 import models, shapes
from stead.server.api.v1.packages import Wanted, answered
from stead.server.database import (
    admission,
    builds,
    environments,
    packages,
    settings,
    specifications,
)
from stead.server.specs import policy
from stead.server.submitting import look_up
from stead.server.values import Build, BuildStatus, Environment

router = APIRouter(prefix="/api/v1/build", tags=["builds"])

_DONE: dict[int | str, dict[str, Any]] = {200: {"model": models.Done}}

_SORTS = {
    "id": "id",
    # Builds have ids as they are asked for.
    "scheduled_on": "id",
    "started_on": "started_on",
    "ended_on": "ended_on",
}

Number = Annotated[int, Path(ge=0, le=LARGEST)]
Text = Annotated[str | None, Query(max_length=1000)]


def build_for(asked: Asked, action: str, build_id: int) -> tuple[Build, Environment]:
    """Give a build and its environment, if the one that asks may do this to it.

    Raises :class:`stead.server.values.MissingError`, :class:`stead.server.auth.Refused`.
    """
    with asked.services.database.read() as connection:
        found = builds.get(connection, build_id)
        environment = environments.by_id(connection, found.environment_id)
    asked.authorize(action, environment.namespace, environment.name)
    return found, environment


@router.get("/", responses={200: {"model": models.Listed[models.Build]}})
def listed(
    asked: Caller,
    pages: Pages,
    status: models.BuildStatusWord | None = None,
    packages: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    artifact: models.ArtifactWord | None = None,
    environment_id: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
    name: Text = None,
    namespace: Text = None,
) -> Response:
    """List builds in order of their ids, or of when they were begun or ended."""
    by = pages.sorted_by(_SORTS)
    found = builds.page(
        asked.services.database,
        page=pages.page,
        size=pages.size,
        visible=asked.who().visible(),
        namespace=namespace,
        name=name,
        environment_id=environment_id,
        status=None if status is None else BuildStatus(status),
        artifact=artifact,
        packages=packages,
        descending=pages.descending,
        order=by[0] if by else "id",
    )
    return page_answer(found, list(map(shapes.build, found.items)))


@router.get("/{build_id}/", responses={200: {"model": models.Answer[models.Build]}})
def get(asked: Caller, build_id: Number) -> Response:
    """Give a build with its specification and files."""
    found, _ = build_for(asked, "environment::read", build_id)
    with asked.services.database.read() as connection:
        wanted = specifications.get(connection, found.specification_id)
        made = packages.artifacts(connection, build_id)
    return ok(shapes.build(found, wanted, made))


@router.put("/{build_id}/", responses={200: {"model": models.Answer[models.BuildNumber]}})
def again(asked: Caller, build_id: Number) -> Response:
    """Build the same anew, as the settings allow it now, whether it changed or not."""
    found, environment = build_for(asked, "environment::update", build_id)
    services = asked.services
    who = asked.who()
    with services.database.read() as connection:
        given = specifications.get(connection, found.specification_id)
    answers = look_up(services.database, environment.namespace, [given], name=environment.name)
    with services.database.begin() as connection:
        now = services.database.now()
        layers = settings.layers(
            connection, namespace_id=environment.namespace_id, environment_id=environment.id
        )
        rules = policy.policy_of(policy.merged(layers))
        wanted = policy.applied(given, rules, answers)
        wanted = specifications.put(connection, wanted, now)
        order = admission.Order(who=who.name, settings=rules.digest, force=secrets.token_hex(16))
        submitted = admission.submit_within(
            connection,
            services.queue,
            environment,
            wanted,
            order=order,
            now=now,
        )
    return ok({"build_id": submitted.build_id})


@router.put("/{build_id}/cancel/", responses=_DONE)
def cancel(asked: Caller, build_id: Number) -> Response:
    """Cancel a build that has not ended; 409 where it has."""
    build_for(asked, "build::cancel", build_id)
    services = asked.services
    with services.database.begin() as connection:
        if builds.cancel(connection, build_id, services.database.now()) is None:
            raise BadRequest(f"build id={build_id} has ended already", status=409)
    return done(f"build id={build_id} is canceled")


@router.delete("/{build_id}/", responses=_DONE)
def delete(asked: Caller, build_id: Number) -> Response:
    """Delete a build, whatever it is at."""
    build_for(asked, "build::delete", build_id)
    services = asked.services
    with services.database.begin() as connection:
        builds.delete(connection, build_id, services.database.now())
    return done()


@router.get("/{build_id}/packages/", responses={200: {"model": models.Listed[models.Package]}})
def held(
    asked: Caller,
    pages: Pages,
    build_id: Number,
    search: Text = None,
    exact: Text = None,
    build: Text = None,
) -> Response:
    """List the packages in a build."""
    build_for(asked, "environment::read", build_id)
    sorts = {"channel": "channel", "name": "name", "version": "version"}
    return answered(asked, pages, Wanted(search, exact, build), sorts, build_id)

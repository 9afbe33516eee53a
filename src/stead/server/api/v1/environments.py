"""Environments, in both versions of the list."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import (
    LARGEST,
    Asked,
    Caller,
    Pages,
    Paging,
    done,
    json_answer,
    ok,
    ready_answer,
)
from stead.server.api.v1 import models, shapes
from stead.server.auth import Credentials, who_asks
from stead.server.database import environments, namespaces
from stead.server.values import BuildStatus, MissingError, Visible

router = APIRouter(prefix="/api", tags=["environments"])

_DONE: dict[int | str, dict[str, Any]] = {200: {"model": models.Done}}
_SORTS = {"namespace": "namespace", "name": "name"}
_LONGEST = 1000

Text = Annotated[str | None, Query(max_length=_LONGEST)]
Texts = Annotated[list[str], Query(max_length=50)]


def _filters(
    artifact: models.ArtifactWord | None = None,
    name: Text = None,
    namespace: Text = None,
    packages: Texts = [],  # noqa: B006 - FastAPI copies it
    search: Text = None,
    status: models.BuildStatusWord | None = None,
) -> dict[str, Any]:
    found = {
        "artifact": artifact,
        "name": name,
        "namespace": namespace,
        "packages": tuple(packages),
        "search": search or None,
        "status": None if status is None else BuildStatus(status),
    }
    return {key: value for key, value in found.items() if value not in (None, ())}


def _listing(pages: Paging) -> dict[str, Any]:
    order = pages.sorted_by(_SORTS)
    return {
        "page": pages.page,
        "size": pages.size,
        "descending": pages.descending,
        "by_name": order[:1] == ("name",),
    }


Filters = Annotated[dict[str, Any], Depends(_filters)]


@router.get("/v1/environment/", responses={200: {"model": models.Listed[models.Environment]}})
async def listed(asked: Caller, pages: Pages, filters: Filters, jwt: Text = None) -> Response:
    """List environments; ``jwt``: those that this token may see too."""
    options = _listing(pages) | filters
    database = asked.services.database
    if filters or jwt or options["by_name"]:

        def read() -> bytes:
            return environments.page_json(database, visible=_visible(asked, jwt), **options)

        return ready_answer(await run_in_threadpool(read))
    # Without filters the database answers sooner than another thread could be asked to.
    return ready_answer(environments.page_json(database, visible=asked.who().visible(), **options))


@router.get("/v2/environment/", responses={200: {"model": models.Following[models.Environment]}})
def followed(
    asked: Caller,
    filters: Filters,
    jwt: Text = None,
    order: Literal["asc", "desc"] = "asc",
    limit: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    sort_by: Texts = [],  # noqa: B006 - FastAPI copies it
    cursor: Text = None,
) -> Response:
    """List environments, each time those that follow a cursor: what is added meanwhile moves nothing."""
    if [each for each in sort_by if each not in _SORTS]:
        raise BadRequest(f"cannot sort by {sort_by[0][:100]!r}; it can be {', '.join(_SORTS)}")
    if sort_by[:1] == ["name"]:
        raise BadRequest("with a cursor environments are sorted by namespace, then name")
    longest = asked.services.config.page_size
    content = environments.page_json(
        asked.services.database,
        visible=_visible(asked, jwt),
        size=min(limit or longest, longest),
        descending=order == "desc",
        after=_after(cursor),
        **filters,
    )
    found = orjson.loads(content)
    for each in found["data"]:
        del each["current_build"]
    last = found["data"][-1] if found["data"] else None
    return json_answer(
        {
            "data": found["data"],
            "status": "ok",
            "message": None,
            "cursor": None if last is None else _cursor(last["namespace"]["name"], last["name"]),
            "count": found["count"],
        }
    )


@router.get(
    "/v1/environment/{namespace}/{environment_name}/",
    responses={200: {"model": models.Answer[models.Environment]}},
)
def get(asked: Caller, namespace: str, environment_name: str) -> Response:
    """Give an environment."""
    asked.authorize("environment::read", namespace, environment_name)
    with asked.services.database.read() as connection:
        found = environments.get(connection, namespace, environment_name)
        shown = environments.shown_build(connection, found.id)
        return ok(shapes.environment(found, namespaces.get(connection, namespace), shown))


@router.put("/v1/environment/{namespace}/{environment_name}/", responses=_DONE)
def change(
    asked: Caller, namespace: str, environment_name: str, body: models.EnvironmentChange
) -> Response:
    """Make a completed build the current one, change the description, or both."""
    asked.authorize("environment::update", namespace, environment_name)
    services = asked.services
    with services.database.begin() as connection:
        found = environments.get(connection, namespace, environment_name)
        now = services.database.now()
        if body.build_id is not None:
            if not 0 < body.build_id <= LARGEST:
                raise BadRequest(f"build id={body.build_id} does not exist")
            try:
                environments.set_current(connection, found.id, body.build_id, now)
            except MissingError as exc:
                raise BadRequest(exc.message) from exc
        environments.describe(connection, found.id, now, description=body.description)
    return done()


@router.delete("/v1/environment/{namespace}/{environment_name}/", responses=_DONE)
def delete(asked: Caller, namespace: str, environment_name: str) -> Response:
    """Delete an environment with its builds, whatever they are at."""
    asked.authorize("environment::delete", namespace, environment_name)
    services = asked.services
    with services.database.begin() as connection:
        found = environments.get(connection, namespace, environment_name)
        environments.delete(connection, found.id, services.database.now())
    return done()


def _visible(asked: Asked, jwt: str | None) -> Visible:
    visible = asked.who().visible()
    if jwt:
        also = who_asks(asked.services, Credentials(jwt)).visible()
        return Visible(tuple(dict.fromkeys((*visible.globs, *also.globs))))
    return visible


def _cursor(namespace: str, name: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([namespace, name])).decode()


def _after(cursor: str | None) -> tuple[str, str] | None:
    if not cursor:
        return None
    try:
        namespace, name = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error, TypeError) as exc:
        raise BadRequest("the cursor is not one that this server gave") from exc
    if not isinstance(namespace, str) or not isinstance(name, str):
        raise BadRequest("the cursor is not one that this server gave")
    return namespace, name

"""Environments with what people say of them: description and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from stead.server.api.requests import Caller, Pages, ok, page_answer
from stead.server.api.stead import models
from stead.server.api.v1.models import Answer, Listed
from stead.server.database import environments

if TYPE_CHECKING:
    from stead.server.values import Environment

router = APIRouter(prefix="/api/stead/v1/environment", tags=["environments"])


@router.get("/", responses={200: {"model": Listed[models.Described]}})
def listed(
    asked: Caller, pages: Pages, namespace: Annotated[str | None, Query(max_length=1000)] = None
) -> Response:
    """List environments with their tags, by namespace and name."""
    pages.sorted_by({"namespace": "namespace"})
    found = environments.page(
        asked.services.database,
        visible=asked.who().visible(),
        page=pages.page,
        size=pages.size,
        descending=pages.descending,
        namespace=namespace,
    )
    return page_answer(found, list(map(_shown, found.items)))


@router.get("/{namespace}/{name}/", responses={200: {"model": Answer[models.Described]}})
def get(asked: Caller, namespace: str, name: str) -> Response:
    """Give an environment with its tags."""
    asked.authorize("environment::read", namespace, name)
    with asked.services.database.read() as connection:
        found = environments.get(connection, namespace, name)
    return ok(_shown(found))


@router.put("/{namespace}/{name}/", responses={200: {"model": Answer[None]}})
def describe(asked: Caller, namespace: str, name: str, body: models.Description) -> Response:
    """Replace an environment's description, its tags, or both; what is not given stays."""
    asked.authorize("environment::update", namespace, name)
    services = asked.services
    with services.database.begin() as connection:
        found = environments.get(connection, namespace, name)
        environments.describe(
            connection,
            found.id,
            services.database.now(),
            description=body.description,
            tags=None if body.tags is None else dict.fromkeys(body.tags),
        )
    return ok(None)


def _shown(value: Environment) -> dict[str, Any]:
    return {
        "id": value.id,
        "namespace": value.namespace,
        "name": value.name,
        "description": value.description,
        "tags": value.tags,
        "current_build_id": value.current_build_id,
        "created_on": f"{value.created_on}Z",
    }

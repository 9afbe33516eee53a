"""What people say of an environment: its description and its tags."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from stead.server.api.requests import Caller, ok
from stead.server.api.stead import models
from stead.server.api.v1.models import Answer
from stead.server.database import environments

router = APIRouter(prefix="/api/stead/v1/environment", tags=["environments"])


@router.get("/{namespace}/{name}/", responses={200: {"model": Answer[models.Described]}})
def get(asked: Caller, namespace: str, name: str) -> Response:
    """Give an environment with its tags."""
    asked.authorize("environment::read", namespace, name)
    with asked.services.database.read() as connection:
        found = environments.get(connection, namespace, name)
    return ok(
        {
            "namespace": found.namespace,
            "name": found.name,
            "description": found.description,
            "tags": found.tags,
            "current_build_id": found.current_build_id,
            "created_on": f"{found.created_on}Z",
        }
    )


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

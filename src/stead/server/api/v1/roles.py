"""The roles that a namespace gives to those of other namespaces."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Asked, Caller, done, ok
from stead.server.api.v1 import models
from stead.server.auth import is_name
from stead.server.database import namespaces
from stead.server.values import RoleMapping

router = APIRouter(prefix="/api/v1/namespace", tags=["roles"])

_DONE: dict[int | str, dict[str, Any]] = {200: {"model": models.Done}}


@router.get("/{namespace}/roles", responses={200: {"model": models.Answer[list[models.Role]]}})
def listed(asked: Caller, namespace: str) -> Response:
    """List the roles given in a namespace."""
    asked.authorize("namespace-role-mapping::read", namespace)
    with asked.services.database.read() as connection:
        found = namespaces.get(connection, namespace)
    return ok([_shown(namespace, each) for each in found.roles])


@router.delete("/{namespace}/roles", responses=_DONE)
def clear(asked: Caller, namespace: str) -> Response:
    """Take all roles given in a namespace away."""
    asked.authorize("namespace-role-mapping::delete", namespace)
    with asked.services.database.begin() as connection:
        namespaces.remove_roles(connection, namespaces.get(connection, namespace).id)
    return done()


@router.get("/{namespace}/role", responses={200: {"model": models.Answer[models.Role | None]}})
def get(asked: Caller, namespace: str, other_namespace: Annotated[str, Query()]) -> Response:
    """Give the role of another namespace; null where it has none."""
    asked.authorize("namespace-role-mapping::read", namespace)
    with asked.services.database.read() as connection:
        found = namespaces.get(connection, namespace)
    entity = _entity(other_namespace)
    return ok(next((_shown(namespace, r) for r in found.roles if r.entity == entity), None))


@router.post("/{namespace}/role", responses=_DONE)
def create(asked: Caller, namespace: str, body: models.WantedRole) -> Response:
    """Give another namespace a role; 400 where it has one."""
    asked.authorize("namespace-role-mapping::create", namespace)
    _put(asked, namespace, body, there=False)
    return done()


@router.put("/{namespace}/role", responses=_DONE)
def change(asked: Caller, namespace: str, body: models.WantedRole) -> Response:
    """Give another namespace another role than it has; 400 where it has none."""
    asked.authorize("namespace-role-mapping::update", namespace)
    _put(asked, namespace, body, there=True)
    return done()


@router.delete("/{namespace}/role", responses=_DONE)
def delete(asked: Caller, namespace: str, body: models.RoleOfOther) -> Response:
    """Take the role of another namespace away; 400 where it has none."""
    asked.authorize("namespace-role-mapping::delete", namespace)
    entity = _entity(body.other_namespace)
    with asked.services.database.begin() as connection:
        found = namespaces.get(connection, namespace)
        if not namespaces.remove_roles(connection, found.id, entity):
            raise BadRequest(f"{body.other_namespace} has no role in {namespace}")
    return done()


def _put(asked: Asked, namespace: str, body: models.WantedRole, *, there: bool) -> None:
    entity = _entity(body.other_namespace)
    with asked.services.database.begin() as connection:
        found = namespaces.get(connection, namespace)
        namespaces.get(connection, body.other_namespace)
        if any(each.entity == entity for each in found.roles) != there:
            told = "has no role" if there else "has a role already"
            raise BadRequest(f"{body.other_namespace} {told} in {namespace}")
        namespaces.put_role(connection, found.id, entity, body.role)


def _entity(other: str) -> str:
    if not is_name(other):
        raise BadRequest(f"other_namespace {other[:100]!r} cannot name a namespace")
    return f"{other}/*"


def _shown(namespace: str, mapping: RoleMapping) -> dict[str, Any]:
    return {
        "id": mapping.id,
        "namespace": namespace,
        "other_namespace": mapping.entity.partition("/")[0],
        "role": mapping.role,
    }

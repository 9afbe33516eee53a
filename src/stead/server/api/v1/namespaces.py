"""Namespaces."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Caller, Pages, done, json_answer, ok
from stead.server.api.v1 import models, shapes
from stead.server.auth import check_globs
from stead.server.database import namespaces

router = APIRouter(prefix="/api/v1/namespace", tags=["namespaces"])

LARGEST_METADATA = 64 * 1024

_DONE: dict[int | str, dict[str, Any]] = {200: {"model": models.Done}}


@router.get("/", responses={200: {"model": models.Listed[models.Namespace]}})
def listed(asked: Caller, pages: Pages) -> Response:
    """List the namespaces of which the one that asks may know."""
    visible = asked.who().visible("namespace::read")
    pages.sorted_by({"name": "name"})
    with asked.services.database.read() as connection:
        found = namespaces.page(
            connection,
            page=pages.page,
            size=pages.size,
            visible=visible,
            descending=pages.descending,
        )
    # Without `message`, as clients know it.
    return json_answer(
        {
            "status": "ok",
            "data": list(map(shapes.named, found.items)),
            "page": found.page,
            "size": found.size,
            "count": found.count,
        }
    )


@router.get("/{namespace}/", responses={200: {"model": models.Answer[models.Namespace]}})
def get(asked: Caller, namespace: str) -> Response:
    """Give a namespace with its metadata and roles."""
    asked.authorize("namespace::read", namespace)
    with asked.services.database.read() as connection:
        return ok(shapes.namespace(namespaces.get(connection, namespace)))


@router.post("/{namespace}/", responses=_DONE)
def create(asked: Caller, namespace: str) -> Response:
    """Make a namespace."""
    asked.authorize("namespace::create", namespace)
    with asked.services.database.begin() as connection:
        namespaces.create(connection, namespace, asked.services.database.now())
    return done()


@router.put("/{namespace}/", responses=_DONE)
def change(asked: Caller, namespace: str, body: models.NamespaceChange) -> Response:
    """Replace a namespace's metadata, its roles, or both."""
    asked.authorize("namespace::update", namespace)
    if body.role_mappings is not None:
        asked.authorize("namespace-role-mapping::update", namespace)
        check_globs(body.role_mappings, "role_mappings")
    with asked.services.database.begin() as connection:
        found = namespaces.get(connection, namespace)
        if body.metadata is not None:
            _check(body.metadata)
            namespaces.update(connection, namespace, body.metadata, asked.services.database.now())
        if body.role_mappings is not None:
            namespaces.remove_roles(connection, found.id)
            for entity, roles in body.role_mappings.items():
                for role in roles:
                    namespaces.put_role(connection, found.id, entity, role)
    return done()


@router.put("/{namespace}/metadata", responses=_DONE)
def change_metadata(asked: Caller, namespace: str, body: dict[str, Any]) -> Response:
    """Replace a namespace's metadata."""
    asked.authorize("namespace::update", namespace)
    _check(body)
    with asked.services.database.begin() as connection:
        namespaces.update(connection, namespace, body, asked.services.database.now())
    return done()


@router.delete("/{namespace}/", responses=_DONE)
def delete(asked: Caller, namespace: str) -> Response:
    """Delete a namespace with all that is in it."""
    asked.authorize("namespace::delete", namespace)
    with asked.services.database.begin() as connection:
        namespaces.delete(connection, namespace, asked.services.database.now())
    return done()


def _check(metadata: dict[str, Any]) -> None:
    try:
        size = len(orjson.dumps(metadata))
    except TypeError as exc:
        # Numbers beyond 64 bits, and what is nested in itself hundreds of times.
        raise BadRequest(f"the metadata cannot be kept: {exc}") from exc
    if size > LARGEST_METADATA:
        raise BadRequest(f"the metadata are larger than {LARGEST_METADATA // 1024} KiB")

"""Settings: global, of a namespace, of an environment."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Asked, Caller, json_answer, ok
from stead.server.api.v1 import models
from stead.server.auth import EVERYWHERE
from stead.server.database import environments, namespaces, settings
from stead.server.specs import known

router = APIRouter(prefix="/api/v1/setting", tags=["settings"])

_GIVEN: dict[int | str, dict[str, Any]] = {200: {"model": models.Answer[dict[str, Any]]}}
_SET: dict[int | str, dict[str, Any]] = {200: {"model": models.Answer[None]}}


@router.get("/", responses=_GIVEN)
def get(
    asked: Caller, namespace: str | None = None, environment_name: str | None = None
) -> Response:
    """Give what holds globally, or for what is named."""
    return _get(asked, namespace, environment_name)


@router.put("/", responses=_SET)
def put(
    asked: Caller,
    body: dict[str, Any],
    namespace: str | None = None,
    environment_name: str | None = None,
) -> Response:
    """Set values globally, or for what is named: all of them or none; null takes one back."""
    return _put(asked, body, namespace, environment_name)


@router.get("/{namespace}/", responses=_GIVEN)
def get_of_namespace(
    asked: Caller, namespace: str, environment_name: str | None = None
) -> Response:
    """Give what holds in a namespace."""
    return _get(asked, namespace, environment_name)


@router.put("/{namespace}/", responses=_SET)
def put_of_namespace(
    asked: Caller, namespace: str, body: dict[str, Any], environment_name: str | None = None
) -> Response:
    """Set values of a namespace: all of them or none; null takes one back."""
    return _put(asked, body, namespace, environment_name)


@router.get("/{namespace}/{environment_name}/", responses=_GIVEN)
def get_of_environment(asked: Caller, namespace: str, environment_name: str) -> Response:
    """Give what holds for an environment."""
    return _get(asked, namespace, environment_name)


@router.put("/{namespace}/{environment_name}/", responses=_SET)
def put_of_environment(
    asked: Caller, namespace: str, environment_name: str, body: dict[str, Any]
) -> Response:
    """Set values of an environment: all of them or none; null takes one back."""
    return _put(asked, body, namespace, environment_name)


def _get(asked: Asked, namespace: str | None, name: str | None) -> Response:
    _check_names(namespace, name)
    asked.authorize("setting::read", namespace or EVERYWHERE, name or "")
    with asked.services.database.read() as connection:
        found = settings.layers(connection, **_ids(connection, namespace, name))
    return ok(known.merged(found))


def _put(asked: Asked, values: dict[str, Any], namespace: str | None, name: str | None) -> Response:
    _check_names(namespace, name)
    asked.authorize("setting::update", namespace or EVERYWHERE, name or "")
    with asked.services.database.begin() as connection:
        ids = _ids(connection, namespace, name)
        known.check(values, settings.level_of(**ids))
        for key, value in values.items():
            if value is None:
                settings.remove(connection, key, **ids)
        settings.put(connection, {k: v for k, v in values.items() if v is not None}, **ids)
    where = "global"
    if namespace:
        where = f"namespace {namespace!r}" + (f" environment {name!r}" if name else "")
    told = f"{where} setting keys {list(values)} updated"
    return json_answer({"status": "ok", "data": None, "message": told})


def _check_names(namespace: str | None, name: str | None) -> None:
    if name and not namespace:
        raise BadRequest("environment_name needs its namespace")


def _ids(connection: Any, namespace: str | None, name: str | None) -> dict[str, int]:
    if not namespace:
        return {}
    ids = {"namespace_id": namespaces.get(connection, namespace).id}
    if name:
        ids["environment_id"] = environments.get(connection, namespace, name).id
    return ids

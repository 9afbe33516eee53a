"""Who asks and what they may do, tokens, and what the server is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Caller, ok
from stead.server.api.v1 import models, shapes
from stead.server.auth import ROLES, actions_of, check_globs, is_name
from stead.server.database import counters, tokens
from stead.server.database.globs import may_hold
from stead.server.values import moment

if TYPE_CHECKING:
    from datetime import datetime

    from stead.server.values import Moment

COMPATIBLE = "2025.2.2"
"""The version of conda-store whose answers these are; clients ask for it."""

router = APIRouter(prefix="/api/v1", tags=["access"])


@router.get("/", responses={200: {"model": models.Answer[models.Version]}})
async def status() -> Response:
    """Tell the version of the API."""
    return ok({"version": COMPATIBLE})


@router.get("/permission/", responses={200: {"model": models.Answer[models.Permission]}})
def permission(asked: Caller) -> Response:
    """Tell who asks and what they may do."""
    who = asked.who()
    return ok(
        {
            "authenticated": who.authenticated,
            "primary_namespace": who.primary_namespace,
            "entity_permissions": {g: sorted(actions_of(r)) for g, r in who.grants.items()},
            "entity_roles": {glob: list(roles) for glob, roles in who.grants.items()},
            "expiration": _shown(who.expires_on),
        }
    )


@router.post("/token/", responses={200: {"model": models.Answer[models.TokenData]}})
def token(asked: Caller, body: models.NewToken) -> Response:
    """Make a token with at most the rights of the one that asks; it is shown this once."""
    who = asked.who()
    if not who.authenticated:
        raise BadRequest("a token is made by somebody who has one", status=401)
    primary = body.primary_namespace or who.primary_namespace
    if not is_name(primary):
        raise BadRequest(f"primary_namespace {primary[:100]!r} cannot name a namespace")
    grants = who.grants
    if body.role_bindings is not None:
        grants = {glob: tuple(roles) for glob, roles in body.role_bindings.items()}
        check_globs(grants, "role_bindings")
        for roles in grants.values():
            unknown = [role for role in roles if role not in ROLES]
            if unknown:
                raise BadRequest(f"there is no role {unknown[0][:100]!r}; it can be {_ROLES}")
    if not who.covers(grants) or (primary != who.primary_namespace and not _everywhere(who.grants)):
        raise BadRequest("Requested role_bindings are not a subset of current permissions")
    services = asked.services
    wanted = body.expiration or body.exp
    expires = who.expires_on if wanted is None else _moment(wanted)
    if who.expires_on is not None and expires is not None and expires > who.expires_on:
        raise BadRequest("Requested expiration of token is greater than current permissions")
    with services.database.begin() as connection:
        now = services.database.now()
        secret, _ = tokens.create(
            connection, primary, now, who=who.name, grants=grants, expires_on=expires
        )
    return ok({"token": secret})


@router.get("/usage/", responses={200: {"model": models.Answer[dict[str, models.Usage]]}})
def usage(asked: Caller) -> Response:
    """Tell what each namespace holds of which the one that asks may know."""
    visible = asked.who().visible("namespace::read")
    with asked.services.database.read() as connection:
        found = counters.usage(connection)
    return ok({name: shapes.usage(u) for name, u in found.items() if may_hold(visible, name)})


_ROLES = ", ".join(ROLES)


def _everywhere(grants: object) -> bool:
    assert isinstance(grants, dict)
    return "admin" in grants.get("*/*", ())


def _moment(at: datetime) -> Moment:
    try:
        return moment(at)
    except OverflowError as exc:
        raise BadRequest("expiration is out of range") from exc


def _shown(at: Moment | None) -> str | None:
    return None if at is None else at.partition(".")[0] + "Z"

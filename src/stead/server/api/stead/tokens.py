"""The token that asks, and its end."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Caller, done
from stead.server.api.v1.models import Done
from stead.server.database import tokens
from stead.server.database.opening import take_turn

router = APIRouter(prefix="/api/stead/v1", tags=["tokens"])


@router.delete("/token/", responses={200: {"model": Done}})
def revoke(asked: Caller) -> Response:
    """Revoke the token that asks: it means nothing any more, wherever it is.

    Answered with 409 for the last token with all rights: without it nobody could make another.
    """
    if not asked.who().authenticated:
        raise BadRequest("there is no token to revoke", status=401)
    database = asked.services.database
    with database.begin() as connection:
        take_turn(connection)  # of two that are the last, one stays
        now = database.now()
        found = tokens.find(connection, asked.credentials.token, now)
        if found is not None and tokens.is_last(connection, found, now):
            raise BadRequest(
                "this is the last token with all rights, and the store would be nobody's; make "
                "another before (`stead remote token '*/*=admin'`)",
                status=409,
            )
        if found is not None:
            tokens.revoke(connection, found.id, now)
    return done("the token is revoked")

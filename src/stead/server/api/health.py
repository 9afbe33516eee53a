"""Whether the server is there, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from stead.server.api.errors import answer
from stead.server.api.requests import json_answer
from stead.server.database.opening import reachable

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Response:
    """Say that the process answers."""
    return json_answer({"status": "ok"})


@router.get("/ready")
def ready(request: Request) -> Response:
    """Say whether the database answers too; 503 where it does not."""
    if not reachable(request.app.state.services.database):
        return answer("the database does not answer", 503)
    return json_answer({"status": "ok"})

"""What this API has, and how the store is."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from stead import __version__
from stead.server.api.requests import Caller, ok
from stead.server.api.stead import models
from stead.server.api.v1.access import COMPATIBLE
from stead.server.api.v1.models import Answer
from stead.server.database import counters, events, workers
from stead.server.database.globs import may_hold
from stead.server.values import BuildStatus

router = APIRouter(prefix="/api/stead/v1", tags=["about"])

NOUNS = (
    "build",
    "difference",
    "environment",
    "event",
    "health",
    "lock",
    "parts",
    "plan",
    "source",
    "specification",
    "token",
)
"""What is served below this API. Others follow: a client looks here before it asks for them."""


@router.get("/", responses={200: {"model": Answer[models.About]}})
async def about() -> Response:
    """Tell versions, and what can be asked for."""
    return ok({"version": __version__, "compatible": COMPATIBLE, "nouns": NOUNS})


@router.get("/health/", responses={200: {"model": Answer[models.Health]}})
def health(asked: Caller) -> Response:
    """Tell whether there are workers, and what waits for them, of what the one that asks may see.

    Answered with 503 while the database does not answer.
    """
    visible = asked.who().visible("namespace::read")
    with asked.services.database.read() as connection:
        running = workers.listed(connection, states=(workers.RUNNING,))
        held = counters.usage(connection)
        newest = events.newest(connection)
    counted = [usage.by_status for name, usage in held.items() if may_hold(visible, name)]

    def number(status: BuildStatus) -> int:
        return sum(each.get(status, 0) for each in counted)

    return ok(
        {
            "workers": len(running),
            "places": sum(each.capacity for each in running),
            "queued": number(BuildStatus.QUEUED),
            "building": number(BuildStatus.BUILDING),
            "event": newest,
        }
    )

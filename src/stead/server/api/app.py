"""The application: every route, and what every request passes."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from stead import __version__
from stead.server.api import errors, health, login, stead, v1
from stead.server.api.guards import Bounded, Logged, Untrailed
from stead.server.api.pulse import Pulse
from stead.server.api.quick import Quick
from stead.server.api.solving import Solving
from stead.server.api.v1.models import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stead.server.services import Services


def make_app(services: Services) -> FastAPI:
    """Make the ASGI application that answers with these services. Whoever made them closes them.

    What the application itself has begun ends with its lifespan, or by :func:`close`.
    """
    solving = Solving(os.path.join(services.config.data, "solves"))

    @contextlib.asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        close(app)

    app = FastAPI(
        lifespan=living,
        title="Stead",
        version=__version__,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"model": Problem, "description": "What of the request is wrong."}},
    )
    app.state.services = services
    app.state.solving = solving
    app.state.pulse = Pulse(services.database)
    errors.install(app)
    app.include_router(health.router)
    app.include_router(login.router)
    for router in (*v1.ROUTERS, *stead.ROUTERS):
        app.include_router(router)
    app.add_middleware(Bounded, limit=services.config.body_limit)
    app.add_middleware(Untrailed)
    if services.config.cors:
        anyone = "*" in services.config.cors
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(services.config.cors),
            # A page of anyone's may not act with what a browser keeps for somebody.
            allow_credentials=not anyone,
            allow_methods=["*"],
            allow_headers=["*"],
        )
    app.add_middleware(Quick, services=services)
    app.add_middleware(Logged)
    return app


def close(app: FastAPI) -> None:
    """End what runs for those who wait for an answer, or follow along. May be called more than once."""
    app.state.pulse.close()
    app.state.solving.close()

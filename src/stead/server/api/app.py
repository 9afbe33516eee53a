"""The application: every route, and what every request passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from stead import __version__
from stead.server.api import errors, health, stead, v1
from stead.server.api.guards import Bounded, Logged, Untrailed
from stead.server.api.quick import Quick

if TYPE_CHECKING:
    from stead.server.services import Services


def make_app(services: Services) -> FastAPI:
    """Make the ASGI application that answers with these services. Whoever made them closes them."""
    app = FastAPI(
        title="Stead",
        version=__version__,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    errors.install(app)
    app.include_router(health.router)
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

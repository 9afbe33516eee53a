"""Channels and packages: of all builds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from stead.server.api.requests import Caller, Pages, page_answer
from stead.server.api.v1 import models, shapes
from stead.server.database import packages

router = APIRouter(prefix="/api/v1", tags=["packages"])

Text = Annotated[str | None, Query(max_length=1000)]
_SORTS = {name: name for name in packages.ORDERS}


@router.get("/channel/", responses={200: {"model": models.Listed[models.Channel]}})
def channels(asked: Caller, pages: Pages) -> Response:
    """List the channels that packages came from."""
    asked.who()
    pages.sorted_by({"name": "name"})
    with asked.services.database.read() as connection:
        found = packages.channels(
            connection, page=pages.page, size=pages.size, descending=pages.descending
        )
    return page_answer(found, list(map(shapes.channel, found.items)))


@router.get("/package/", responses={200: {"model": models.Listed[models.Package]}})
def listed(
    asked: Caller,
    pages: Pages,
    search: Text = None,
    exact: Text = None,
    build: Text = None,
) -> Response:
    """List packages."""
    asked.who()
    order = pages.sorted_by(_SORTS)
    with asked.services.database.read() as connection:
        found = packages.page(
            connection,
            search=search,
            exact=exact,
            package_build=build,
            order=order,
            page=pages.page,
            size=pages.size,
            descending=pages.descending,
        )
    return page_answer(found, list(map(shapes.package, found.items)))

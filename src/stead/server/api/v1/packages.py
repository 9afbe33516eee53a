"""Channels and packages: of all builds."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Query
from starlette.responses import Response

from stead.server.api.requests import Asked, Caller, Pages, page_answer
from stead.server.api.v1 import models, shapes
from stead.server.database import packages

router = APIRouter(prefix="/api/v1", tags=["packages"])

Text = Annotated[str | None, Query(max_length=1000)]
Distinct = Annotated[list[Literal["channel", "name", "version"]], Query(max_length=50)]
_SORTS = {name: name for name in packages.ORDERS}


class Wanted(NamedTuple):
    """Which packages: part of the name, or (``exact``) all of it; part of the build string."""

    search: str | None
    exact: str | None
    build: str | None

    @property
    def whole(self) -> bool:
        """Whether ``search`` is the whole name; clients write ``exact=true``."""
        return (self.exact or "").lower() not in ("", "0", "false")


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
    distinct_on: Distinct = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List packages; of those alike in all that ``distinct_on`` names, one."""
    asked.who()
    wanted = Wanted(search, exact, build)
    return answered(asked, pages, wanted, _SORTS, distinct=tuple(dict.fromkeys(distinct_on)))


def answered(
    asked: Asked,
    pages: Pages,
    wanted: Wanted,
    sorts: dict[str, str],
    build_id: int | None = None,
    distinct: tuple[str, ...] = (),
) -> Response:
    """Answer with a page of packages, of all builds or of one; who may ask is settled before."""
    order = pages.sorted_by(sorts)
    with asked.services.database.read() as connection:
        found = packages.page(
            connection,
            build_id=build_id,
            search=None if wanted.whole else wanted.search,
            exact=wanted.search if wanted.whole else None,
            package_build=wanted.build,
            order=order,
            distinct=distinct,
            page=pages.page,
            size=pages.size,
            descending=pages.descending,
        )
    return page_answer(found, list(map(shapes.package, found.items)))

"""The API of what is new here, beside the compatible one: `/api/stead/v1`."""

from __future__ import annotations

from stead.server.api.stead import (
    about,
    contents,
    environments,
    following,
    planning,
    sources,
    substitutes,
    tokens,
    transfers,
)

ROUTERS = tuple(
    module.router
    for module in (
        about,
        tokens,
        transfers,
        planning,
        contents,
        environments,
        substitutes,
        sources,
        following,
    )
)
"""All routes of this API."""

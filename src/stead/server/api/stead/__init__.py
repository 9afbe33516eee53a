"""The API of what is new here, beside the compatible one: `/api/stead/v1`."""

from __future__ import annotations

from stead.server.api.stead import following, transfers

ROUTERS = (transfers.router, following.router)
"""All routes of this API."""

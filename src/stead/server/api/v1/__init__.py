"""The API that clients of conda-store 2025.2.2 speak: same paths, statuses and shapes."""

from __future__ import annotations

from stead.server.api.v1 import (
    access,
    builds,
    downloads,
    environments,
    namespaces,
    packages,
    roles,
    settings,
    specifications,
)

ROUTERS = tuple(
    module.router
    for module in (
        access,
        namespaces,
        roles,
        specifications,
        builds,
        downloads,
        environments,
        packages,
        settings,
    )
)
"""All routes of this API; within one, the more exact paths come first."""

"""The seam between admission and whatever runs builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stead.server.values import Build


class Enqueue(Protocol):
    """Hands admitted builds to be worked on."""

    def enqueue(self, connection: Connection, build: Build) -> None:
        """Write, within the caller's transaction, that this attempt of a build is to be run.

        The work is known as ``build.workflow_id``, which is new for each attempt.
        Must neither commit nor roll back; what it raises undoes the admission too.
        """

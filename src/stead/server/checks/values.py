"""What checks are given, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.server.engine.queue import BuildQueue
    from stead.values.context import Context


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree: of what kind, where, and in words; and whether it is mended."""

    kind: str
    subject: str
    told: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """A store; ``contents`` tells to read and compare the bytes of all files too."""

    database: Database
    queue: BuildQueue
    blobs: Blobs
    contents: bool = False
    publish: str = ""
    """A directory of this machine that a worker keeps current, if any."""
    context: Context | None = None
    """In which interpreters of this machine are found for that directory."""


def rows(connection: Connection, statement: str, **values: Any) -> Sequence[Any]:
    """Give the rows of a statement."""
    return connection.execute(text(statement), values).all()

"""A build's row as a value."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from stead.server.database.tables import build as table
from stead.server.values import Build, BuildStatus, MissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

NAMES = tuple(field.name for field in fields(Build))

COLUMNS = tuple(table.c[name] for name in NAMES)


def build_of(row: Sequence[Any]) -> Build:
    """Make a row of :data:`COLUMNS` a value."""
    values = dict(zip(NAMES, row, strict=True))
    values["status"] = BuildStatus(values["status"])
    return Build(**values)


def find(connection: Connection, build_id: int) -> Build | None:
    """Give a build by id, a deleted one too; None where there never was one."""
    row = connection.execute(select(*COLUMNS).where(table.c.id == build_id)).first()
    return None if row is None else build_of(row)


def get(connection: Connection, build_id: int) -> Build:
    """Give a build by id; raises :class:`MissingError` where it is missing or deleted."""
    found = find(connection, build_id)
    if found is None or found.deleted_on is not None:
        raise MissingError("build id does not exist")
    return found

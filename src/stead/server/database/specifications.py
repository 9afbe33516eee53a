"""Specifications: each text is kept once, known by its digest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select, text

from stead.server.database.tables import specification as table
from stead.server.values import MissingError, Specification, SpecificationKind

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from stead.server.values import Moment

_PUT = text(
    "INSERT INTO specification (kind, name, spec, text, sha256, created_on) "
    "VALUES (:kind, :name, :spec, :text, :sha256, :created_on) "
    "ON CONFLICT (sha256) DO NOTHING RETURNING id"
)


def put(connection: Connection, wanted: Specification, now: Moment) -> Specification:
    """Keep a specification, and give it with its id; the one of the same digest if there is one."""
    values = {
        "kind": wanted.kind.value,
        "name": wanted.name,
        "spec": orjson.dumps(wanted.spec).decode(),
        "text": wanted.text,
        "sha256": wanted.sha256,
        "created_on": now,
    }
    made = connection.execute(_PUT, values).scalar()
    if made is not None:
        return replace(wanted, id=int(made), created_on=now)
    query = select(table).where(table.c.sha256 == wanted.sha256)
    return _specification(connection.execute(query).one())


def get(connection: Connection, specification_id: int) -> Specification:
    """Give a specification by id; raises :class:`MissingError`."""
    row = connection.execute(select(table).where(table.c.id == specification_id)).first()
    if row is None:
        raise MissingError("specification does not exist")
    return _specification(row)


def _specification(row: Row[Any]) -> Specification:
    return Specification(
        kind=SpecificationKind(row.kind),
        name=row.name,
        spec=orjson.loads(row.spec),
        text=row.text,
        sha256=row.sha256,
        id=row.id,
        created_on=row.created_on,
    )

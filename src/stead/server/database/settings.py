"""Settings as they were set, per level; merging them is for :mod:`stead.server.specs.policy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select, text

from stead.server.database.tables import setting as table
from stead.server.values import SettingLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

_PUT = text(
    "INSERT INTO setting (level, namespace_id, environment_id, name, value) "
    "VALUES (:level, :namespace_id, :environment_id, :name, :value) "
    "ON CONFLICT (namespace_id, environment_id, name) DO UPDATE SET value = excluded.value"
)


_SET = text("SELECT 1 FROM setting WHERE name = :name LIMIT 1")


def is_set(connection: Connection, name: str) -> bool:
    """Say whether a setting has a value at any level."""
    return connection.execute(_SET, {"name": name}).first() is not None


def level_of(namespace_id: int = 0, environment_id: int = 0) -> SettingLevel:
    """Tell the level that ids name; 0 is none."""
    if environment_id:
        return SettingLevel.ENVIRONMENT
    return SettingLevel.NAMESPACE if namespace_id else SettingLevel.GLOBAL


def put(
    connection: Connection,
    values: Mapping[str, Any],
    *,
    namespace_id: int = 0,
    environment_id: int = 0,
) -> None:
    """Set values at one level; an environment's are named with its namespace's id too."""
    rows = [
        {
            "level": level_of(namespace_id, environment_id).value,
            "namespace_id": namespace_id,
            "environment_id": environment_id,
            "name": name,
            "value": orjson.dumps(value).decode(),
        }
        for name, value in sorted(values.items())
    ]
    if rows:
        connection.execute(_PUT, rows)


def remove(
    connection: Connection, name: str, *, namespace_id: int = 0, environment_id: int = 0
) -> bool:
    """Take a value back at one level, so that the one above holds; False where there was none."""
    statement = table.delete().where(
        table.c.namespace_id == namespace_id,
        table.c.environment_id == environment_id,
        table.c.name == name,
    )
    return bool(connection.execute(statement).rowcount)


def layers(
    connection: Connection, *, namespace_id: int = 0, environment_id: int = 0
) -> dict[SettingLevel, dict[str, Any]]:
    """Give what is set at each level that bears on a namespace or environment, the last wins."""
    query = select(table.c.level, table.c.name, table.c.value).where(
        table.c.namespace_id.in_({0, namespace_id}),
        table.c.environment_id.in_({0, environment_id}),
    )
    found: dict[SettingLevel, dict[str, Any]] = {level: {} for level in SettingLevel}
    for level, name, value in connection.execute(query.order_by(table.c.name)):
        found[SettingLevel(level)][name] = orjson.loads(value)
    return found

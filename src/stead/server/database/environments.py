"""Environments: names under which builds are published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, select, text

from stead.server.database import builds, counters, events, names
from stead.server.database.opening import take_turn
from stead.server.database.pages import SHOWN
from stead.server.database.pages import environments as page
from stead.server.database.pages import environments_json as page_json
from stead.server.database.tables import environment as table
from stead.server.database.tables import submission
from stead.server.values import BuildStatus, Environment, MissingError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from stead.server.values import Moment, Namespace

__all__ = [
    "by_id",
    "delete",
    "describe",
    "ensure",
    "environment_of",
    "find",
    "get",
    "page",
    "page_json",
    "set_current",
    "shown_build",
]


def ensure(connection: Connection, namespace: Namespace, name: str, now: Moment) -> Environment:
    """Give an environment of a namespace, made where it is missing."""
    take_turn(connection)
    found = find(connection, namespace.name, name)
    if found is not None:
        return found
    values = {
        "namespace_id": namespace.id,
        "namespace": namespace.name,
        "name": name,
        "created_on": now,
    }
    made = connection.execute(table.insert().returning(table.c.id), values).scalar_one()
    counters.add(connection, namespace.id, counters.ENVIRONMENTS, environments=1)
    names.bump(connection)
    events.append(
        connection,
        "environment.created",
        now,
        namespace_id=namespace.id,
        environment_id=made,
        data={"namespace": namespace.name, "name": name},
    )
    return Environment(made, namespace.id, namespace.name, name, "", None, (), now)


def find(connection: Connection, namespace: str, name: str) -> Environment | None:
    """Give an environment by its names; None where it is missing."""
    query = select(table).where(
        table.c.namespace == namespace, table.c.name == name, table.c.deleted_on.is_(None)
    )
    row = connection.execute(query).first()
    return None if row is None else environment_of(row)


def get(connection: Connection, namespace: str, name: str) -> Environment:
    """Give an environment by its names; raises :class:`MissingError`."""
    found = find(connection, namespace, name)
    if found is None:
        raise MissingError("environment does not exist")
    return found


def by_id(connection: Connection, environment_id: int) -> Environment:
    """Give an environment by id, a deleted one too; raises :class:`MissingError`."""
    row = connection.execute(select(table).where(table.c.id == environment_id)).first()
    if row is None:
        raise MissingError("environment does not exist")
    return environment_of(row)


def shown_build(connection: Connection, environment_id: int) -> int | None:
    """Give the build that an environment is shown by: its current one, or its first until one was completed."""
    query = text(f"SELECT {SHOWN} FROM environment e WHERE e.id = :id")  # noqa: S608
    found: int | None = connection.execute(query, {"id": environment_id}).scalar()
    return found


def set_current(connection: Connection, environment_id: int, build_id: int, now: Moment) -> None:
    """Make a completed build of an environment the current one, as somebody decided.

    What was asked for before this decision does not replace it when it ends later.
    Raises :class:`MissingError` where there is no such build, :class:`ServerError`
    where it is another environment's or is not completed.
    """
    take_turn(connection)
    found = builds.find(connection, build_id)
    if found is None or found.deleted_on is not None:
        raise MissingError(f"build id={build_id} does not exist")
    if found.environment_id != environment_id:
        raise ServerError(f"build id={build_id} is not of this environment")
    if found.status is not BuildStatus.COMPLETED:
        raise ServerError(f"build id={build_id} is not completed")
    newest = select(func.coalesce(func.max(submission.c.id), 0)).scalar_subquery()
    connection.execute(
        table.update()
        .where(table.c.id == environment_id)
        .values(current_build_id=build_id, decided=newest)
    )
    events.append(
        connection,
        "environment.current",
        now,
        namespace_id=found.namespace_id,
        environment_id=environment_id,
        build_id=build_id,
        data={"decided": True},
    )


def describe(
    connection: Connection,
    environment_id: int,
    now: Moment,
    *,
    description: str | None = None,
    tags: Iterable[str] | None = None,
) -> None:
    """Change what an environment is described with; what is None stays."""
    values: dict[str, Any] = {}
    if description is not None:
        values["description"] = description
    if tags is not None:
        values["tags"] = orjson.dumps(list(tags)).decode()
    if not values:
        return
    found = by_id(connection, environment_id)
    connection.execute(table.update().where(table.c.id == environment_id).values(**values))
    events.append(
        connection,
        "environment.described",
        now,
        namespace_id=found.namespace_id,
        environment_id=environment_id,
    )


def delete(connection: Connection, environment_id: int, now: Moment) -> None:
    """Delete an environment and its builds, whatever they are at; a second time does nothing."""
    take_turn(connection)
    query = select(table).where(table.c.id == environment_id, table.c.deleted_on.is_(None))
    row = connection.execute(query).first()
    if row is None:
        return
    builds.delete_all(connection, environment_id, now)
    connection.execute(
        table.update()
        .where(table.c.id == environment_id)
        .values(deleted_on=now, current_build_id=None)
    )
    counters.add(connection, row.namespace_id, counters.ENVIRONMENTS, environments=-1)
    names.bump(connection)
    events.append(
        connection,
        "environment.deleted",
        now,
        namespace_id=row.namespace_id,
        environment_id=environment_id,
        data={"namespace": row.namespace, "name": row.name},
    )


def environment_of(row: Row[Any]) -> Environment:
    """Make a row a value."""
    return Environment(
        row.id,
        row.namespace_id,
        row.namespace,
        row.name,
        row.description,
        row.current_build_id,
        tuple(orjson.loads(row.tags)),
        row.created_on,
    )

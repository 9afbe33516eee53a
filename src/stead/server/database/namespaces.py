"""Namespaces, and the roles given in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import and_, func, or_, select, text

from stead.server.database import environments, events, names
from stead.server.database.globs import admits_name, may_hold
from stead.server.database.opening import take_turn
from stead.server.database.tables import environment, namespace_role
from stead.server.database.tables import namespace as table
from stead.server.values import (
    EVERYTHING,
    ExistsError,
    MissingError,
    Namespace,
    Page,
    RoleMapping,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from stead.server.values import Moment, Visible

_PUT_ROLE = text(
    "INSERT INTO namespace_role (namespace_id, entity, role) "
    "VALUES (:namespace_id, :entity, :role) "
    "ON CONFLICT (namespace_id, entity) DO UPDATE SET role = excluded.role RETURNING id"
)


def create(
    connection: Connection, name: str, now: Moment, metadata: Mapping[str, Any] | None = None
) -> Namespace:
    """Make a namespace; raises :class:`ExistsError` where there is one of this name."""
    take_turn(connection)
    if find(connection, name) is not None:
        raise ExistsError("namespace already exists")
    values = {"name": name, "metadata": _json(metadata or {}), "created_on": now}
    made = connection.execute(table.insert().returning(table.c.id), values).scalar_one()
    names.bump(connection)
    events.append(connection, "namespace.created", now, namespace_id=made, data={"name": name})
    return Namespace(made, name, dict(metadata or {}), (), now)


def ensure(connection: Connection, name: str, now: Moment) -> Namespace:
    """Give a namespace, made where it is missing."""
    return find(connection, name) or _made_meanwhile(connection, name, now)


def _made_meanwhile(connection: Connection, name: str, now: Moment) -> Namespace:
    take_turn(connection)
    return find(connection, name) or create(connection, name, now)


def find(connection: Connection, name: str) -> Namespace | None:
    """Give a namespace by name; None where it is missing."""
    query = select(table).where(table.c.name == name, table.c.deleted_on.is_(None))
    row = connection.execute(query).first()
    return None if row is None else _with_roles(connection, [row])[0]


def get(connection: Connection, name: str) -> Namespace:
    """Give a namespace by name; raises :class:`MissingError`."""
    found = find(connection, name)
    if found is None:
        raise MissingError("namespace does not exist")
    return found


def name_of(connection: Connection, namespace_id: int) -> str:
    """Give a namespace's name by id, a deleted one's too."""
    query = select(table.c.name).where(table.c.id == namespace_id)
    return str(connection.execute(query).scalar_one())


def page(
    connection: Connection,
    *,
    visible: Visible = EVERYTHING,
    page: int = 1,
    size: int = 100,
    descending: bool = False,
) -> Page[Namespace]:
    """Give a page of namespaces in order of their names."""
    order = table.c.name.desc() if descending else table.c.name
    query = select(table).where(table.c.deleted_on.is_(None)).order_by(order)
    if visible.everything:
        live = select(func.count()).select_from(table).where(table.c.deleted_on.is_(None))
        count = int(connection.execute(live).scalar_one())
        rows = list(connection.execute(query.limit(size).offset((page - 1) * size)))
    else:
        seen = [row for row in connection.execute(query) if may_hold(visible, row.name)]
        count = len(seen)
        rows = seen[(page - 1) * size : page * size]
    return Page(_with_roles(connection, rows), page, size, count)


def update(connection: Connection, name: str, metadata: Mapping[str, Any], now: Moment) -> None:
    """Replace a namespace's metadata; raises :class:`MissingError`."""
    found = get(connection, name)
    connection.execute(
        table.update().where(table.c.id == found.id).values(metadata=_json(metadata))
    )
    names.bump(connection)
    events.append(connection, "namespace.updated", now, namespace_id=found.id)


def delete(connection: Connection, name: str, now: Moment) -> None:
    """Delete a namespace with all that is in it; raises :class:`MissingError`."""
    take_turn(connection)
    found = get(connection, name)
    query = select(environment.c.id).where(
        environment.c.namespace_id == found.id, environment.c.deleted_on.is_(None)
    )
    for environment_id in connection.execute(query).scalars().all():
        environments.delete(connection, environment_id, now)
    connection.execute(table.update().where(table.c.id == found.id).values(deleted_on=now))
    names.bump(connection)
    events.append(connection, "namespace.deleted", now, namespace_id=found.id, data={"name": name})


def put_role(connection: Connection, namespace_id: int, entity: str, role: str) -> RoleMapping:
    """Give an entity a role in a namespace, instead of the one that it has."""
    values = {"namespace_id": namespace_id, "entity": entity, "role": role}
    names.bump(connection)
    return RoleMapping(connection.execute(_PUT_ROLE, values).scalar_one(), entity, role)


def remove_roles(connection: Connection, namespace_id: int, entity: str | None = None) -> int:
    """Take an entity's role in a namespace away, or all; gives how many there were."""
    statement = namespace_role.delete().where(namespace_role.c.namespace_id == namespace_id)
    if entity is not None:
        statement = statement.where(namespace_role.c.entity == entity)
    names.bump(connection)
    return connection.execute(statement).rowcount


def roles_elsewhere(connection: Connection, name: str) -> dict[str, tuple[RoleMapping, ...]]:
    """Give the roles that entities matching a namespace's environments have in any namespace.

    It is asked at each request of who is no administrator: only what may match leaves the database.
    """
    entity = namespace_role.c.entity
    may_match = or_(
        and_(entity >= f"{name}/", entity < f"{name}0"),  # the sign after "/"
        entity.like("%*%/%"),
        entity.like("%?%/%"),
        entity.not_like("%/%"),
    )
    query = (
        select(table.c.name, namespace_role)
        .join(table, table.c.id == namespace_role.c.namespace_id)
        .where(table.c.deleted_on.is_(None), may_match)
        .order_by(table.c.name, namespace_role.c.id)
    )
    found: dict[str, tuple[RoleMapping, ...]] = {}
    for row in connection.execute(query):
        if admits_name(row.entity.partition("/")[0], name):
            mapping = RoleMapping(row.id, row.entity, row.role)
            found[row.name] = (*found.get(row.name, ()), mapping)
    return found


def _with_roles(connection: Connection, rows: list[Row[Any]]) -> tuple[Namespace, ...]:
    query = (
        select(namespace_role)
        .where(namespace_role.c.namespace_id.in_([row.id for row in rows]))
        .order_by(namespace_role.c.id)
    )
    roles: dict[int, list[RoleMapping]] = {}
    for role in connection.execute(query) if rows else ():
        roles.setdefault(role.namespace_id, []).append(RoleMapping(role.id, role.entity, role.role))
    return tuple(
        Namespace(
            row.id,
            row.name,
            orjson.loads(row.metadata),
            tuple(roles.get(row.id, ())),
            row.created_on,
        )
        for row in rows
    )


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()

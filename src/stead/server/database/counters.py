"""What each namespace holds, counted as it changes, in the transaction that changes it.

Counting rows anew takes as long as there are rows; pages ask for the number each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, select, text

from stead.server.database.tables import (
    build,
    build_block,
    build_part,
    counter,
    environment,
    namespace,
)
from stead.server.values import BuildStatus, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

ENVIRONMENTS = SHARED = ""
"""Stands for the status in the row that counts environments, and the bytes of parts, which
several builds may share."""

_ADD = text(
    "INSERT INTO counter (namespace_id, status, builds, bytes, environments) "
    "VALUES (:namespace_id, :status, :builds, :bytes, :environments) "
    "ON CONFLICT (namespace_id, status) DO UPDATE SET "
    "builds = counter.builds + excluded.builds, bytes = counter.bytes + excluded.bytes, "
    "environments = counter.environments + excluded.environments"
)

_ADD_TO_BLOCK = text(
    "INSERT INTO build_block (block, builds) VALUES (:block, :builds) "
    "ON CONFLICT (block) DO UPDATE SET builds = build_block.builds + excluded.builds"
)

_PACKED = (
    "SELECT h.namespace_id, coalesce(sum(p.packed), 0) FROM part p JOIN ("
    "SELECT DISTINCT b.namespace_id, h.part_id FROM build_part h "
    "JOIN build b ON b.id = h.build_id) h ON h.part_id = p.id GROUP BY h.namespace_id"
)

BLOCK = 1024
"""So many ids make a block of builds."""

Counts = dict[tuple[int, str], tuple[int, int, int]]
"""Builds, bytes and environments by namespace's id and status."""


def add(
    connection: Connection,
    namespace_id: int,
    status: str,
    *,
    builds: int = 0,
    size: int = 0,
    environments: int = 0,
) -> None:
    """Add to the counts of a namespace's builds of one status (negative numbers take away)."""
    connection.execute(
        _ADD,
        {
            "namespace_id": namespace_id,
            "status": status,
            "builds": builds,
            "bytes": size,
            "environments": environments,
        },
    )


def add_to_block(connection: Connection, build_id: int, builds: int) -> None:
    """Count a build, or that it is gone, where it stands among all."""
    connection.execute(_ADD_TO_BLOCK, {"block": build_id // BLOCK, "builds": builds})


def usage(connection: Connection, names: Iterable[str] | None = None) -> dict[str, Usage]:
    """Give what namespaces hold, by name in order; of all where none are named."""
    columns = (
        namespace.c.name,
        counter.c.status,
        counter.c.builds,
        counter.c.bytes,
        counter.c.environments,
    )
    query = (
        select(*columns)
        .select_from(namespace.outerjoin(counter, counter.c.namespace_id == namespace.c.id))
        .where(namespace.c.deleted_on.is_(None))
        .order_by(namespace.c.name)
    )
    if names is not None:
        query = query.where(namespace.c.name.in_(list(names)))
    rows: dict[str, list[tuple[str, int, int, int]]] = {}
    for name, status, builds, size, environments in connection.execute(query):
        rows.setdefault(name, [])
        if status is not None:
            rows[name].append((status, builds, size, environments))
    return {
        name: Usage(
            environments=sum(row[3] for row in counted),
            builds=sum(row[1] for row in counted),
            bytes=sum(row[2] for row in counted),
            by_status={BuildStatus(row[0]): row[1] for row in counted if row[0] and row[1]},
        )
        for name, counted in rows.items()
    }


def stored(connection: Connection) -> Counts:
    """Give all counts that are not zero."""
    columns = (
        counter.c.namespace_id,
        counter.c.status,
        counter.c.builds,
        counter.c.bytes,
        counter.c.environments,
    )
    return {
        (row[0], row[1]): (row[2], row[3], row[4])
        for row in connection.execute(select(*columns))
        if any(row[2:])
    }


def recount(connection: Connection) -> Counts:
    """Count everything anew; what :func:`stored` must equal."""
    parted = select(build_part.c.part_id).where(build_part.c.build_id == build.c.id).exists()
    alone = case((parted, 0), else_=build.c.size)
    builds = (
        select(
            build.c.namespace_id,
            build.c.status,
            func.count(),
            func.coalesce(func.sum(alone), 0),
        )
        .where(build.c.deleted_on.is_(None))
        .group_by(build.c.namespace_id, build.c.status)
    )
    environments = (
        select(environment.c.namespace_id, func.count())
        .where(environment.c.deleted_on.is_(None))
        .group_by(environment.c.namespace_id)
    )
    counts: Counts = {
        (row[0], row[1]): (row[2], int(row[3]), 0) for row in connection.execute(builds)
    }
    numbers = {row[0]: row[1] for row in connection.execute(environments)}
    sizes = {row[0]: int(row[1]) for row in connection.execute(text(_PACKED)) if row[1]}
    for namespace_id in numbers.keys() | sizes.keys():
        numbers_of = (0, sizes.get(namespace_id, 0), numbers.get(namespace_id, 0))
        counts[namespace_id, ENVIRONMENTS] = numbers_of
    return counts


def blocks(connection: Connection) -> dict[int, int]:
    """Give how many builds there are by block."""
    rows = connection.execute(select(build_block.c.block, build_block.c.builds))
    return {row[0]: row[1] for row in rows if row[1]}


def recount_blocks(connection: Connection) -> dict[int, int]:
    """Count the builds of each block anew; what :func:`blocks` must equal."""
    query = f"SELECT id / {BLOCK}, count(*) FROM build WHERE deleted_on IS NULL GROUP BY 1"  # noqa: S608
    return {row[0]: row[1] for row in connection.execute(text(query))}


def repair(connection: Connection) -> Counts:
    """Write the counts anew, and give those that were wrong, as they were."""
    before, after = stored(connection), recount(connection)
    connection.execute(build_block.delete())
    for block, number in recount_blocks(connection).items():
        connection.execute(_ADD_TO_BLOCK, {"block": block, "builds": number})
    connection.execute(counter.delete())
    for (namespace_id, status), (builds, size, environments) in after.items():
        add(
            connection,
            namespace_id,
            status,
            builds=builds,
            size=size,
            environments=environments,
        )
    wrong = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return {key: before.get(key, (0, 0, 0)) for key in wrong}

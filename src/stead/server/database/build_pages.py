"""Pages of builds in order of their ids, counted by counters wherever these can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.server.database.build_rows import NAMES, build_of
from stead.server.database.pages import Part, holding
from stead.server.values import EVERYTHING, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.server.database.names import Held
    from stead.server.database.opening import Database
    from stead.server.values import Build, BuildStatus, Visible

_COLUMNS = ", ".join(f"b.{name}" for name in NAMES)


def page(
    database: Database,
    *,
    page: int = 1,
    size: int = 100,
    visible: Visible = EVERYTHING,
    namespace: str | None = None,
    name: str | None = None,
    environment_id: int | None = None,
    status: BuildStatus | None = None,
    artifact: str | None = None,
    packages: Sequence[str] = (),
    descending: bool = False,
    after: int | None = None,
) -> Page[Build]:
    """Give a page of builds in order of their ids, deleted ones left out.

    Of a namespace, of environments of a name, of one environment, with a status, a file
    of a type, packages of some names; ``after``: instead of a page's number, the id that
    the page before ended with.
    """
    held = database.names.namespaces(visible)
    if namespace is not None:
        held = tuple(each for each in held if each.name == namespace)
    conditions = ["b.deleted_on IS NULL"]
    values: dict[str, Any] = {}
    if status is not None:
        conditions.append("b.status = :status")
        values["status"] = str(status)
    counted = environment_id is None and name is None and not artifact and not packages
    if any(each.within != ("*",) for each in held):
        counted = False
        seen, more = database.names.seen_of(held, visible)
        conditions.append(
            f"EXISTS (SELECT 1 FROM environment e WHERE e.id = b.environment_id AND {seen})"  # noqa: S608
        )
        values.update(more)
    elif namespace is not None or not visible.everything:
        ids = ", ".join(str(each.id) for each in held) or "0"
        conditions.append(f"b.namespace_id IN ({ids})")
    if environment_id is not None:
        conditions.append("b.environment_id = :environment_id")
        values["environment_id"] = environment_id
    if name is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM environment e WHERE e.id = b.environment_id AND e.name = :name)"
        )
        values["name"] = name
    held_by, more = holding("b.id", artifact, packages)
    conditions += held_by
    values |= more
    where = " AND ".join(conditions)
    count = _count_builds(database, where, values, held if counted else None, status)
    part = Part((page - 1) * size, size, count)
    backward = part.is_late and after is None
    if backward:
        part = part.mirrored
    direction = "DESC" if descending != backward else "ASC"
    if after is not None:
        where += f" AND b.id {'<' if descending else '>'} :after"
        values["after"] = after
        part = Part(0, size, count)
    if not part.size:
        return Page((), page, size, count)
    statement = (
        f"SELECT {_COLUMNS} FROM build b WHERE {where} "  # noqa: S608
        f"ORDER BY b.id {direction} LIMIT :limit OFFSET :offset"
    )
    rows = database.reader.rows(statement, {**values, "limit": part.size, "offset": part.start})
    items = list(map(build_of, rows))
    return Page(tuple(items[::-1] if backward else items), page, size, count)


def _count_builds(
    database: Database,
    where: str,
    values: dict[str, Any],
    held: tuple[Held, ...] | None,
    status: BuildStatus | None,
) -> int:
    if held is None:
        statement = f"SELECT count(*) FROM build b WHERE {where}"  # noqa: S608
        return int(database.reader.rows(statement, values)[0][0])
    ids = ", ".join(str(each.id) for each in held) or "0"
    counted: dict[str, Any] = {}
    of_status = ""
    if status is not None:
        of_status = " AND status = :status"
        counted["status"] = str(status)
    statement = (
        "SELECT coalesce(sum(builds), 0) FROM counter "  # noqa: S608
        f"WHERE namespace_id IN ({ids}){of_status}"
    )
    return int(database.reader.rows(statement, counted)[0][0])

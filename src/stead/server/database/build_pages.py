"""Pages of builds in order of their ids, counted by counters wherever these can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.server.database import counters
from stead.server.database.build_rows import NAMES, build_of
from stead.server.database.pages import Part, holding
from stead.server.values import EVERYTHING, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.server.database.names import Held
    from stead.server.database.opening import Database
    from stead.server.database.reading import Rows
    from stead.server.values import Build, BuildStatus, Visible

_BLOCKS = "SELECT block, builds FROM build_block ORDER BY block"
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
    order: str = "id",
) -> Page[Build]:
    """Give a page of builds in order of their ids, deleted ones left out.

    Of a namespace, of environments of a name, of one environment, with a status, a file
    of a type, packages of some names; ``after``: instead of a page's number, the id that
    the page before ended with. ``order`` may be ``started_on`` or ``ended_on`` besides; what
    has none comes last.
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
            "b.environment_id IN (SELECT e.id FROM environment e "
            "WHERE e.name = :name AND e.deleted_on IS NULL)"
        )
        values["name"] = name
    held_by, more = holding("b.id", artifact, packages)
    conditions += held_by
    values |= more
    where = " AND ".join(conditions)
    count = _count_builds(database, where, values, held if counted else None, status)
    if after is not None:
        where += f" AND b.id {'<' if descending else '>'} :after"
        values["after"] = after
        rows = _ask(database, where, values, Part(0, size, count), descending=descending)
        return Page(tuple(map(build_of, rows)), page, size, count)
    part = Part((page - 1) * size, size, count)
    if not part.size:
        return Page((), page, size, count)
    if order in ("started_on", "ended_on"):
        direction = "DESC" if descending else "ASC"
        by = f"b.{order} {direction} NULLS LAST, b.id {direction}"
        rows = _ask_by(database, where, values, part, by)
        return Page(tuple(map(build_of, rows)), page, size, count)
    if len(conditions) == 1 and counters.BLOCK < part.start < count - counters.BLOCK:
        # Nothing narrows the list.
        rows = _by_blocks(database, where, part.mirrored if descending else part)
        backward = descending
    else:
        backward = part.is_late
        nearer = part.mirrored if backward else part
        rows = _ask(database, where, values, nearer, descending=descending != backward)
    items = tuple(map(build_of, rows))
    return Page(items[::-1] if backward else items, page, size, count)


def _ask(
    database: Database, where: str, values: dict[str, Any], part: Part, *, descending: bool
) -> Rows:
    return _ask_by(database, where, values, part, f"b.id {'DESC' if descending else 'ASC'}")


def _ask_by(database: Database, where: str, values: dict[str, Any], part: Part, by: str) -> Rows:
    statement = (
        f"SELECT {_COLUMNS} FROM build b WHERE {where} "  # noqa: S608
        f"ORDER BY {by} LIMIT :limit OFFSET :offset"
    )
    return database.reader.rows(statement, {**values, "limit": part.size, "offset": part.start})


def _by_blocks(database: Database, where: str, part: Part) -> Rows:
    """Give a part of all builds in ascending order, begun at the block that it begins in."""
    before = first = 0
    for block, number in database.reader.rows(_BLOCKS, {}):
        if before + number > part.start:
            first = block * counters.BLOCK
            break
        before += number
    within = Part(part.start - before, part.size, part.count)
    return _ask(database, f"{where} AND b.id >= :first", {"first": first}, within, descending=False)


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

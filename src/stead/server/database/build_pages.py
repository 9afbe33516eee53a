"""Pages of builds in order of their ids, counted by counters wherever these can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
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

INDEXES = {
    "started_on": ("build_started", "build_started_in"),
    "ended_on": ("build_ended", "build_ended_in"),
}
"""Along which index builds stand in order of a moment: of all builds, and of a namespace's."""

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
    home: int | None = None
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
        home = held[0].id if len(held) == 1 else None
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
    if order in INDEXES:
        walk = Walk(order, home, descending=descending)
        narrowed = len(conditions) > (1 if home is None else 2)
        if narrowed and not _is_walked(database, walk, part):
            walk = replace(walk, sorted=True)
        rows = _by_time(database, walk, where, values, part)
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
    statement = (
        f"SELECT {_COLUMNS} FROM build b WHERE {where} "  # noqa: S608
        f"ORDER BY b.id {'DESC' if descending else 'ASC'} LIMIT :limit OFFSET :offset"
    )
    return database.reader.rows(statement, {**values, "limit": part.size, "offset": part.start})


@dataclass(frozen=True, slots=True)
class Walk:
    """Builds in order of a moment and then of their ids, those that have none last.

    Along the index of all builds or of a namespace's (``home``); ``sorted``: those that are
    wanted are few enough to be looked up first, and put in order then.
    """

    order: str
    home: int | None
    descending: bool
    sorted: bool = False

    def table(self, dialect: str) -> str:
        """Write from what builds are taken. SQLite is told the index, which it cannot guess."""
        if self.sorted or dialect != "sqlite":
            return "build b"
        return f"build b INDEXED BY {INDEXES[self.order][self.home is not None]}"

    def by(self, *, backward: bool) -> str:
        """Write the order."""
        direction = "DESC" if self.descending != backward else "ASC"
        if self.sorted:  # what is computed stands in no index
            return f"b.{self.order} || '' {direction}, b.id + 0 {direction}"
        return f"b.{self.order} {direction}, b.id {direction}"


def _is_walked(database: Database, walk: Walk, part: Part) -> bool:
    """Say whether fewer builds are passed along the index than there are to be put in order."""
    statement = "SELECT coalesce(sum(builds), 0) FROM counter"
    statement += "" if walk.home is None else f" WHERE namespace_id = {walk.home}"
    everything = int(database.reader.rows(statement, {})[0][0])
    return part.count * part.count > (part.start + part.size) * everything


def _by_time(
    database: Database, walk: Walk, where: str, values: dict[str, Any], part: Part
) -> Rows:
    """Give a part of the builds in order of a moment: those that have one, then those without."""
    untimed = f"{where} AND b.{walk.order} IS NULL"
    statement = f"SELECT count(*) FROM {walk.table(database.dialect)} WHERE {untimed}"  # noqa: S608
    without = int(database.reader.rows(statement, values)[0][0])
    timed = part.count - without
    first = Part(part.start, part.size, timed)
    rows = _walked(database, walk, f"{where} AND b.{walk.order} IS NOT NULL", values, first)
    rest = Part(max(0, part.start - timed), part.size - len(rows), without)
    return rows + _walked(database, walk, untimed, values, rest)


def _walked(database: Database, walk: Walk, where: str, values: dict[str, Any], part: Part) -> Rows:
    if not part.size:
        return []
    backward = part.is_late
    if backward:
        part = part.mirrored
    by = walk.by(backward=backward)
    # Which they are is found in the index alone; only the page's own rows are read. The numbers
    # are written out: PostgreSQL plans for a part of the rows that it would not know.
    ids = (
        f"SELECT b.id FROM {walk.table(database.dialect)} WHERE {where} "  # noqa: S608
        f"ORDER BY {by} LIMIT {part.size} OFFSET {part.start}"
    )
    statement = f"SELECT {_COLUMNS} FROM build b WHERE b.id IN ({ids}) ORDER BY {by}"  # noqa: S608
    rows = database.reader.rows(statement, values)
    return rows[::-1] if backward else rows


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

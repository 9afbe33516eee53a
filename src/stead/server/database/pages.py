"""Pages of environments, as quick at a hundred thousand as at a thousand.

Environments are ordered by namespace and name. Which namespaces a page falls into, and
how long the whole list is, follows from counts; within a namespace a page is one walk
along an index, begun from whichever end is nearer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from stead.server.values import EVERYTHING, BuildStatus, Environment, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.server.database.names import Held
    from stead.server.database.opening import Database
    from stead.server.database.reading import Rows
    from stead.server.values import Visible

SHOWN = (
    "COALESCE(e.current_build_id, CASE WHEN e.decided = 0 THEN (SELECT MIN(f.id) FROM build f "
    "WHERE f.environment_id = e.id AND f.deleted_on IS NULL) END)"
)
"""Which build an environment ``e`` is shown by: its current one, or its first until one was completed.

What shows environments by that build shows one that waits, is being built or failed too.
"""

_COLUMNS = (
    "e.id, e.namespace_id, e.namespace, e.name, e.description, e.current_build_id, e.tags, "
    f"e.created_on, {SHOWN}"
)


def environments_json(database: Database, **options: Any) -> bytes:
    """Give the answer of ``/api/v1/environment/``; the options are those of :func:`environments`."""
    held = database.names.namespaces(options.get("visible", EVERYTHING))
    rows, page, size, count = _environments(database, held, **options)
    shown = {each.id: each.json for each in held}
    data = [
        {
            "id": row[0],
            "namespace": shown.get(row[1]),
            "name": row[3],
            "current_build_id": row[8],
            "current_build": None,
            "description": row[4],
        }
        for row in rows
    ]
    answer = {
        "status": "ok",
        "data": data,
        "message": None,
        "page": page,
        "size": size,
        "count": count,
    }
    return orjson.dumps(answer)


def environments(database: Database, **options: Any) -> Page[Environment]:
    """Give a page of environments.

    ``page`` (from 1) and ``size``; ``visible``: only what somebody may see;
    ``namespace`` and ``name``: of this namespace, of this name; ``search``: with this
    text in ``namespace/name``; ``status``: whose build that it is shown by has this status;
    ``artifact`` and ``packages``: whose current build has a file of this type, packages of
    these names;
    ``by_name``: ordered by name before namespace; ``descending``; ``after``: instead of
    a page's number, the namespace and name that the page before ended with.
    """
    held = database.names.namespaces(options.get("visible", EVERYTHING))
    rows, page, size, count = _environments(database, held, **options)
    return Page(tuple(map(_environment, rows)), page, size, count)


def _environments(
    database: Database,
    held: tuple[Held, ...],
    *,
    page: int = 1,
    size: int = 100,
    visible: Visible = EVERYTHING,
    namespace: str | None = None,
    name: str | None = None,
    search: str | None = None,
    status: BuildStatus | None = None,
    artifact: str | None = None,
    packages: Sequence[str] = (),
    by_name: bool = False,
    descending: bool = False,
    after: tuple[str, str] | None = None,
) -> tuple[Rows, int, int, int]:
    if namespace is not None:
        held = tuple(each for each in held if each.name == namespace)
    conditions, values = _conditions(name=name, status=status, artifact=artifact, packages=packages)
    start = (page - 1) * size
    if search and not conditions and not by_name:
        return _found(database, search, held, page, size, descending=descending, after=after)
    if not conditions and not search and not by_name:
        count = sum(each.count for each in held)
        if after is not None:
            start = 0
            rows = _following(database, held, after, size, descending=descending)
        else:
            rows = _slice(database, held, count, start, size, descending=descending)
        return rows, page, size, count
    narrowed = bool(conditions)
    if namespace is not None:
        conditions.append("e.namespace = :namespace")
        values["namespace"] = namespace
    seen, more = database.names.seen_of(held, visible)
    conditions.append(seen)
    values.update(more)
    everything = count = sum(each.count for each in held)
    if search:
        count = database.names.search(search, held)[1]
        find = database.names.matching
        # So many rows are looked at on the way, if those that match lie evenly.
        if count * count > (start + size) * everything:
            find = database.names.walking
        condition, more = find(search)
        conditions.append(condition)
        values.update(more)
    where = " AND ".join(["e.deleted_on IS NULL", *conditions])
    if narrowed:
        counting = f"SELECT count(*) FROM environment e WHERE {where}"  # noqa: S608
        count = int(database.reader.rows(counting, values)[0][0])
    part = Part(start, size, count)
    if after is not None:
        part = Part(0, size, size)
        where += f" AND (e.namespace, e.name) {'<' if descending else '>'} (:space, :after)"
        values["space"], values["after"] = after
    rows = _ordered(database, where, values, part, by_name=by_name, descending=descending)
    return rows, page, size, count


def _found(
    database: Database,
    term: str,
    held: tuple[Held, ...],
    page: int,
    size: int,
    *,
    descending: bool,
    after: tuple[str, str] | None,
) -> tuple[Rows, int, int, int]:
    """Give a page of what has a text in its names."""
    start = 0 if after is not None else (page - 1) * size
    ids, count = database.names.search(
        term, held, start=start, size=size, descending=descending, after=after
    )
    if not ids:
        return [], page, size, count
    one_of, values = database.names.among(ids, "e.id")
    statement = f"SELECT {_COLUMNS} FROM environment e WHERE {one_of} AND e.deleted_on IS NULL"  # noqa: S608
    by_id = {row[0]: row for row in database.reader.rows(statement, values)}
    return [by_id[each] for each in ids if each in by_id], page, size, count


class Part:
    """Where a page stands in a list."""

    def __init__(self, start: int, size: int, count: int) -> None:
        self.start = start
        self.size = max(0, min(size, count - start))
        self.count = count

    @property
    def is_late(self) -> bool:
        """Whether it is nearer to the end."""
        return self.start > self.count // 2

    @property
    def mirrored(self) -> Part:
        """The same part, told from the other end."""
        return Part(self.count - self.start - self.size, self.size, self.count)


def _ordered(
    database: Database,
    where: str,
    values: dict[str, Any],
    part: Part,
    *,
    by_name: bool = False,
    descending: bool = False,
) -> Rows:
    if not part.size:
        return []
    backward = part.is_late
    if backward:
        part = part.mirrored
    direction = "DESC" if descending != backward else "ASC"
    names = ("e.name", "e.namespace") if by_name else ("e.namespace", "e.name")
    order = ", ".join(f"{each} {direction}" for each in names)
    statement = (
        f"SELECT {_COLUMNS} FROM environment e WHERE {where} "  # noqa: S608
        f"ORDER BY {order} LIMIT :limit OFFSET :offset"
    )
    rows = database.reader.rows(statement, {**values, "limit": part.size, "offset": part.start})
    return rows[::-1] if backward else rows


def _conditions(
    *,
    name: str | None,
    status: BuildStatus | None,
    artifact: str | None,
    packages: Sequence[str],
) -> tuple[list[str], dict[str, Any]]:
    conditions = []
    values: dict[str, Any] = {}
    if name is not None:
        conditions.append("e.name = :name")
        values["name"] = name
    if status is not None:
        # A current build is always a completed one, which the other one that shows an environment never is.
        shown = "e.current_build_id"
        if status is not BuildStatus.COMPLETED:
            shown = SHOWN
            conditions.append("e.current_build_id IS NULL")
        conditions.append(
            f"EXISTS (SELECT 1 FROM build b WHERE b.id = {shown} AND b.status = :status)"  # noqa: S608
        )
        values["status"] = str(status)
    held, more = holding("e.current_build_id", artifact, packages)
    return conditions + held, values | more


def holding(
    column: str, artifact: str | None, packages: Sequence[str]
) -> tuple[list[str], dict[str, Any]]:
    """Give the conditions that a build has a file of a type and packages of some names."""
    conditions = []
    values: dict[str, Any] = {}
    if artifact is not None:
        conditions.append(
            f"EXISTS (SELECT 1 FROM build_artifact a WHERE a.build_id = {column} "  # noqa: S608
            "AND a.artifact_type = :artifact)"
        )
        values["artifact"] = artifact
    for number, package in enumerate(packages):
        conditions.append(
            "EXISTS (SELECT 1 FROM build_package h JOIN package p ON p.id = h.package_id "  # noqa: S608
            f"WHERE h.build_id = {column} AND p.name = :package{number})"
        )
        values[f"package{number}"] = package
    return conditions, values


def _slice(
    database: Database,
    held: tuple[Held, ...],
    count: int,
    start: int,
    size: int,
    *,
    descending: bool,
) -> Rows:
    """Give some of the list, namespace by namespace as far as the page reaches."""
    if descending:
        part = Part(start, size, count).mirrored
        return _slice(database, held, count, part.start, part.size, descending=False)[::-1]
    rows: Rows = []
    for each in held:
        if len(rows) >= size:
            break
        if start >= each.count:
            start -= each.count
            continue
        rows += _of_namespace(database, each, Part(start, size - len(rows), each.count))
        start = 0
    return rows


def _of_namespace(database: Database, each: Held, part: Part) -> Rows:
    condition, values = database.names.within(each.within, "e.name")
    where = f"e.namespace = :in AND e.deleted_on IS NULL AND {condition}"
    values["in"] = each.name
    begins = None
    if part.start and each.within == ("*",):
        begins = database.names.nth(each.name, part.start)
    backward = part.is_late and begins is None
    if backward:
        part = part.mirrored
    direction, beyond = ("DESC", "<=") if backward else ("ASC", ">=")
    # Where a page begins is known with the names, or found in the index alone; only its own
    # rows are read.
    if part.start and begins is None:
        statement = (
            f"SELECT e.name FROM environment e WHERE {where} "  # noqa: S608
            f"ORDER BY e.namespace {direction}, e.name {direction} LIMIT 1 OFFSET :offset"
        )
        found = database.reader.rows(statement, {**values, "offset": part.start})
        if not found:
            return []
        begins = found[0][0]
    if begins is not None:
        where += f" AND e.name {beyond} :begins"
        values["begins"] = begins
    statement = (
        f"SELECT {_COLUMNS} FROM environment e WHERE {where} "  # noqa: S608
        f"ORDER BY e.namespace {direction}, e.name {direction} LIMIT :limit"
    )
    rows = database.reader.rows(statement, {**values, "limit": part.size})
    return rows[::-1] if backward else rows


def _following(
    database: Database,
    held: tuple[Held, ...],
    after: tuple[str, str],
    size: int,
    *,
    descending: bool,
) -> Rows:
    """Give what follows a namespace and name, as far as the page reaches."""
    rows: Rows = []
    direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
    for each in held[::-1] if descending else held:
        if len(rows) >= size:
            break
        if each.name < after[0] if not descending else each.name > after[0]:
            continue
        condition, values = database.names.within(each.within, "e.name")
        where = f"e.namespace = :in AND e.deleted_on IS NULL AND {condition}"
        values |= {"in": each.name, "limit": size - len(rows)}
        if each.name == after[0]:
            where += f" AND e.name {beyond} :after"
            values["after"] = after[1]
        statement = (
            f"SELECT {_COLUMNS} FROM environment e WHERE {where} "  # noqa: S608
            f"ORDER BY e.namespace {direction}, e.name {direction} LIMIT :limit"
        )
        rows += database.reader.rows(statement, values)
    return rows


def _environment(row: tuple[Any, ...]) -> Environment:
    tags = tuple(orjson.loads(row[6]))
    return Environment(row[0], row[1], row[2], row[3], row[4], row[5], tags, row[7])

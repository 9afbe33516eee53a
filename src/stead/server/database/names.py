"""Who is called what: namespaces with how much each holds, and searching by part of a name.

Both are asked for with each page and change seldom, so they are remembered until the
revision of names changes, which the transactions that change names count up.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from stead.server.database.globs import may_hold, names_within
from stead.server.database.tables import NAMES_CHANGED
from stead.server.values import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from sqlalchemy import Connection

    from stead.server.database.reading import Reader
    from stead.server.values import Visible

REMEMBERED = 512
"""How many answers are remembered."""

MOST_CHANGES = 1_000
"""After so many changes of names it is counted anew how many match."""

_BUMP = text(
    "INSERT INTO revision (name, number) VALUES ('names', 1) "
    "ON CONFLICT (name) DO UPDATE SET number = revision.number + 1"
)
_REVISION = "SELECT number FROM revision WHERE name = 'names'"
_NAMESPACES = (
    "SELECT n.id, n.name, n.metadata, coalesce(c.environments, 0) FROM namespace n "
    "LEFT JOIN counter c ON c.namespace_id = n.id AND c.status = '' "
    "WHERE n.deleted_on IS NULL ORDER BY n.name"
)
_NEWEST = "(SELECT coalesce(max(id), 0) FROM event)"
_EVENTS = "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM event"
_CHANGES = (
    f"SELECT kind, data FROM event WHERE {NAMES_CHANGED} AND id > :after AND id <= :newest "  # noqa: S608
    f"ORDER BY id LIMIT {MOST_CHANGES + 1}"
)
_ROLES = "SELECT namespace_id, id, entity, role FROM namespace_role ORDER BY id"


@dataclass(frozen=True, slots=True)
class Held:
    """A namespace, and how many environments of it somebody may see.

    ``within`` are globs of their names, ``("*",)`` for all; ``json`` is the namespace
    as the API shows it.
    """

    id: int
    name: str
    count: int
    json: orjson.Fragment
    within: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many match a text, by all events up to the newest one named."""

    revision: int
    count: int
    newest: int


def bump(connection: Connection) -> None:
    """Tell that names changed: of namespaces or environments, or roles or metadata."""
    connection.execute(_BUMP)


class Names:
    """What is remembered of names. Safe to use from several threads."""

    def __init__(self, reader: Reader, dialect: str) -> None:
        self._reader = reader
        self._sqlite = dialect == "sqlite"
        self._revision = -1
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._counted: OrderedDict[str, _Counted] = OrderedDict()
        self._lock = threading.Lock()

    def namespaces(self, visible: Visible = EVERYTHING) -> tuple[Held, ...]:
        """Give the namespaces that somebody may see something of, in order of their names."""
        revision = self._current()
        every: tuple[Held, ...] = self._remember(revision, "all", self._all)
        if visible.everything:
            return every
        seen: tuple[Held, ...] = self._remember(
            revision, visible, lambda: self._seen(every, visible)
        )
        return seen

    def count_matching(self, term: str, visible: Visible = EVERYTHING) -> int:
        """Count the environments with a text in ``namespace/name``, whatever its case."""
        held = self.namespaces(visible)
        whole = all(each.within == ("*",) for each in held)
        if whole and all(term.casefold() in each.name.casefold() for each in held):
            return sum(each.count for each in held)
        if visible.everything:
            return self._followed(term, held)
        key = ("matching", term, visible)
        count: int = self._remember(
            self._current(), key, lambda: self._count(term, held, visible)[0]
        )
        return count

    def _followed(self, term: str, held: tuple[Held, ...]) -> int:
        """Count what has a text in its names, from what was counted before and changed since."""
        revision = self._current()
        with self._lock:
            known = self._counted.get(term)
        if known is not None and known.revision == revision:
            return known.count
        counted = None if known is None else self._since(term, known)
        if counted is None:
            counted = self._count(term, held, EVERYTHING)
        with self._lock:
            self._counted[term] = _Counted(revision, *counted)
            self._counted.move_to_end(term)
            while len(self._counted) > REMEMBERED:
                self._counted.popitem(last=False)
        return counted[0]

    def _since(self, term: str, known: _Counted) -> tuple[int, int] | None:
        """Give the count and the newest event that it knows of; None where too much changed."""
        oldest, newest = self._reader.rows(_EVENTS, {})[0]
        if known.newest + 1 < oldest:
            return None
        changes = self._reader.rows(_CHANGES, {"after": known.newest, "newest": newest})
        if len(changes) > MOST_CHANGES:
            return None
        count = known.count
        for kind, data in changes:
            changed = orjson.loads(data)
            if term.casefold() in f"{changed['namespace']}/{changed['name']}".casefold():
                count += 1 if kind == "environment.created" else -1
        return count, newest

    def matching(self, term: str) -> tuple[str, dict[str, Any]]:
        """Give the condition that finds a text in the names of ``environment e`` by index."""
        values = {"like": like(term)}
        path = "(e.namespace || '/' || e.name)"
        if not self._sqlite:
            return f"{path} ILIKE :like", values
        if len(term) < 3:
            return f"{path} LIKE :like ESCAPE '\\'", values
        found = "SELECT rowid FROM environment_search WHERE environment_search MATCH :match"
        return f"e.id IN ({found})", {"match": '"' + term.replace('"', '""') + '"'}

    def walking(self, term: str) -> tuple[str, dict[str, Any]]:
        """Give the condition by which all names, in their order, are looked through."""
        word = "LIKE :like ESCAPE '\\'" if self._sqlite else "ILIKE :like"
        # The addition keeps PostgreSQL from taking the index, which knows no order.
        path = "(e.namespace || '/' || e.name)" + ("" if self._sqlite else " || ''")
        return f"({path}) {word}", {"like": like(term)}

    def within(self, globs: tuple[str, ...], column: str) -> tuple[str, dict[str, Any]]:
        """Give the condition that a name fits one of some globs."""
        if "*" in globs:
            return "1 = 1", {}
        operator = "GLOB" if self._sqlite else "LIKE"
        written = [_glob(glob) if self._sqlite else _like_of_glob(glob) for glob in globs]
        parts = [f"{column} {operator} :glob{n}" for n in range(len(written))]
        values = {f"glob{n}": value for n, value in enumerate(written)}
        return "(" + " OR ".join(parts or ["1 = 0"]) + ")", values

    def _current(self) -> int:
        found = self._reader.rows(_REVISION, {})
        return int(found[0][0]) if found else 0

    def _remember(self, revision: int, key: Hashable, make: Any) -> Any:
        with self._lock:
            if revision > self._revision:
                self._revision = revision
                self._answers.clear()
            if revision == self._revision and key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = make()
        with self._lock:
            # What was asked before a change and answered after it is right too, and newer.
            if revision == self._revision:
                self._answers[key] = made
                while len(self._answers) > REMEMBERED:
                    self._answers.popitem(last=False)
        return made

    def _all(self) -> tuple[Held, ...]:
        roles: dict[int, list[dict[str, Any]]] = {}
        for namespace_id, role_id, entity, role in self._reader.rows(_ROLES, {}):
            mapping = {"id": role_id, "entity": entity, "role": role}
            roles.setdefault(namespace_id, []).append(mapping)
        found = []
        for namespace_id, name, metadata, count in self._reader.rows(_NAMESPACES, {}):
            shown = {
                "id": namespace_id,
                "name": name,
                "metadata_": orjson.Fragment(metadata),
                "role_mappings": roles.get(namespace_id, []),
            }
            json = orjson.Fragment(orjson.dumps(shown))
            found.append(Held(namespace_id, name, count, json))
        return tuple(found)

    def _seen(self, every: tuple[Held, ...], visible: Visible) -> tuple[Held, ...]:
        found = []
        for each in every:
            if not may_hold(visible, each.name):
                continue
            within = names_within(visible, each.name)
            count = each.count
            if within != ("*",):
                condition, values = self.within(within, "e.name")
                statement = (
                    "SELECT count(*) FROM environment e "  # noqa: S608
                    f"WHERE e.deleted_on IS NULL AND e.namespace = :namespace AND {condition}"
                )
                values["namespace"] = each.name
                count = int(self._reader.rows(statement, values)[0][0])
            found.append(Held(each.id, each.name, count, each.json, within))
        return tuple(found)

    def _count(self, term: str, held: tuple[Held, ...], visible: Visible) -> tuple[int, int]:
        """Count what matches; with the newest event of the state that was counted."""
        if self._sqlite and visible.everything and len(term) >= 3:
            # Those deleted are not in this index.
            values = self.matching(term)[1]
            statement = (
                f"SELECT count(*), {_NEWEST} FROM environment_search "  # noqa: S608
                "WHERE environment_search MATCH :match"
            )
        else:
            condition, values = self.matching(term)
            seen, more = self.seen_of(held, visible)
            values |= more
            statement = (
                f"SELECT count(*), {_NEWEST} FROM environment e "  # noqa: S608
                f"WHERE e.deleted_on IS NULL AND {condition} AND {seen}"
            )
        count, newest = self._reader.rows(statement, values)[0]
        return int(count), int(newest)

    def seen_of(self, held: tuple[Held, ...], visible: Visible) -> tuple[str, dict[str, Any]]:
        """Give the condition that an environment is one of those that somebody may see."""
        if visible.everything:
            return "1 = 1", {}
        parts, values = [], {}
        for number, each in enumerate(held):
            condition, more = self.within(each.within, "e.name")
            for name, value in more.items():
                condition = condition.replace(f":{name}", f":n{number}_{name}")
                values[f"n{number}_{name}"] = value
            parts.append(f"(e.namespace_id = {each.id} AND {condition})")
        return "(" + " OR ".join(parts or ["1 = 0"]) + ")", values


def like(term: str) -> str:
    """Write a text as a pattern of ``LIKE`` that finds it anywhere."""
    escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _glob(glob: str) -> str:
    return glob.replace("[", "[[]")


def _like_of_glob(glob: str) -> str:
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")

"""Who is called what: namespaces with how much each holds, and searching by part of a name.

Both are asked for with each page and change seldom, so they are remembered until the
revision of names changes, which the transactions that change names count up. Then events
tell what changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from stead.server.database.globs import may_hold, names_within
from stead.server.database.name_index import nth, search
from stead.server.database.name_reading import AllNames
from stead.server.values import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from sqlalchemy import Connection

    from stead.server.database.reading import Reader
    from stead.server.values import Visible

REMEMBERED = 512
"""How many answers are remembered."""

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
        self._lock = threading.Lock()
        self._names = AllNames(reader)

    def namespaces(self, visible: Visible = EVERYTHING) -> tuple[Held, ...]:
        """Give the namespaces that somebody may see something of, in order of their names."""
        revision = self._current()
        every: tuple[Held, ...] = self._remember(revision, "all", self._every)
        if visible.everything:
            return every
        seen: tuple[Held, ...] = self._remember(
            revision, visible, lambda: self._seen(every, visible)
        )
        return seen

    def search(
        self, term: str, held: Sequence[Held], *, start: int = 0, size: int = 0, **options: Any
    ) -> tuple[list[int], int]:
        """Give the ids on a page of what has a text in ``namespace/name``, and how many have it.

        Whatever the case; the options are those of :func:`stead.server.database.name_index.search`.
        """
        return search(
            self._names.at(self._current()), held, term, start=start, size=size, **options
        )

    def nth(self, namespace: str, number: int) -> str | None:
        """Give the name of an environment by its number, from 0, in its namespace.

        As :meth:`namespaces` saw it last. None where there are not so many, or where names would
        have to be read first: who asks for a page does not wait for that.
        """
        blocks = self._names.soon(self._revision)
        return None if blocks is None else nth(blocks, namespace, number)

    def prepare(self) -> None:
        """Read all names now, which the first search does otherwise."""
        self._names.at(self._current())

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

    def among(self, ids: Sequence[int], column: str) -> tuple[str, dict[str, Any]]:
        """Give the condition that a column is one of some ids, in the same words for any number."""
        if self._sqlite:
            listed = orjson.dumps(list(ids)).decode()
            one_of = f"{column} IN (SELECT value FROM json_each(:ids))"  # noqa: S608
            return one_of, {"ids": listed}
        return f"{column} = ANY(:ids)", {"ids": list(ids)}

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

    def _every(self) -> tuple[Held, ...]:
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

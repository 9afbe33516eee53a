"""All names, read once and kept up to date by the events that tell of changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import orjson

from stead.server.database.name_index import BLOCK, blocks_of, changed, gathered
from stead.server.database.tables import NAMES_CHANGED

if TYPE_CHECKING:
    from stead.server.database.name_index import Block, Blocks
    from stead.server.database.reading import Reader

MOST_CHANGES = 10_000
"""After so many changes of names they are all read anew."""

FEW = 100
"""So many changes are followed while a page is asked for."""

# Each by itself: SQLite finds one end of an index, and for both walks along all of it.
_EVENTS = (
    "SELECT coalesce((SELECT min(id) FROM event), 0), coalesce((SELECT max(id) FROM event), 0)"
)
_CHANGES = (
    "SELECT kind, environment_id, data FROM event "  # noqa: S608
    f"WHERE {NAMES_CHANGED} AND id > :after AND id <= :newest ORDER BY id LIMIT :limit"
)
# In parts: many rows at once would take many times the memory of what is kept of them.
_NAMES = (
    "SELECT e.namespace, e.name, e.id FROM environment e WHERE e.deleted_on IS NULL "  # noqa: S608
    "AND (e.namespace, e.name) > (:namespace, :name) "
    f"ORDER BY e.namespace, e.name LIMIT {2 * BLOCK}"
)


class AllNames:
    """The names of all environments. Safe to use from several threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._blocks: Blocks | None = None
        self._newest = 0
        self._revision = -1
        self._lock = threading.Lock()

    def at(self, revision: int) -> Blocks:
        """Give them as they were at a revision of names, or later."""
        with self._lock:
            if revision > self._revision or self._blocks is None:
                while self._blocks is None or not self._follow(self._blocks, MOST_CHANGES):
                    # What changes while they are read, events tell once more.
                    self._newest = self._oldest_and_newest()[1]
                    self._blocks = self._read()
                self._revision = revision
            return self._blocks

    def soon(self, revision: int) -> Blocks | None:
        """Give them as :meth:`at` does if nobody has to wait for that; else None.

        They are not there as long as they are being read, or where more changed than :data:`FEW`.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if self._blocks is not None and revision > self._revision:
                if not self._follow(self._blocks, FEW):
                    return None
                self._revision = revision
            return self._blocks
        finally:
            self._lock.release()

    def _follow(self, blocks: Blocks, most: int) -> bool:
        """Change what events tell of since the newest that is known; False where that is too much."""
        oldest, newest = self._oldest_and_newest()
        if self._newest + 1 < oldest:
            return False
        values = {"after": self._newest, "newest": newest, "limit": most + 1}
        rows = self._reader.rows(_CHANGES, values)
        if len(rows) > most:
            return False
        told = [
            (kind == "environment.created", number, orjson.loads(d)) for kind, number, d in rows
        ]
        changes = [
            (d["namespace"], d["name"], number if made else None) for made, number, d in told
        ]
        self._blocks, self._newest = changed(blocks, changes), newest
        return True

    def _oldest_and_newest(self) -> tuple[int, int]:
        oldest, newest = self._reader.rows(_EVENTS, {})[0]
        return int(oldest), int(newest)

    def _read(self) -> Blocks:
        found: dict[str, tuple[Block, ...]] = {}
        last = ("", "")
        while rows := self._reader.rows(_NAMES, {"namespace": last[0], "name": last[1]}):
            for namespace, lines in gathered((row[0], row[1], row[2]) for row in rows):
                found[namespace] = found.get(namespace, ()) + blocks_of(namespace, lines)
            last = rows[-1][:2]
        return found

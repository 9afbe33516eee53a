"""Putting a build's parts into the artifact store: each once, however many builds have it.

Parts are claimed in the database before they are put there, so that nothing removes them
between the one and the other (see :mod:`stead.server.database.parts`).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stead.server.blobs.protocol import MissingBlobError
from stead.server.database import parts
from stead.server.engine.steady import steadily
from stead.server.engine.steps.packing import packed_path
from stead.store.atomic import remove_tree
from stead.values.errors import StoreError
from stead.values.frozen import replace
from stead.values.parts import closure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.server.database.parts import Claimed
    from stead.server.values import Build
    from stead.values.parts import Closure

    Pack = Callable[[Sequence[str], str], dict[str, Any]]
    """Packs parts, named by sha256, into a directory; gives ``closure``, as steps give it."""

AT_ONCE = 4
_PIECE = 1024 * 1024
_TIMES = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """A build's parts, all of which are in the artifact store."""

    closure: Closure
    """With the key of each part."""
    arrived: tuple[tuple[int, int], ...] = ()
    """Those that came there now: id, and size there."""


def keep(
    database: Database,
    blobs: Blobs,
    build: Build,
    described: dict[str, Any] | None,
    *,
    pack: Pack,
    directory: str,
) -> Kept | None:
    """Put the parts that are missing into the artifact store.

    ``described`` is what the build consists of, as its steps gave it. None for a build without
    packages, and for an attempt that does not count any more. ``directory`` is made for packed
    parts, and removed. Raises BlobError, and what ``pack`` raises.
    """
    if not described:
        return None
    closure = closure_of(described)
    try:
        for _ in range(_TIMES):
            held = _claim(database, build, closure)
            if held is None:
                return None
            missing = _missing(blobs, held)
            if not missing:
                return _kept(closure, held, ())
            # Made on another machine, it may consist of other parts: then those count.
            made = closure_of(pack([one.sha256 for one in missing], directory)["closure"])
            if made == closure:
                return _kept(closure, held, _put_all(blobs, missing, directory))
            closure = made
        raise StoreError("the build does not consist of the same parts twice")
    finally:
        if os.path.isdir(directory):
            remove_tree(directory)


def _claim(database: Database, build: Build, closure: Closure) -> dict[str, Claimed] | None:
    def claim() -> dict[str, Claimed] | None:
        with database.begin() as connection:
            now = database.now()
            return parts.claim(connection, build.id, build.attempt, closure.parts, now)

    return steadily(claim)


def _missing(blobs: Blobs, held: dict[str, Claimed]) -> list[Claimed]:
    """Give the parts that are to be put there: new ones, and those that somebody took away."""

    def there(one: Claimed) -> bool:
        try:
            return one.packed is not None and blobs.head(one.key).size == one.packed
        except MissingBlobError:
            return False

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(there, held.values())
        return [one for one, is_there in zip(held.values(), found, strict=True) if not is_there]


def _kept(closure: Closure, held: dict[str, Claimed], arrived: tuple[tuple[int, int], ...]) -> Kept:
    named = tuple(replace(p, blob=held[p.sha256].key) for p in closure.parts)
    return Kept(replace(closure, parts=named), arrived)


def _put_all(
    blobs: Blobs, missing: Sequence[Claimed], directory: str
) -> tuple[tuple[int, int], ...]:
    def put(one: Claimed) -> tuple[int, int]:
        path = packed_path(directory, one.sha256)
        blobs.put(one.key, _pieces(path))
        return one.id, os.path.getsize(path)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(put, missing))


def _pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            yield piece

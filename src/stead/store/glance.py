"""A glance at a build: what of it is not as it was sealed, by names, sizes and times alone.

Contents are not read: whoever sets a file's size and time back is found by
:func:`stead.store.verify.verify` alone.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal

from stead.store import listing
from stead.store.atomic import storage
from stead.store.builds import FILES
from stead.store.layout import METADATA
from stead.values.errors import StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.store.listing import Entry, Found

MANY = 128 * 1024
"""Bytes of the list of a build's files from which on a glance takes too long: some 12,000 files."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a glance saw. ``whole``: whether all was looked at."""

    whole: bool = True
    found: tuple[tuple[str, Literal["added", "removed", "changed"]], ...] = ()
    """Paths relative to the build, sorted."""


def glance(build: str | os.PathLike[str], *, most: int = MANY) -> Seen:
    """Compare a build with the list of its files, unless that is longer than ``most`` bytes.

    Bytecode that an interpreter left, which only root can do, changes nothing that runs and
    is passed over. A build whose list is gone or damaged is not whole.
    """
    path = os.path.join(build, METADATA, FILES)
    try:
        if os.stat(path).st_size > most:
            return Seen(whole=False)
        with open(path, "rb") as file:
            recorded = listing.load(file.read(), path)
        found = {one.path: one for one in listing.scan(build)}
    except (OSError, StoreError):
        return Seen(whole=False)
    rows: list[tuple[str, Literal["added", "removed", "changed"]]] = []
    for name, entry in recorded.items():
        now = found.pop(name, None)
        if now is None:
            rows.append((name, "removed"))
        elif _differs(entry, now):
            rows.append((name, "changed"))
    rows += [(name, "added") for name in found if not _is_bytecode(name)]
    return Seen(found=tuple(sorted(rows)))


def set_times(build: str, paths: Iterable[str]) -> None:
    """Give files the times that the build's list has of them. Raises StoreError."""
    where = os.path.join(build, METADATA, FILES)
    with storage(where), open(where, "rb") as file:
        recorded = listing.load(file.read(), where)
    for path in paths:
        entry = recorded.get(path)
        full = os.path.join(build, path)
        if entry is not None and stat.S_ISREG(entry[1]):
            with storage(full):
                os.utime(full, ns=(entry[3], entry[3]), follow_symlinks=False)


def _differs(entry: Entry, now: Found) -> bool:
    _, mode, size, time, target = entry
    if mode != now.mode:
        return True
    if stat.S_ISREG(mode):
        return size != now.size or time != now.mtime_ns
    return stat.S_ISLNK(mode) and now.target != target


def _is_bytecode(path: str) -> bool:
    return path.endswith(".pyc") or path.rpartition("/")[2] == "__pycache__"

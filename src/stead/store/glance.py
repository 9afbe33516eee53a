"""A glance at a build: what of it is not as it was sealed, by names, sizes and times alone.

Contents are not read: whoever sets a file's size and time back is found by
:func:`stead.store.verify.verify` alone.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal

from stead.store import listing
from stead.store.atomic import FD_PATHS, storage
from stead.store.builds import FILES
from stead.store.layout import METADATA
from stead.values.errors import StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.store.listing import Entry

Change = Literal["added", "removed", "changed"]

MANY = 12_000
"""Files of a build from which on a glance takes too long."""

_LONGEST = 64
"""Bytes that a file takes up in a build's list at most, packed; most take 13 to 50."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a glance saw. ``whole``: whether all was looked at; else why not."""

    whole: bool = True
    damaged: bool = False
    """Whether the list of files, or what is to be compared with it, cannot be read."""
    found: tuple[tuple[str, Change], ...] = ()
    """Paths relative to the build, sorted."""


def glance(build: str | os.PathLike[str], *, most: int = MANY) -> Seen:
    """Compare a build with the list of its files, unless that has more than ``most``.

    Bytecode that an interpreter left, which only root can do, changes nothing that runs and
    is passed over. A build whose list is gone or damaged is not whole.
    """
    path = os.path.join(build, METADATA, FILES)
    rows: list[tuple[str, Change]] = []
    try:
        if os.stat(path).st_size > most * _LONGEST:  # reading it takes long as well
            return Seen(whole=False)
        with open(path, "rb") as file:
            recorded = listing.load(file.read(), path)
        if len(recorded) > most:
            return Seen(whole=False)
        pending = [""]
        while pending:
            _compare(os.fspath(build), pending.pop(), pending, recorded, rows)
    except (OSError, StoreError):
        return Seen(whole=False, damaged=True)
    rows += [(name, "removed") for name in recorded]
    return Seen(found=tuple(sorted(rows)))


def _compare(
    build: str,
    directory: str,
    pending: list[str],
    recorded: dict[str, Entry],
    rows: list[tuple[str, Change]],
) -> None:
    """Compare what one directory holds, and take it out of ``recorded``.

    As :func:`stead.store.listing.scan` does it, but nothing is kept of what is as it was: most
    of the time goes there, and a prompt waits.
    """
    where = os.path.join(build, directory) if directory else build
    start = f"{directory}/" if directory else ""
    fd = os.open(where, os.O_RDONLY | os.O_DIRECTORY) if FD_PATHS else None
    try:
        with os.scandir(where if fd is None else fd) as entries:
            for entry in entries:
                name = start + entry.name
                info = entry.stat(follow_symlinks=False)
                mode = info.st_mode
                known = recorded.pop(name, None)
                if known is None:
                    if name != METADATA and not _is_bytecode(name):
                        rows.append((name, "added"))
                    continue
                if stat.S_ISDIR(mode):
                    pending.append(name)
                same = mode == known[1]
                if same and stat.S_ISREG(mode):
                    same = info.st_size == known[2] and info.st_mtime_ns == known[3]
                elif same and stat.S_ISLNK(mode):
                    same = os.readlink(os.path.join(where, entry.name)) == known[4]
                if not same:
                    rows.append((name, "changed"))
    finally:
        if fd is not None:
            os.close(fd)


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


def _is_bytecode(path: str) -> bool:
    return path.endswith(".pyc") or path.rpartition("/")[2] == "__pycache__"

"""A glance at a build: what of it is not as it was sealed, by names, sizes and times alone.

Contents are not read: whoever sets a file's size and time back is found by
:func:`stead.store.verify.verify` alone.
"""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Literal

from stead.store import listing
from stead.store.atomic import FD_PATHS, storage
from stead.store.builds import FILES
from stead.store.layout import METADATA
from stead.values.errors import StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stead.store.listing import Held

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
            recorded = listing.directories(file.read(), path)
        if sum(len(held.names) for held in recorded.values()) > most:
            return Seen(whole=False)
        gone: set[str] = set()
        for directory, held in recorded.items():
            parent = directory.rpartition("/")[0]
            if (directory and parent in gone) or not _compare(
                os.fspath(build), directory, held, rows
            ):
                gone.add(directory)
                rows += [(_inside(directory, name), "removed") for name in held.names]
    except (OSError, StoreError):
        return Seen(whole=False, damaged=True)
    return Seen(found=tuple(sorted(rows)))


def _compare(build: str, directory: str, held: Held, rows: list[tuple[str, Change]]) -> bool:
    """Compare what one directory holds; False where it is none any more.

    Its names are listed only where its time says that some came or went.
    """
    where = os.path.join(build, directory) if directory else build
    try:
        fd = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) if FD_PATHS else None
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        if fd is None:
            if not stat.S_ISDIR(os.lstat(where).st_mode):
                return False
            listed, look = True, _looking(where)
        else:
            listed = os.fstat(fd).st_mtime_ns != held.mtime_ns
            look = partial(os.stat, dir_fd=fd, follow_symlinks=False)
        rows += [
            (_inside(directory, name), "added")
            for name in (os.listdir(where if fd is None else fd) if listed else ())
            if name not in held.names
            and not is_bytecode(name)
            and _inside(directory, name) != METADATA
        ]
        for name, (mode, size, time) in held.names.items():
            try:
                info = look(name)
            except FileNotFoundError:
                rows.append((_inside(directory, name), "removed"))
                continue
            same = info.st_mode == mode
            if same and stat.S_ISREG(mode):
                same = info.st_size == size and info.st_mtime_ns == time
            elif same and stat.S_ISLNK(mode):
                same = os.readlink(os.path.join(where, name)) == held.targets[name]
            if not same:
                rows.append((_inside(directory, name), "changed"))
    finally:
        if fd is not None:
            os.close(fd)
    return True


def _looking(where: str) -> Callable[[str], os.stat_result]:
    return lambda name: os.lstat(os.path.join(where, name))


def _inside(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


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


def is_bytecode(path: str) -> bool:
    """Say whether a path is of what Python compiles beside its modules."""
    return path.endswith(".pyc") or path.rpartition("/")[2] == "__pycache__"

"""The package caches: what no build shares any more, and where a file of a build came from.

Their layouts belong to the ecosystems. Known here is only what an entry is: a
directory that is taken or dropped as a whole.

==================  ========================================================
``conda/pkgs/X``    an unpacked conda package; beside it, ``X.lock`` and ``X.md5`` name its
                    archive, and ``X.<16 digits>.json`` says how to link it
``uv/archive-*``    unpacked wheels, named by random ids; links and small files of
                    other buckets point there by id, and go with them
``wheels/X.json``   how to link an unpacked wheel again; it names the id, and goes too
==================  ========================================================
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING

from stead.store import locking
from stead.store.atomic import remove_tree, storage
from stead.store.builds import caches_lock, discard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from stead.store.layout import Layout
    from stead.store.locking import Note

_ABOUT = re.compile(r"(.+)\.(?:lock|md5|[0-9a-f]{16}\.json)", re.DOTALL)
"""The names of what lies beside an unpacked conda package and is about it."""

_POINTER = 64 * 1024
"""Bytes from the start of a file that a pointer stands in."""


def entries(layout: Layout) -> Iterator[str]:
    """Give the path of each entry of each cache. Raises StoreError."""
    conda = os.path.join(layout.packages, "conda", "pkgs")
    uv = os.path.join(layout.packages, "uv")
    with storage(layout.packages):
        for directory in (conda, *(d for d in _listed(uv) if _base(d).startswith("archive-v"))):
            yield from (path for path in _listed(directory) if os.path.isdir(path))


def prune(layout: Layout, *, dry_run: bool, note: Note) -> list[tuple[str, int]]:
    """Remove entries of which no file is linked by a build; gives (path, bytes) of each.

    Waits until nobody builds, and keeps builders waiting meanwhile. Raises StoreError.
    """
    gone = []
    with _alone(layout, note):
        for path in list(entries(layout)):
            size = _unshared_bytes(path)
            if size is not None:
                gone.append((path, size))
        if not dry_run:
            _drop(layout, [path for path, _ in gone])
    return gone


def drop_origins(layout: Layout, inodes: Collection[tuple[int, int]], note: Note) -> list[str]:
    """Remove the entries that hold one of these files, so that they are fetched afresh.

    ``inodes`` are (device, inode). Gives the paths that went. Raises StoreError.
    """
    wanted = frozenset(inodes)
    if not wanted:
        return []
    with _alone(layout, note):
        gone = [
            path
            for path in entries(layout)
            if any((s.st_dev, s.st_ino) in wanted for s in _files(path))
        ]
        _drop(layout, gone)
    return gone


def _drop(layout: Layout, paths: list[str]) -> None:
    """Remove entries; what says that they are there goes first. Raises StoreError."""
    if not paths:
        return
    uv = os.path.join(layout.packages, "uv") + os.sep
    with storage(layout.packages):
        os.makedirs(layout.store, exist_ok=True)
        names = {_base(path) for path in paths if not path.startswith(uv)}
        for path in _listed(os.path.join(layout.packages, "conda", "pkgs")):
            about = _ABOUT.fullmatch(_base(path))
            if about and about[1] in names:
                os.unlink(path)
        _forget(uv, {_base(path) for path in paths if path.startswith(uv)})
    for path in paths:
        remove_tree(discard(layout, layout.home / os.path.relpath(path, layout.home)))


def _forget(uv: str, ids: set[str]) -> None:
    """Remove what points to these archives: uv takes a pointer for proof of the archive."""
    if not ids:
        return
    wanted = [os.fsencode(name) for name in ids]
    buckets = [d for d in _listed(uv) if _base(d).startswith(("wheels-v", "sdists-v"))]
    for bucket in [*buckets, os.path.join(os.path.dirname(uv.rstrip(os.sep)), "wheels")]:
        for parent, directories, files in os.walk(bucket):
            for name in directories + files:
                path = os.path.join(parent, name)
                if os.path.islink(path):
                    points = _base(os.readlink(path)) in ids
                elif name in files:
                    with open(path, "rb") as file:
                        data = file.read(_POINTER)
                    points = any(one in data for one in wanted)
                else:
                    points = False
                if points:
                    os.unlink(path)


@contextlib.contextmanager
def _alone(layout: Layout, note: Note) -> Iterator[None]:
    doing = "tidying the package caches"
    with (
        locking.exclusive(caches_lock(layout), note=note, description=doing),
        contextlib.ExitStack() as stack,
    ):
        uv = os.path.join(layout.packages, "uv")
        if os.path.isdir(uv):
            # uv's own: it shares this lock while it works with its cache.
            stack.enter_context(
                locking.exclusive(os.path.join(uv, ".lock"), note=note, description="")
            )
        yield


def _unshared_bytes(path: str) -> int | None:
    """Count the bytes of an entry; None when another link shares one of its files."""
    size = 0
    for info in _files(path):
        if info.st_nlink > 1:
            return None
        size += info.st_size
    return size


def _files(path: str) -> Iterator[os.stat_result]:
    pending = [path]
    with storage(path):
        while pending:
            with os.scandir(pending.pop()) as found:
                for entry in found:
                    info = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(info.st_mode):
                        pending.append(entry.path)
                    elif stat.S_ISREG(info.st_mode):
                        yield info


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.path.join(directory, name) for name in os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _base(path: str) -> str:
    return os.path.basename(path)

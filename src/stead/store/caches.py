"""The package caches: what no build shares any more, and where a file of a build came from.

Their layouts belong to the ecosystems. Known here is only what an entry is: a
directory that is taken or dropped as a whole.

================  ==========================================================
``conda/pkgs/X``  an unpacked conda package; ``X.lock`` beside it names its archive
``uv/archive-*``  unpacked wheels; uv fetches again what its pointers do not find
================  ==========================================================
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from stead.store import locking
from stead.store.atomic import remove_tree, storage
from stead.store.builds import caches_lock, discard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from stead.store.layout import Layout
    from stead.store.locking import Note


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
                    drop(layout, path)
    return gone


def drop_origins(layout: Layout, inodes: Collection[tuple[int, int]], note: Note) -> list[str]:
    """Remove the entries that hold one of these files, so that they are fetched afresh.

    ``inodes`` are (device, inode). Gives the paths that went. Raises StoreError.
    """
    wanted = frozenset(inodes)
    if not wanted:
        return []
    gone = []
    with _alone(layout, note):
        for path in list(entries(layout)):
            if any((s.st_dev, s.st_ino) in wanted for s in _files(path)):
                drop(layout, path)
                gone.append(path)
    return gone


def drop(layout: Layout, path: str) -> None:
    """Remove one entry; it is out of sight at once. Raises StoreError."""
    aside = layout.home / "store"
    with storage(path):
        os.makedirs(aside, exist_ok=True)
        # What says that the entry is there goes first.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + ".lock")
    remove_tree(discard(layout, _as_path(layout, path)))


def _as_path(layout: Layout, path: str) -> Path:
    return layout.home / os.path.relpath(path, layout.home)


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

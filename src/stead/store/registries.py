"""What was fetched of registries, below ``$STEAD_HOME/registries``: kept for a while after its last use.

``archives/`` holds items by their hash, ``git/`` which commits revisions meant, and each other
directory the index of a built registry as it was last seen.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.store.atomic import remove_tree, storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.store.gc import Removed
    from stead.store.layout import Layout

KEPT = 90 * 86400.0
"""Seconds for which what nobody asked for again stays."""

_SHARED = frozenset({"archives", "git"})


def used(path: str) -> None:
    """Note that something that was fetched was of use again."""
    with contextlib.suppress(OSError):
        os.utime(path)


def collect(layout: Layout, *, now: float, dry_run: bool = False) -> list[Removed]:
    """Remove what nobody has asked for lately: it can be fetched again. Raises StoreError."""
    from stead.store.gc import Removed, exclusive_bytes

    top = layout.home / "registries"
    removed = []
    with storage(top):
        for name, last in _entries(os.fspath(top)):
            if now - last < KEPT:
                continue
            path = top / name
            size = exclusive_bytes(path)
            if not dry_run:
                remove_tree(path)
            removed.append(Removed("registry", f"registries/{name}", size, "not asked for lately"))
    return removed


def _entries(top: str) -> Iterator[tuple[str, float]]:
    """Give what may go, with the time of its last use."""
    for name in sorted(os.listdir(top)) if os.path.isdir(top) else ():
        path = os.path.join(top, name)
        if name not in _SHARED:
            index = os.path.join(path, "index.json")
            yield name, os.lstat(index if os.path.exists(index) else path).st_mtime
            continue
        for one in sorted(os.listdir(path)):
            yield f"{name}/{one}", os.lstat(os.path.join(path, one)).st_mtime

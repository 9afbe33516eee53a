"""What deploying keeps below ``$STEAD_HOME``, and its collection.

``deploy/`` holds what was found out about parts; what is in it says by its time when it was last
of use. ``containers/UNIT/N`` belongs to a generation of containers, which have files of it
mounted: only their engine knows whether they are still there. ``containers/UNIT/work`` is what
images were packed in by a deploy that was killed.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.store import locking
from stead.store.atomic import remove_tree, storage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from stead.store.gc import Removed
    from stead.store.layout import Layout

    Asked = Callable[[str], Collection[int] | None]

UNUSED = 30 * 86400.0
"""Seconds for which what a deploy had of use stays."""
LEAST = 2 * 86400.0
"""The shortest such time: uses are noted once a day, and a deploy at work is not to lose its own."""

_CONTAINERS = "containers"
_WORK = "work"


def collect(
    layout: Layout,
    asked: Asked,
    *,
    now: float,
    grace: float,
    caches: bool = False,
    dry_run: bool = False,
) -> list[Removed]:
    """Remove what no deployment needs.

    ``asked`` gives the generations of a unit that the engine has, None where it cannot be asked:
    these stay, as does what is younger than ``grace`` seconds. ``caches`` also removes what can
    be found out again and was not of use just now. Raises StoreError.
    """
    from stead.store.gc import Removed, exclusive_bytes

    removed = []

    def take(path: str, kind: str, why: str) -> None:
        size = exclusive_bytes(layout.home / path)
        if not dry_run:
            remove_tree(layout.home / path)
        removed.append(Removed(kind, path, size, why))

    with storage(layout.home):
        for path in list(_unused(layout, now - (LEAST if caches else UNUSED))):
            take(path, "cache", "no deploy had use of it lately")
        for unit in _units(layout):
            # Whoever is deploying it now has generations of which the engine knows nothing yet.
            lock = locking.try_exclusive(layout.home / _CONTAINERS / f"{unit}.lock")
            if lock is None:
                continue
            with lock:
                if os.path.isdir(layout.home / _CONTAINERS / unit / _WORK):
                    take(f"{_CONTAINERS}/{unit}/{_WORK}", "leftover", "its deploy has ended")
                for number in _gone(layout, unit, asked, now - grace):
                    name = f"{_CONTAINERS}/{unit}/{number}"
                    take(name, "deployment", "its containers are gone")
                if not dry_run:
                    with contextlib.suppress(OSError):
                        os.rmdir(layout.home / _CONTAINERS / unit)
    return removed


def _unused(layout: Layout, before: float) -> Iterator[str]:
    for kind in ("parts", "files", "layers"):
        for name in _names(os.fspath(layout.home / "deploy" / kind)):
            path = f"deploy/{kind}/{name}"
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(layout.home / path).st_mtime < before:
                    yield path


def _units(layout: Layout) -> list[str]:
    top = os.fspath(layout.home / _CONTAINERS)
    return [name for name in _names(top) if os.path.isdir(os.path.join(top, name))]


def _gone(layout: Layout, unit: str, asked: Asked, before: float) -> list[int]:
    """Give the generations of a unit that are old enough and that no container is of."""
    directory = layout.home / _CONTAINERS / unit
    old = [
        int(name)
        for name in _names(os.fspath(directory))
        if name.isdecimal() and os.lstat(directory / name).st_mtime < before
    ]
    known = asked(unit) if old else None
    return [] if known is None else sorted(set(old).difference(known))


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []

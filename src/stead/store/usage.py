"""What the store holds, in bytes."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stead.store.atomic import storage
from stead.store.layout import build_names
from stead.store.roots import Roots, last_asked
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.store.layout import Layout


@dataclass(frozen=True, slots=True)
class BuildUsage:
    """One build. ``bytes`` is its size; ``own`` what no other hard link shares."""

    name: str
    path: str
    bytes: int
    own: int
    files: int
    asked: float
    """When it was last asked for, in seconds since the epoch; 0 when unknown."""
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """The whole home. A file that several builds and caches share is counted once in ``bytes``."""

    bytes: int
    builds: tuple[BuildUsage, ...]
    """Largest first."""
    parts: tuple[tuple[str, int], ...]
    """Directory below the home → bytes that no part before it has counted."""


def usage(layout: Layout, roots: Roots | None = None) -> Usage:
    """Measure everything below the home, as allocated on disk. Raises StoreError."""
    seen: set[tuple[int, int]] = set()
    with storage(layout.home):
        builds = [_measure(layout, name, seen, roots) for name in build_names(layout)]
        parts = [("store", sum(fresh for _, fresh in builds))]
        try:
            names = sorted(os.listdir(layout.home))
        except FileNotFoundError:
            names = []
        others = [n for n in names if n not in ("store", "packages")]
        inside = os.path.join(layout.home, "packages")
        if "packages" in names:
            others += [os.path.join("packages", n) for n in sorted(os.listdir(inside))]
        parts += [(name, _fresh(os.path.join(layout.home, name), seen)) for name in others]
    total = sum(size for _, size in parts)
    largest = sorted((b for b, _ in builds), key=lambda b: (-b.bytes, b.name))
    return Usage(total, tuple(largest), tuple(parts))


def _measure(
    layout: Layout, name: str, seen: set[tuple[int, int]], roots: Roots | None
) -> tuple[BuildUsage, int]:
    path = layout.store / name
    links: dict[tuple[int, int], list[int]] = {}
    for info in _walk(os.fspath(path)):
        entry = links.setdefault((info.st_dev, info.st_ino), [info.st_nlink, 0, _on_disk(info)])
        entry[1] += 1
    fresh = sum(entry[2] for inode, entry in links.items() if inode not in seen)
    seen.update(links)
    users = roots.of(name.partition("-")[0]) if roots is not None else ()
    built = BuildUsage(
        name=name,
        path=os.fspath(path),
        bytes=sum(entry[2] for entry in links.values()),
        own=sum(size for count, found, size in links.values() if found >= count),
        files=sum(found for _, found, _ in links.values()),
        asked=last_asked(path),
        users=users,
    )
    return built, fresh


def _fresh(path: str, seen: set[tuple[int, int]]) -> int:
    total = 0
    for info in _walk(path):
        inode = (info.st_dev, info.st_ino)
        if inode not in seen:
            seen.add(inode)
            total += _on_disk(info)
    return total


def _walk(path: str) -> Iterator[os.stat_result]:
    pending = [path]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(info.st_mode):
                        pending.append(entry.path)
                    else:
                        yield info
        except NotADirectoryError:
            yield os.lstat(here)
        except FileNotFoundError:
            continue


def _on_disk(info: os.stat_result) -> int:
    """Give the bytes a file takes on disk, or its length where the system does not say."""
    blocks = getattr(info, "st_blocks", None)
    return int(blocks) * 512 if blocks is not None else info.st_size

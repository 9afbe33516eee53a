"""What a tree held when it was last looked at, so that sealing need not look at all of it again.

A builder that looks at every file to see whether what it linked is whole leaves
here what it saw. A directory whose names were changed since then bears another
time and is listed again; files of a build are replaced, never written in place.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from stead.store.atomic import storage
from stead.store.listing import COARSE, Found, scan_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.store.listing import Linked

_TICK = 20_000_000
"""Nanoseconds in which two changes may leave one time on a directory."""


class _Seen(NamedTuple):
    """A directory as it was listed. ``mtime_ns`` is -1 where it must be listed again anyway."""

    mtime_ns: int
    entries: list[Found]
    linked: list[tuple[list[str], list[int], list[int], list[int]]]
    """Names, modes, sizes and times of files that need no other look."""


class Survey:
    """What is known of one tree while it is made. An empty one knows nothing and does no harm."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self.sizes: dict[str, int] = {}
        """Size of each file whose hash a package's record carries."""
        self.records: set[str] = set()
        """The records that need not be read for that any more."""
        self.linked: list[Linked] = []
        """The files that `close` leaves out."""

    def look(self, tree: str | os.PathLike[str]) -> dict[str, int]:
        """List a tree; gives path → size as ``lstat`` has it, without directories.

        Raises StoreError.
        """
        root = os.fspath(tree)
        self._seen = {}
        sizes: dict[str, int] = {}
        pending = [""]
        with storage(root):
            while pending:
                relative = pending.pop()
                # Asked before it is listed: what changes meanwhile changes the time.
                mtime = os.lstat(_full(root, relative)).st_mtime_ns
                if mtime % COARSE == 0 or time.time_ns() - mtime < _TICK:
                    mtime = -1
                entries: list[Found] = []
                scan_one(root, relative, pending, entries, read_only=False)
                for f in entries:
                    kind = stat.S_IFMT(f.mode)
                    if kind == stat.S_IFDIR:
                        continue
                    if kind == stat.S_IFLNK:
                        sizes[f.path] = len(os.fsencode(f.target or ""))
                        continue
                    sizes[f.path] = f.size
                    if f.mode != kind | f.mode & 0o555 | 0o400:
                        mtime = -1  # its rights are still to go
                self._seen[relative] = _Seen(mtime, entries, [])
        return sizes

    def vouch(self, record: str, sizes: Mapping[str, int]) -> None:
        """Say which files a package's record carries the sha256 of, by path, with size or -1.

        ``record`` is the path of that record, which is not read again for this.
        """
        self.records.add(record)
        self.sizes.update(sizes)

    def tell(
        self,
        tree: str | os.PathLike[str],
        made: Iterable[str],
        files: Mapping[str, list[tuple[list[str], list[int], list[int], list[int]]]],
    ) -> None:
        """Say what the caller has put there itself, just now and alone.

        ``made`` are directories that were not there before. ``files`` gives all
        files of some of them, as lists of names, modes, sizes and times: hard links,
        read-only, and vouched for by a record.
        Raises StoreError.
        """
        root = os.fspath(tree)
        inside: dict[str, list[Found]] = {path: [] for path in files}
        times = {}
        with storage(root):
            for path in made:
                info = os.lstat(_full(root, path))
                times[path] = info.st_mtime_ns
                parent = path.rpartition("/")[0]
                if parent in inside:
                    links = info.st_nlink, (info.st_dev, info.st_ino)
                    inside[parent].append(Found(path, info.st_mode, 0, 0, None, *links))
        for path, entries in inside.items():
            self._seen[path] = _Seen(times[path], entries, files[path])

    def doubt(self) -> None:
        """Before another changes the tree: list again what he may change without leaving a time."""
        now = time.time_ns()
        for path, seen in self._seen.items():
            if seen.mtime_ns % COARSE == 0 or now - seen.mtime_ns < _TICK:
                self._seen[path] = seen._replace(mtime_ns=-1)

    def close(self, tree: str | os.PathLike[str]) -> list[Found]:
        """Take the rights to write as ``scan(tree, read_only=True)``, and give the same list.

        Files that were told of are left out of it, and stand in ``linked``.
        Raises StoreError.
        """
        root = os.fspath(tree)
        found: list[Found] = []
        self.linked = []
        pending = [""]
        with storage(root):
            while pending:
                relative = pending.pop()
                seen = self._seen.get(relative)
                if seen is None or seen.mtime_ns != os.lstat(_full(root, relative)).st_mtime_ns:
                    for names, _, sizes, _ in seen.linked if seen else ():
                        paths = (f"{relative}/{name}" if relative else name for name in names)
                        self.sizes.update(zip(paths, sizes, strict=True))
                    scan_one(root, relative, pending, found, read_only=True)
                    continue
                self.linked += [(relative, *columns) for columns in seen.linked]
                for f in seen.entries:
                    if not stat.S_ISDIR(f.mode):
                        found.append(f)
                        continue
                    pending.append(f.path)
                    mode = stat.S_IFDIR | f.mode & 0o555 | 0o500
                    os.chmod(_full(root, f.path), mode & 0o7777)
                    found.append(f._replace(mode=mode))
        return found


def _full(root: str, relative: str) -> str:
    return f"{root}/{relative}" if relative else root

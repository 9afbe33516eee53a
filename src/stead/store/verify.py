"""Finding each changed byte of builds, and setting the damaged aside.

A build keeps the list of its files. Contents are checked against the sha256
that the packages' own records carry, and against the list for files without
one, the records among them; the list's own digest stands in the build's
metadata, which carries a digest of itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING, Literal

from stead.store import caches, listing
from stead.store.atomic import storage
from stead.store.builds import BAD, FILES, META, READ_ONLY, USE, encode_meta, lease
from stead.store.layout import METADATA, build_names
from stead.values.errors import StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stead.store.layout import Layout
    from stead.store.locking import Note
    from stead.values.context import Progress, Task

Kind = Literal["changed", "missing", "extra", "mode", "link", "type", "metadata", "unreadable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something of a build that is not as it was made. ``path`` is relative to the build."""

    build: str
    path: str
    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        text = (
            f"{self.build}/{self.path}: {self.kind}" if self.path else f"{self.build}: {self.kind}"
        )
        return f"{text} ({self.detail})" if self.detail else text


def verify(
    layout: Layout, builds: Iterable[Path] | None = None, progress: Progress | None = None
) -> tuple[Finding, ...]:
    """Compare builds with what was recorded when they were made; None means all of them.

    Every file's contents are read. ``progress`` is told of files. Raises
    StoreError when the store itself cannot be listed.
    """
    if builds is None:
        builds = [layout.store / name for name in build_names(layout)]
    known: dict[tuple[int, int], str] = {}
    findings: list[Finding] = []
    with contextlib.ExitStack() as stack:
        task = None
        if progress is not None:
            task = stack.enter_context(progress.task("Verifying builds", unit="files"))
        total = 0
        for build in builds:
            with contextlib.suppress(StoreError):  # what has no such file says so below
                lease(build, touch=False)
            if not os.path.lexists(build):
                continue  # collected since it was listed
            check = _Check(build, known, task)
            total += check.prepare()
            if task is not None:
                task.total(total)
            findings += check.run()
    return tuple(findings)


class _Check:
    """The comparison of one build. ``known`` are hashes of files seen in other builds."""

    def __init__(self, build: Path, known: dict[tuple[int, int], str], task: Task | None) -> None:
        self.build = build
        self.root = os.fspath(build)
        self.known = known
        self.task = task
        self.findings: list[Finding] = []
        self.recorded: dict[str, listing.Entry] = {}
        self.found: dict[str, listing.Found] = {}

    def prepare(self) -> int:
        """Read the lists; gives how many files are there."""
        try:
            self.recorded = self._list()
            self.found = {f.path: f for f in listing.scan(self.build)}
        except StoreError as exc:
            self._add("", "metadata", exc.message)
            self.recorded = {}
            self.found = {}
        return len(self.found)

    def run(self) -> list[Finding]:
        if not self.recorded and not self.found:
            return self.findings
        self._own_directory()
        for path in sorted(self.recorded.keys() - self.found.keys()):
            self._add(path, "missing")
        for path in sorted(self.found.keys() - self.recorded.keys()):
            self._add(path, "extra")
        both = sorted(self.recorded.keys() & self.found.keys())
        files = [path for path in both if self._compare(self.recorded[path], self.found[path])]
        self._contents(files)
        if self.task is not None:
            self.task.advance(len(self.found) - len(files))
        return self.findings

    def _add(self, path: str, kind: Kind, detail: str = "") -> None:
        self.findings.append(Finding(self.build.name, path, kind, detail))

    def _list(self) -> dict[str, listing.Entry]:
        inner = os.path.join(self.root, METADATA)
        try:
            with open(os.path.join(inner, META), "rb") as file:
                raw = file.read()
            with open(os.path.join(inner, FILES), "rb") as file:
                files = file.read()
            meta = json.loads(raw)
            wanted = meta["files_sha256"]
            whole = encode_meta(meta) == raw
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise StoreError("its metadata is missing or cannot be read") from exc
        if not whole:
            self._add(f"{METADATA}/{META}", "changed")
        if hashlib.sha256(files).hexdigest() != wanted:
            raise StoreError("the list of its files was changed")
        return listing.load(files, os.path.join(inner, FILES))

    def _own_directory(self) -> None:
        """Check what no list can hold: the top directory, and the one the list is in."""
        for path, names in (("", None), (METADATA, {META, FILES, USE})):
            full = os.path.join(self.root, path)
            mode = stat.S_IMODE(os.lstat(full).st_mode)
            if mode != READ_ONLY:
                self._add(path, "mode", f"{mode:o} instead of {READ_ONLY:o}")
            for name in sorted(set(os.listdir(full)) ^ names) if names else ():
                self._add(f"{path}/{name}", "missing" if name in (names or ()) else "extra")

    def _compare(self, old: listing.Entry, new: listing.Found) -> bool:
        """Compare all but contents; says whether these are still to be compared."""
        path, mode, size, _, detail = old
        if stat.S_IFMT(mode) != stat.S_IFMT(new.mode):
            self._add(path, "type")
            return False
        if stat.S_ISLNK(mode):
            if new.target != detail:
                self._add(path, "link", f"leads to {new.target} instead of {detail}")
            return False
        if mode != new.mode:
            self._add(path, "mode", f"{stat.S_IMODE(new.mode):o} instead of {stat.S_IMODE(mode):o}")
        if not stat.S_ISREG(mode):
            return False
        if size != new.size:
            self._add(path, "changed", f"{new.size} bytes instead of {size}")
            return False
        return True

    def _contents(self, paths: list[str]) -> None:
        from stead.store.hashing import hash_files

        expected = {path: self.recorded[path][4] for path in paths}
        vouched = listing.recorded(self.root, [p for p in paths if _is_record(p)])
        fresh = [path for path in paths if self.found[path].inode not in self.known]
        advance = self.task.advance if self.task is not None else None
        errors: dict[str, OSError] = {}
        hashes = hash_files(self.root, fresh, advance, errors)
        for path, sha in hashes.items():
            self.known[self.found[path].inode] = sha
        for path, error in errors.items():
            self._add(path, "unreadable", error.strerror or str(error))
        for path in paths:
            if path in errors:
                continue
            want = expected[path] or vouched.get(path)
            if not want:
                self._add(path, "changed", "its package's record does not name it any more")
            elif self.known[self.found[path].inode] != want:
                self._add(path, "changed")


def _is_record(path: str) -> bool:
    return path.startswith("conda-meta/") or path.endswith(".dist-info/RECORD")


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done about findings: builds set aside, cache entries dropped."""

    aside: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()


def repair(layout: Layout, findings: Iterable[Finding], note: Note = lambda _: None) -> Repair:
    """Set damaged builds aside, so that the next use makes them again.

    Files are hard links into the package caches: the entries that damaged files
    came from are dropped too, and other builds that share them are set aside as
    well. What was set aside stays until the next collection. Raises StoreError.
    """
    bad = list(findings)
    names = {finding.build for finding in bad}
    inodes = _damaged_inodes(layout, bad)
    if inodes:
        for name in build_names(layout):
            if name not in names and _shares(layout.store / name, inodes):
                names.add(name)
                note(f"{name} shares a damaged file")
    dropped = caches.drop_origins(layout, inodes, note)
    aside = []
    for name in sorted(names):
        target = f"{BAD}{name}-{os.urandom(3).hex()}"
        with storage(layout.store / name):
            try:
                os.rename(layout.store / name, layout.store / target)
            except FileNotFoundError:
                continue
        aside.append((name, target))
    return Repair(tuple(aside), tuple(os.path.relpath(d, layout.packages) for d in dropped))


def _damaged_inodes(layout: Layout, findings: list[Finding]) -> set[tuple[int, int]]:
    inodes = set()
    for finding in findings:
        if finding.kind in ("changed", "mode"):
            with contextlib.suppress(OSError):
                info = os.lstat(os.path.join(layout.store, finding.build, finding.path))
                if stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
                    inodes.add((info.st_dev, info.st_ino))
    return inodes


def _shares(build: Path, inodes: set[tuple[int, int]]) -> bool:
    return any(f.inode in inodes for f in listing.scan(build))

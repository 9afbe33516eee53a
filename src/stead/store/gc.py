"""Collection: removing what no root reaches, beside running builds.

A candidate is locked against new users first, then the roots are read again,
and only then does it leave its name, in one step. Whoever found it before has
kept it by a lease; whoever comes after does not find it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from stead.store import caches as package_caches
from stead.store import locking, products
from stead.store.atomic import remove_tree, storage
from stead.store.builds import BAD, REMOVED, TEMPORARY, USE, discard, sweep, tidy_locks
from stead.store.layout import METADATA, PLACE, build_names, key_of
from stead.store.roots import (
    GoneRecord,
    Roots,
    find_roots,
    forget_notices,
    last_asked,
    notice_gone,
    runtimes_in_use,
)
from stead.store.runtime import old_runtimes
from stead.values.errors import StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from stead.store.layout import Layout
    from stead.store.locking import Lock, Note

GRACE = 30 * 86400.0
"""Seconds for which the record of a place that is gone still counts."""

_AT_ONCE = 100
"""Candidates locked at a time: each is an open file."""


@dataclass(frozen=True, slots=True)
class Removed:
    """One thing that went.

    ``kind`` is ``build``, ``leftover`` (of an interrupted process), ``record`` (of
    a place that is gone), ``derived`` (from a build that is gone) or ``cache``.
    ``bytes`` counts files that no other hard link keeps.
    """

    kind: str
    name: str
    bytes: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A build that stays, and who needs it."""

    name: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    removed: tuple[Removed, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.removed)


def collect(
    layout: Layout,
    *,
    now: float,
    dry_run: bool = False,
    older_than: float = 0.0,
    grace: float = GRACE,
    keep: Collection[str] = (),
    caches: bool = False,
    history: bool = True,
    note: Note = lambda _: None,
) -> Report:
    """Remove what is not in use; gives what went (with ``dry_run``: would go) and what stays.

    Builds asked for within the last ``older_than`` seconds stay, and those whose
    key is in ``keep``. Without ``history``, generations that are not pinned
    keep nothing. ``caches`` also removes cached packages that no build
    shares. What cannot be removed is told through ``note``, and the rest goes.
    Raises StoreError when what is in use cannot be read; nothing is removed then.
    """
    roots = find_roots(layout, now=now, grace=grace, history=history)
    removed = list(_leftovers(layout, now, older_than, dry_run))
    if not dry_run:
        tidy_locks(layout)
    kept: list[Kept] = []
    candidates = []
    for name in build_names(layout):
        build = layout.store / name
        users = _reasons(build, roots, keep, now - older_than)
        if users:
            kept.append(Kept(name, users))
        else:
            candidates.append(build)
    for start in range(0, len(candidates), _AT_ONCE):
        batch = candidates[start : start + _AT_ONCE]
        gone, stay = _collect(
            layout, batch, now, grace, history=history, dry_run=dry_run, note=note
        )
        removed += gone
        kept += stay
    removed += _records(layout, roots.gone, now, grace, dry_run=dry_run)
    removed += _derived(layout, {r.name for r in removed if r.kind == "build"}, dry_run=dry_run)
    removed += _runtimes(layout, now, now - grace, dry_run=dry_run)
    removed += _tests(layout, now - grace, dry_run=dry_run)
    if caches:
        for path, size in package_caches.prune(layout, dry_run=dry_run, note=note):
            removed.append(Removed("cache", os.path.relpath(path, layout.packages), size))
    return Report(tuple(removed), tuple(sorted(kept, key=lambda k: k.name)))


def _reasons(build: Path, roots: Roots, keep: Collection[str], before: float) -> tuple[str, ...]:
    key = key_of(build.name)
    assert key is not None
    users = list(roots.of(key))
    if key in keep or build.name in keep:
        users.append("asked to be kept")
    if not users and before and last_asked(build) > before:
        users.append("asked for recently")
    return tuple(users)


def _collect(
    layout: Layout,
    batch: list[Path],
    now: float,
    grace: float,
    *,
    history: bool,
    dry_run: bool,
    note: Note,
) -> tuple[list[Removed], list[Kept]]:
    removed: list[Removed] = []
    kept: list[Kept] = []
    held: list[tuple[Path, Lock | None]] = []
    dead: list[Path] = []
    try:
        for build in batch:
            free, lock = _lock(build)
            if free:
                held.append((build, lock))
            elif os.path.lexists(build):
                kept.append(Kept(build.name, ("a running stead",)))
        # Whoever used one of these until a moment ago has recorded it by now.
        roots = find_roots(layout, now=now, grace=grace, history=history)
        for build, _ in held:
            users = roots.of(key_of(build.name) or "")
            if users:
                kept.append(Kept(build.name, users))
                continue
            size = exclusive_bytes(build)
            if not dry_run:
                try:
                    dead.append(discard(layout, build))
                except StoreError as exc:
                    note(f"{build.name} cannot be removed: {exc.message}")
                    continue
            removed.append(Removed("build", build.name, size, "nothing uses it"))
    finally:
        for _, lock in held:
            if lock is not None:
                lock.release()
    for path in dead:
        with _told(note):
            remove_tree(path)
    return removed, kept


def _lock(build: Path) -> tuple[bool, Lock | None]:
    """Shut new users out of a build. (False, None) while somebody uses it."""
    use = build / METADATA / USE
    if not os.path.exists(use):
        # Without it there can be no lease: this is no whole build.
        return True, None
    try:
        lock = locking.acquire(use, wait=False, create=False)
    except StoreError:
        return False, None
    return lock is not None, lock


def _leftovers(layout: Layout, now: float, older_than: float, dry_run: bool) -> Iterator[Removed]:
    """Take away what the dead have left, and builds that verification moved aside."""
    try:
        names = os.listdir(layout.store)
    except FileNotFoundError:
        return
    sizes = {
        name: exclusive_bytes(layout.store / name)
        for name in names
        if name.startswith((TEMPORARY, REMOVED))
    }
    for path in sweep(layout, dry_run=dry_run):
        yield Removed("leftover", path.name, sizes.get(path.name, 0), "its process has ended")
    for name in products.sweep(layout, dry_run=dry_run):
        yield Removed("leftover", f"scratch/{name}", 0, "its process has ended")
    for name in names:
        path = layout.store / name
        if name.startswith(BAD) and os.lstat(path).st_ctime <= now - older_than:
            size = exclusive_bytes(path)
            if not dry_run:
                remove_tree(path)
            yield Removed("leftover", name, size, "it was damaged and moved aside")


def _records(
    layout: Layout, gone: tuple[GoneRecord, ...], now: float, grace: float, *, dry_run: bool
) -> Iterator[Removed]:
    remaining = []
    for record in gone:
        if now - record.since < grace:
            remaining.append(record)
            if not dry_run:
                notice_gone(layout, record)
            continue
        if os.path.isdir(record.place):
            continue
        size = exclusive_bytes(Path(record.directory))
        if not dry_run:
            remove_tree(record.directory)
            _prune_parents(os.path.dirname(record.directory), os.fspath(layout.places / "at"))
        yield Removed("record", record.place, size, "its directory is gone")
    if not dry_run:
        forget_notices(layout, tuple(remaining))


def _prune_parents(path: str, top: str) -> None:
    while path.startswith(top + os.sep):
        try:
            os.rmdir(path)
        except OSError:
            return
        path = os.path.dirname(path)


def _derived(layout: Layout, going: set[str], *, dry_run: bool) -> Iterator[Removed]:
    """Take away what was computed from builds that are no more."""
    here = {name for name in build_names(layout) if name not in going}
    inner = os.fspath(layout.store).lstrip(os.sep).replace(":", "")
    for directory, ending in ((layout.activations, ".json"), (layout.pycache / inner, "")):
        try:
            names = os.listdir(directory)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            stem = name.removesuffix(ending)
            if key_of(stem) is None or stem in here:
                continue
            path = directory / name
            size = exclusive_bytes(path)
            if not dry_run:
                remove_tree(path)
            yield Removed("derived", os.path.relpath(path, layout.home), size, "its build is gone")


def _tests(layout: Layout, before: float, *, dry_run: bool) -> Iterator[Removed]:
    """Take away environments and logs of tests whose project is gone, and was not tested lately."""
    try:
        names = sorted(os.listdir(layout.tests))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = layout.tests / name
        note = path / PLACE
        try:
            if note.stat().st_mtime > before or os.path.isdir(note.read_text("utf-8")):
                continue
        except (OSError, ValueError):
            continue
        size = exclusive_bytes(path)
        if not dry_run:
            remove_tree(path)
        yield Removed("derived", os.path.relpath(path, layout.home), size, "its project is gone")


def _runtimes(layout: Layout, now: float, before: float, *, dry_run: bool) -> Iterator[Removed]:
    """Take away what earlier versions of Stead gave to projects' own code."""
    found = old_runtimes(layout, before)
    used = runtimes_in_use(layout, now=now) if found else set()
    for path in found:
        if path.name in used:
            continue
        size = exclusive_bytes(path)
        if not dry_run:
            remove_tree(path)
        yield Removed("derived", os.path.relpath(path, layout.home), size, "no place asks for it")


def exclusive_bytes(path: Path) -> int:
    """Count the bytes that go when a tree goes: files all of whose hard links are in it."""
    links: dict[tuple[int, int], list[int]] = {}
    with storage(path), contextlib.suppress(FileNotFoundError):
        for info in _stats(os.fspath(path)):
            seen = links.setdefault((info.st_dev, info.st_ino), [info.st_nlink, 0, info.st_size])
            seen[1] += 1
    return sum(size for count, found, size in links.values() if found >= count)


def _stats(path: str) -> Iterator[os.stat_result]:
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        yield info
        return
    pending = [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode):
                        pending.append(entry.path)
                    else:
                        yield found
        except FileNotFoundError:
            continue


@contextlib.contextmanager
def _told(note: Note) -> Iterator[None]:
    try:
        yield
    except StoreError as exc:
        note(f"{exc.where} cannot be removed yet: {exc.message}")

"""Builds: made once under a temporary name, whole or invisible, then never changed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time

from stead.store import locking
from stead.store.atomic import remove_tree, stage, storage, sync_directory, translate
from stead.store.layout import METADATA, Layout, build_names, key_of
from stead.values.errors import StoreError
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from stead.store.locking import Lock, Note
    from stead.store.survey import Survey

META = "build.json"
FILES = "files.json.z"
TEMPORARY = ".tmp-"
READ_ONLY = 0o555

_BUILD_LOCK = ".build"

REMOVED = ".removed-"
"""A tree with this name is dead: whoever sees it may remove it."""

BAD = ".bad-"
"""A build that verification found damaged and moved aside."""

USE = "use"
"""Users of a build share a lock on this file of it, a collection needs it alone; its
time says when the build was last asked for. It goes when the build goes, and locking
it takes no space on a full disk."""

_leases: dict[tuple[int, int], Lock] = {}
"""Builds that this process uses, kept from collection until it ends: from finding a
build to recording its use is a while in which nothing on disk names it."""


class Builds:
    """The builds of one home."""

    def __init__(self, layout: Layout, *, now: Callable[[], float] = time.time) -> None:
        self.layout = layout
        self._now = now

    def find(self, key: str, name: str, *, touch: bool = True) -> Path | None:
        """Give the whole build with this key, under whatever name it was made; else None.

        What is found stays as long as this process lives, whatever a collection
        does. ``touch`` notes that it was asked for now. Looks at a few files only, however many builds there are, when the
        build bears ``name``; else the store is listed once.
        """
        path = self._whole(key, name)
        if path is None:
            return None
        with contextlib.suppress(StoreError):  # a store one may only read collects nothing
            lease(path, touch=touch)
        return path if _is_here(path) else self._whole(key, name)

    def realise(
        self,
        key: str,
        name: str,
        make: Callable[[Path, Path], Mapping[str, object]],
        note: Note,
        survey: Survey | None = None,
    ) -> Path:
        """Give the build with this key; make it if it is not there.

        ``make(temporary, final)`` fills ``temporary``, an empty directory in the
        store, with files as they must stand at ``final``, and gives JSON values to
        keep with the build. One process makes; others wait for it, told what for
        through ``note``, and then use the result. What ``make`` saw of the files may stand
        in ``survey``, which spares looking at them again. Whatever ``make`` raises leaves,
        and nothing else stays. Raises StoreError for a full disk and the like.
        """
        found = self.find(key, name)
        if found is not None:
            return found
        final = self.layout.build_directory(key, name)
        doing = f"making the build {final.name}"
        with (
            locking.exclusive(
                build_lock(self.layout, key), note=note, description=doing, remove=True
            ),
            locking.shared(caches_lock(self.layout), note=note, description=doing),
        ):
            found = self.find(key, name)
            if found is not None:
                return found
            sweep(self.layout, held=key)
            stray = self._stray(key, name)
            if stray is not None and stray[1]:
                from stead.store.writable import moved_in

                note(f"the build {stray[0].name} was made at {stray[1]}; moving it here")
                return self._make(key, final, moved_in(stray[0], stray[1]), stray[0])
            return self._make(key, final, make, stray[0] if stray else None, survey)

    def adopt(self, source: Path, note: Note) -> Path:
        """Take in a build that was made in another store: copied, and relocated.

        ``source`` is a build's directory, which stays as it is.
        """
        key = key_of(source.name)
        made_at = recorded_path(source)
        if key is None or not made_at:
            raise StoreError("this is no build", where=os.fspath(source))
        from stead.store.writable import moved_in

        return self.realise(key, source.name[len(key) + 1 :], moved_in(source, made_at), note)

    def meta(self, build: Path) -> dict[str, Any]:
        """Give what is known of a build: what its maker said, ``key``, ``created``, ``by`` …

        Raises StoreError when that is missing or damaged.
        """
        where = build / METADATA / META
        try:
            value = json.loads(where.read_bytes())
        except (OSError, ValueError) as exc:
            raise StoreError(
                "this build cannot be read",
                where=os.fspath(where),
                remedy="`stead store verify --repair` has it made again",
            ) from exc
        return value if isinstance(value, dict) else {}

    def all(self) -> list[Path]:
        """List the whole builds, by name."""
        paths = (self.layout.store / name for name in build_names(self.layout))
        return [path for path in paths if _is_here(path)]

    def _whole(self, key: str, name: str) -> Path | None:
        exact = self.layout.build_directory(key, name)
        if _is_here(exact):
            return exact
        return next((path for path in self._named(key) if _is_here(path)), None)

    def _named(self, key: str) -> list[Path]:
        start = key + "-"
        try:
            names = [n for n in os.listdir(self.layout.store) if n.startswith(start)]
        except FileNotFoundError:
            return []
        return [self.layout.store / name for name in sorted(names)]

    def _stray(self, key: str, name: str) -> tuple[Path, str] | None:
        """Give what stands under the key but is no build here, and where it was made."""
        for path in self._named(key):
            made_at = recorded_path(path)
            if made_at:
                return path, made_at
        final = self.layout.build_directory(key, name)
        return (final, "") if os.path.lexists(final) else None

    def _make(
        self,
        key: str,
        final: Path,
        make: Callable[[Path, Path], Mapping[str, object]],
        replaces: Path | None,
        survey: Survey | None = None,
    ) -> Path:
        temporary = self.layout.store / f"{TEMPORARY}{key}-{os.urandom(4).hex()}"
        with storage(self.layout.store):
            os.makedirs(temporary)
        try:
            try:
                meta = make(temporary, final)
                with storage(final):
                    self._finish(temporary, key, final, meta, survey)
                    # Before the name appears: a collection must not be faster.
                    lease(temporary)
                    if replaces is not None:
                        discard(self.layout, replaces)
                    os.rename(temporary, final)
                    sync_directory(self.layout.store)
            except OSError as exc:
                if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
                    raise translate(exc, final) from exc
                raise
        except BaseException:
            with contextlib.suppress(StoreError):
                remove_tree(temporary)
            raise
        if replaces is not None:
            sweep(self.layout, held=key)
        return final

    def _finish(
        self,
        tree: Path,
        key: str,
        final: Path,
        meta: Mapping[str, object],
        survey: Survey | None,
    ) -> None:
        from stead.store import listing

        files = listing.dump(listing.seal(tree, survey))
        about = {
            **meta,
            "key": key,
            "path": os.fspath(final),
            "created": self._now(),
            "by": _who(),
            "format": listing.VERSION,
            "files_sha256": sha256(files).hexdigest(),
        }
        inner = os.path.join(tree, METADATA)
        os.makedirs(inner, exist_ok=True)
        for name, data in ((FILES, files), (META, encode_meta(about))):
            target = os.path.join(inner, name)
            os.replace(stage(target, data, 0o444), target)
        use = os.path.join(inner, USE)
        os.replace(stage(use, b"", 0o644, sync=False), use)
        os.chmod(inner, READ_ONLY)
        os.chmod(tree, READ_ONLY)
        # No directory is brought to the disk here, as no package's file is: a build that a
        # loss of power took names from is no whole one, or verification finds what is gone.


def encode_meta(meta: Mapping[str, object]) -> bytes:
    """Give a build's metadata as text that carries the digest of the rest."""
    rest = {k: v for k, v in meta.items() if k != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return json.dumps(
        {**rest, "digest": sha256(text.encode()).hexdigest()}, sort_keys=True, indent=1
    ).encode()


def build_lock(layout: Layout, key: str) -> Path:
    """The lock of whoever makes the build with this key."""
    return layout.locks / f"{key}{_BUILD_LOCK}"


def caches_lock(layout: Layout) -> Path:
    """The lock that everything reading or filling package caches shares."""
    return layout.locks / "caches"


def lease(build: Path, *, touch: bool = True) -> None:
    """Keep a build from being collected until this process ends. Raises StoreError.

    ``touch`` notes that it was asked for now.
    """
    path = os.path.join(build, METADATA, USE)
    with storage(path):
        info = os.stat(path)
        if touch:
            with contextlib.suppress(OSError):
                os.utime(path)
    if (info.st_dev, info.st_ino) in _leases:
        return
    held = locking.acquire(path, shared=True, create=False)
    assert held is not None
    info = os.fstat(held.fd)
    _leases[info.st_dev, info.st_ino] = held


def release_leases() -> None:
    """Let go of all builds that this process keeps; for long-lived processes and tests."""
    while _leases:
        _leases.popitem()[1].release()


def discard(layout: Layout, path: Path) -> Path:
    """Take a directory of the store out of sight, in one step; gives where it went."""
    aside = layout.store / f"{REMOVED}{os.urandom(8).hex()}"
    with storage(path), contextlib.suppress(FileNotFoundError):
        os.rename(path, aside)
    return aside


def sweep(layout: Layout, *, held: str = "", dry_run: bool = False) -> list[Path]:
    """Remove what dead builders and interrupted removals left; gives what went.

    A temporary tree is dead when nobody holds its key's lock; ``held`` is the
    key that the caller holds itself. What cannot be removed is left for later.
    """
    try:
        names = [n for n in os.listdir(layout.store) if n.startswith((TEMPORARY, REMOVED))]
    except FileNotFoundError:
        return []
    gone = []
    for name in sorted(names):
        lock = None
        key = name[len(TEMPORARY) :].rpartition("-")[0] if name.startswith(TEMPORARY) else ""
        if key and key != held:
            lock = locking.try_exclusive(build_lock(layout, key), description="tidying up")
            if lock is None:
                continue
        try:
            if not dry_run:
                with contextlib.suppress(StoreError):
                    remove_tree(layout.store / name)
            gone.append(layout.store / name)
        finally:
            if lock is not None:
                lock.release(remove=True)
    return gone


def tidy_locks(layout: Layout) -> None:
    """Remove the locks' files that killed builders left."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(layout.locks):
            if name.endswith(_BUILD_LOCK):
                with contextlib.suppress(StoreError):
                    path = layout.locks / name
                    lock = locking.acquire(path, wait=False, create=False)
                    if lock is not None:
                        lock.release(remove=True)


def recorded_path(build: Path | str) -> str:
    """Give where a build says it was made for; empty when this is no whole build."""
    try:
        with open(os.path.join(build, METADATA, META), "rb") as file:
            value = json.loads(file.read())["path"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return value if isinstance(value, str) else ""


def _is_here(build: Path) -> bool:
    """Say whether a whole build stands here that was made for here."""
    made_at = recorded_path(build)
    if not made_at:
        return False
    if made_at == os.fspath(build):
        return True
    # The same store may be reached by two names.
    try:
        return os.path.samefile(made_at, build)
    except OSError:
        return False


def _who() -> str:
    if sys.platform == "win32":
        import getpass

        return getpass.getuser()
    import pwd

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"

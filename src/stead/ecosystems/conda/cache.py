"""The package cache: what lies where, and who may replace it.

Layout and lock files are rattler's (``NAME-VERSION-BUILD/`` and, beside it,
``….lock`` with a revision and the archive's sha256), so that rattler's
installer takes what is put here.
"""

from __future__ import annotations

import contextlib
import os
import struct
from typing import TYPE_CHECKING

from stead.ecosystems.conda.engine import cache_directory
from stead.ecosystems.conda.records import stem
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.values.context import Context


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of the cache."""

    packages: str
    incoming: str

    @classmethod
    def of(cls, cache: str) -> Places:
        return cls(os.path.join(cache, "pkgs"), os.path.join(cache, "incoming"))

    def package(self, file_name: str) -> str:
        return os.path.join(self.packages, stem(file_name))


def is_cached(directory: str, sha256: bytes | None, md5: bytes | None = None) -> bool:
    """Say whether the package's directory in the cache is there, and of this very archive.

    A lock of another tool may know only the archive's md5.
    """
    if not os.path.isfile(os.path.join(directory, "info", "index.json")):
        return False
    if sha256 is not None:
        return _read(directory + ".lock")[8:] == sha256
    return md5 is None or _read(directory + ".md5") == md5


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(64)
    except OSError:
        return b""


def record_hashes(directory: str, sha256: bytes, md5: bytes) -> None:
    """Write down which archive a cached package came from: the sha256 as rattler does."""
    for ending, content in ((".md5", md5), (".lock", struct.pack(">Q", 1) + sha256)):
        temporary = f"{directory}{ending}.{os.getpid()}"
        with open(temporary, "wb") as stream:
            stream.write(content)
        os.replace(temporary, directory + ending)


@contextlib.contextmanager
def in_use(context: Context) -> Iterator[None]:
    """Keep other processes from replacing entries while they are linked.

    Adding an entry needs no lock: it appears whole. Only putting another
    archive's content in place of one with the same name does.
    """
    with held(Places.of(cache_directory(context)).packages, exclusive=False):
        yield


@contextlib.contextmanager
def held(path: str, *, exclusive: bool, wait: bool = True) -> Iterator[bool]:
    """Hold a lock on a file or directory between processes; gives False when not waiting for it."""
    try:
        import fcntl
    except ImportError:  # Windows refuses to replace what is open, which serves as the lock
        yield True
        return
    flags = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def sweep(incoming: str) -> None:
    """Remove what processes that are gone have left, but not what can be resumed."""
    import shutil

    for name in os.listdir(incoming):
        owner, dash, _ = name.partition("-")
        if not dash or not owner.isdigit() or _alive(int(owner)):
            continue
        path = os.path.join(incoming, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            unlink(path)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def unlink(path: str) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)

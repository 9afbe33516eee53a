"""Directories for what must not stay: plain secrets while an editor or a process has them.

They lie in the user's runtime directory, which is in memory on most systems and
ends with the session, else below the home of Stead. What a killed process left
behind is removed by the next one.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from stead.store.atomic import remove_tree, storage
from stead.store.locking import is_alive
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def private_root(home: str | os.PathLike[str], environ: Mapping[str, str]) -> str:
    """Give the directory that private ones lie in, made if need be; for this user alone.

    Raises StoreError where it belongs to somebody else or is no directory.
    """
    given = environ.get("XDG_RUNTIME_DIR", "")
    root = (
        os.path.join(given, "stead")
        if _is_private(given)
        else os.path.join(os.fspath(home), "private")
    )
    with storage(root):
        if root.startswith(os.fspath(home)):
            os.makedirs(home, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(root, 0o700)
        if hasattr(os, "getuid") and not _is_private(root):
            if os.path.islink(root) or os.lstat(root).st_uid != os.getuid():
                raise StoreError(
                    "this directory is not one of yours alone",
                    where=root,
                    remedy="remove it, and look who made it",
                )
            os.chmod(root, 0o700)
    return root


@contextlib.contextmanager
def private_directory(
    home: str | os.PathLike[str], environ: Mapping[str, str], purpose: str
) -> Iterator[str]:
    """Give a new directory that only this user can enter; wiped and removed at the end.

    ``purpose`` is a word for its name. Raises StoreError.
    """
    root = private_root(home, environ)
    sweep(root)
    path = os.path.join(root, f"{purpose}-{os.getpid()}-{os.urandom(6).hex()}")
    with storage(path):
        os.mkdir(path, 0o700)
    try:
        yield path
    finally:
        wipe(path)


def sweep(root: str) -> None:
    """Remove what processes that are gone left in a root."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(root):
            parts = name.rsplit("-", 2)
            if len(parts) == 3 and parts[1].isdigit() and not is_alive(int(parts[1])):
                wipe(os.path.join(root, name))


def wipe(path: str) -> None:
    """Write zeros over every file of a tree and remove it. Raises StoreError.

    Over the file, that is: what a file system with copies or a flash disk keeps of
    the former content is out of reach. Links are removed, not followed.
    """
    with storage(path):
        for parent, _, files in os.walk(path):
            for name in files:
                _zero(os.path.join(parent, name))
        remove_tree(path)


def _zero(path: str) -> None:
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        return
    flags = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with contextlib.suppress(OSError):
        fd = os.open(path, flags)
        try:
            left = found.st_size
            while left > 0:
                left -= os.write(fd, bytes(min(left, 1 << 16)))
            os.fsync(fd)
        finally:
            os.close(fd)


def _is_private(path: str) -> bool:
    """Say whether a path is a directory, no link, of this user and closed to all others."""
    if not os.path.isabs(path):
        return False
    try:
        found = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    if not hasattr(os, "getuid"):
        return True
    return found.st_uid == os.getuid() and not found.st_mode & 0o077

"""Writing whole or not at all, and the errors that a file system has in store."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
import sys

from stead.values.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeVar

    T = TypeVar("T")

FD_PATHS = os.stat in os.supports_dir_fd and os.scandir in os.supports_fd
"""Whether names can be resolved relative to an open directory: faster, and of any length."""

_TEMPORARY = ".stead-tmp"

_REMEDIES = {
    errno.ENOSPC: ("the disk is full", "free some space (`stead gc` removes unused builds)"),
    errno.EDQUOT: (
        "the disk quota is used up",
        "free some space (`stead gc` removes unused builds)",
    ),
    errno.EACCES: ("permission denied", "make it writable for your user, or set STEAD_HOME"),
    errno.EPERM: ("operation not permitted", "make it writable for your user, or set STEAD_HOME"),
    errno.EROFS: (
        "the file system is read-only",
        "mount it writable, or set STEAD_HOME to another place",
    ),
    errno.EMFILE: ("too many open files", "raise the limit (`ulimit -n`)"),
    errno.ENAMETOOLONG: ("the path is too long", "set STEAD_HOME to a shorter path"),
    errno.EIO: ("the disk reports an error", "check the disk, then run `stead store verify`"),
}


_OF_TARGET = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def translate(error: OSError, path: str | os.PathLike[str]) -> StoreError:
    """Give the StoreError that says what this error means, and what to do about it."""
    what, remedy = _REMEDIES.get(
        error.errno or 0, ((error.strerror or str(error)).lower(), "check the path and try again")
    )
    # Of two files, a copy names first the one that it reads.
    named = error.filename2 if error.errno in _OF_TARGET else None
    named = named or error.filename
    named = named if isinstance(named, str) else ""
    if not os.path.isabs(named) or named.endswith(_TEMPORARY):
        named = os.fspath(path)
    return StoreError(what, where=os.fspath(named), remedy=remedy)


@contextlib.contextmanager
def storage(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn each OSError of the block into a StoreError about ``path``."""
    try:
        yield
    except OSError as exc:
        raise translate(exc, path) from exc


def free(path: str | os.PathLike[str]) -> int:
    """Give the bytes that may still be written where ``path`` is; many where nobody knows."""
    try:
        found = os.statvfs(path)
    except (OSError, AttributeError):
        return 1 << 60
    return found.f_bavail * found.f_frsize


def sync_directory(path: str | os.PathLike[str]) -> None:
    """Bring the names in a directory to the disk, where the system lets one ask for that."""
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_file(
    path: str | os.PathLike[str], data: bytes, mode: int = 0o644, *, sync: bool = True
) -> None:
    """Replace a file's contents so that every reader, and a crash, sees old or new.

    Missing parents are made. ``mode`` is exact, whatever the umask. A symbolic
    link is replaced, not followed. Without ``sync`` a loss of power may take the
    contents. Raises StoreError; then nothing has changed.
    """
    path = os.fspath(path)
    parent = os.path.dirname(path) or "."
    with storage(path):
        try:
            temporary = stage(path, data, mode, sync=sync)
        except FileNotFoundError:
            os.makedirs(parent, exist_ok=True)
            temporary = stage(path, data, mode, sync=sync)
        try:
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        if sync:
            sync_directory(parent)


def temporary_name(path: str | os.PathLike[str]) -> str:
    """Give a fresh name beside ``path`` that no listing of manifests takes for one."""
    parent, name = os.path.split(os.fspath(path))
    return os.path.join(parent, f".{name[:40]}.{os.urandom(6).hex()}{_TEMPORARY}")


def stage(
    path: str | os.PathLike[str],
    data: bytes,
    mode: int = 0o644,
    *,
    name: str | None = None,
    sync: bool = True,
) -> str:
    """Write ``data`` to disk beside ``path`` and give the temporary name.

    Without ``sync`` a loss of power may take the contents. Raises OSError, and leaves nothing then.
    """
    temporary = name or temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    fd = os.open(temporary, flags, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return temporary


_SIDE_BY_SIDE = 8
"""Threads that wait for the disk together: it brings what several ask for there in one go."""


def side_by_side(work: Callable[[T], object], items: Sequence[T]) -> None:
    """Do something for each item that mostly waits for the disk, in any order.

    After a failure no further item is begun; what was begun has ended when the first error is
    raised. A few items are done one after the other.
    """
    if len(items) <= _SIDE_BY_SIDE // 2:
        for item in items:
            work(item)
        return
    import threading

    waiting, one_at_a_time = iter(items), threading.Lock()
    failed: list[BaseException] = []

    def some() -> None:
        while not failed:
            with one_at_a_time:
                mine = list(itertools.islice(waiting, 1))
            if not mine:
                return
            try:
                work(mine[0])
            except BaseException as exc:  # noqa: BLE001 (raised below, in the thread that asked)
                failed.append(exc)

    threads = [threading.Thread(target=some) for _ in range(_SIDE_BY_SIDE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            try:
                thread.join()
            except BaseException as exc:  # noqa: BLE001 (an interrupt: nothing may go on behind it)
                failed.append(exc)
    if failed:
        raise failed[0]


def inside(root: str | os.PathLike[str], path: str) -> Path:
    """Give ``root/path`` if that lies inside ``root``; the guard of every extractor.

    ``path`` comes from an archive or a record and uses ``/`` (a backslash counts
    as one too). It is refused with StoreError when it is absolute, has a drive,
    a ``..`` or a NUL in it, names the root itself, or passes a symbolic link
    that leads out of the root: an earlier entry may have planted that.
    """
    base = os.fspath(root)
    name = path.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    drive = len(name) > 1 and name[1] == ":"
    if not parts or ".." in parts or "\0" in name or name.startswith("/") or drive:
        raise StoreError(f"the name {path!r} leads out of its directory", where=base)
    full = os.path.join(base, *parts)
    real = os.path.realpath(base)
    parent = os.path.realpath(os.path.dirname(full))
    if parent != real and not parent.startswith(real.rstrip(os.sep) + os.sep):
        raise StoreError(f"{path!r} passes a link that leads out of its directory", where=base)
    from pathlib import Path

    return Path(full)


def make_read_only(tree: str | os.PathLike[str]) -> None:
    """Take every right to write from the files and directories of a tree. Raises StoreError."""
    from stead.store.listing import scan

    scan(tree, read_only=True)


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Remove a file or a tree, however deep, read-only or half gone already.

    Files are unlinked without touching their mode: they may be hard links of
    others. Raises StoreError naming what could not be removed.
    """
    path = os.fspath(path)
    with storage(path):
        try:
            kind = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(kind):
            os.unlink(path)
        elif FD_PATHS:
            _remove_deep(path)
        else:
            _remove_plain(path)


_DEEPEST = 100
"""Directories held open at once; what is deeper is first moved up."""


def _remove_deep(path: str) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    _allow(path, None)
    stack: list[tuple[int, str, list[str]]] = []
    try:
        top = os.open(path, flags)
        stack.append((top, "", []))
        _empty(*stack[-1])
        while stack:
            fd, name, children = stack[-1]
            if not children:
                stack.pop()
                os.close(fd)
                if stack:
                    with contextlib.suppress(FileNotFoundError):
                        os.rmdir(name, dir_fd=stack[-1][0])
                continue
            child = children.pop()
            with contextlib.suppress(FileNotFoundError):
                _allow(child, fd)
                if len(stack) > _DEEPEST:
                    aside = f".stead-deep-{os.urandom(6).hex()}"
                    os.rename(child, aside, src_dir_fd=fd, dst_dir_fd=top)
                    stack[0][2].append(aside)
                    continue
                stack.append((os.open(child, flags, dir_fd=fd), child, []))
                _empty(*stack[-1])
    finally:
        for fd, _, _ in stack:
            os.close(fd)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path)


def _empty(fd: int, _name: str, children: list[str]) -> None:
    """Unlink the files of an open directory and list its directories."""
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                children.append(entry.name)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.name, dir_fd=fd)


def _allow(path: str, dir_fd: int | None) -> None:
    """Let the owner list and change a directory."""
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode
        if mode & 0o700 != 0o700:
            with contextlib.suppress(PermissionError):
                os.chmod(path, stat.S_IMODE(mode) | 0o700, dir_fd=dir_fd)


def _remove_plain(path: str) -> None:
    with os.scandir(path) as entries:
        children = list(entries)
    for entry in children:
        if entry.is_dir(follow_symlinks=False):
            _remove_plain(entry.path)
        else:
            try:
                os.unlink(entry.path)
            except PermissionError:
                os.chmod(entry.path, stat.S_IWRITE)
                os.unlink(entry.path)
    os.rmdir(path)

"""Copying a tree so that nothing written to the copy reaches the original."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FICLONE = 0x40049409
_NO_CLONE = {
    errno.EOPNOTSUPP,
    errno.ENOTTY,
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
}


def copy_tree(source: str, destination: str, *, skip: frozenset[str] = frozenset()) -> None:
    """Copy ``source`` to ``destination``, an empty directory, as the owner's to write.

    Contents are shared with the original where the file system clones files,
    else copied; never hard-linked. Times are kept. ``skip`` are names of the top
    directory to leave out. Raises OSError.
    """
    from concurrent.futures import ThreadPoolExecutor

    copy = _copier()
    directories: list[tuple[str, os.stat_result]] = []
    pending = [""]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        jobs = []
        while pending:
            relative = pending.pop()
            here = os.path.join(source, relative) if relative else source
            there = os.path.join(destination, relative) if relative else destination
            with os.scandir(here) as entries:
                for entry in entries:
                    if not relative and entry.name in skip:
                        continue
                    info = entry.stat(follow_symlinks=False)
                    target = os.path.join(there, entry.name)
                    if stat.S_ISDIR(info.st_mode):
                        os.mkdir(target, 0o700)
                        directories.append((target, info))
                        pending.append(os.path.join(relative, entry.name))
                    elif stat.S_ISLNK(info.st_mode):
                        os.symlink(os.readlink(entry.path), target)
                    elif stat.S_ISREG(info.st_mode):
                        jobs.append(pool.submit(_copy_one, copy, entry.path, target, info))
        for job in jobs:
            job.result()
    for target, info in reversed(directories):
        os.chmod(target, stat.S_IMODE(info.st_mode) | stat.S_IRWXU)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))


def _copy_one(
    copy: Callable[[str, str], None], source: str, target: str, info: os.stat_result
) -> None:
    copy(source, target)
    os.chmod(target, stat.S_IMODE(info.st_mode) | stat.S_IRUSR | stat.S_IWUSR)
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))


def _copier() -> Callable[[str, str], None]:
    """Give a function that clones until the first refusal and copies from then on."""
    if sys.platform != "linux":
        return _copy_plain
    import fcntl

    clones = True

    def copy(source: str, target: str) -> None:
        nonlocal clones
        if clones:
            try:
                with open(source, "rb") as old, open(target, "xb") as new:
                    fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
                return
            except OSError as exc:
                if exc.errno not in _NO_CLONE:
                    raise
                clones = False
                os.unlink(target)
        _copy_plain(source, target)

    return copy


def _copy_plain(source: str, target: str) -> None:
    shutil.copyfile(source, target)

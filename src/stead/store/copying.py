"""Copying a tree so that nothing written to the copy reaches the original."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys

_FICLONE = 0x40049409
_NO_CLONE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS}


def copy_tree(source: str, destination: str, *, skip: frozenset[str] = frozenset()) -> None:
    """Copy ``source`` to ``destination``, an empty directory, as the owner's to write.

    Contents are shared with the original where the file system clones files,
    else copied; never hard-linked. Times are kept. ``skip`` are names of the top
    directory to leave out. Raises OSError.
    """
    copier = Copier()
    directories: list[tuple[str, os.stat_result]] = []
    pending = [""]
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
                    copier.copy(entry.path, target, info)
    for target, info in reversed(directories):
        os.chmod(target, stat.S_IMODE(info.st_mode) | stat.S_IRWXU)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))


class Copier:
    """Copies single files; asks for clones until the first refusal."""

    def __init__(self) -> None:
        self._clones = sys.platform == "linux"

    def copy(self, source: str, target: str, info: os.stat_result) -> None:
        with open(source, "rb", buffering=0) as old, open(target, "xb", buffering=0) as new:
            if not self._clone(new.fileno(), old.fileno()):
                if info.st_size <= _SMALL:
                    data = memoryview(old.read())
                    while data:
                        data = data[new.write(data) :]
                else:
                    shutil.copyfileobj(old, new, _SMALL)
        os.chmod(target, stat.S_IMODE(info.st_mode) | stat.S_IRUSR | stat.S_IWUSR)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))

    def _clone(self, new: int, old: int) -> bool:
        if not self._clones or sys.platform != "linux":
            return False
        import fcntl

        try:
            fcntl.ioctl(new, _FICLONE, old)
        except OSError as exc:
            if exc.errno not in _NO_CLONE:
                raise
            self._clones = False
            return False
        return True


_SMALL = 1024 * 1024

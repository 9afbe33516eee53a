"""A module's files as they are in the working tree."""

from __future__ import annotations

import os
import stat

from stead.modules.merging import Side
from stead.store.atomic import storage

_NO_MODES = os.name == "nt"


class Tree:
    """Reads the files below a module's directory. Paths are relative to it, with slashes.

    Links are never followed below the directory: what stands behind one is not the module's.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._directories: dict[str, bool] = {"": True}

    def at(self, path: str) -> str:
        """Give the path in the file system."""
        return os.path.join(self.directory, *path.split("/"))

    def side(self, path: str) -> Side | None:
        """Give a file as it is; None for none. Raises StoreError where it cannot be read."""
        blocked = self.blocked(path)
        file = self.at(path)
        if blocked:
            return Side(b"", None, plain=False) if os.path.lexists(file) else None
        with storage(file):
            try:
                status = os.lstat(file)
            except (FileNotFoundError, NotADirectoryError):
                return None
            if not stat.S_ISREG(status.st_mode):
                return Side(b"", None, plain=False)
            with open(file, "rb") as stream:
                content = stream.read()
        return Side(content, None if _NO_MODES else bool(status.st_mode & stat.S_IXUSR))

    def blocked(self, path: str) -> str:
        """Give what stands where a directory above a path would be: a file or a link. Else empty."""
        parts = path.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            if above not in self._directories:
                self._directories[above] = self._is_directory(above)
            if not self._directories[above]:
                return above
        return ""

    def mode(self, path: str, *, executable: bool) -> int:
        """Give the mode that a file is to have, for whoever may read it now."""
        with storage(self.at(path)):
            mode = stat.S_IMODE(os.lstat(self.at(path)).st_mode)
        return mode | (mode & 0o444) >> 2 if executable else mode & ~0o111

    def free(self, path: str, taken: set[str]) -> str:
        """Choose a name beside a path that nothing has: ``PATH.upstream``, or one with a number."""
        above = self.blocked(path)
        first, rest = (above, path[len(above) :]) if above else (path, "")
        number = 1
        while True:
            beside = f"{first}.upstream{number if number > 1 else ''}{rest}"
            free = not os.path.lexists(self.at(beside)) and not self.blocked(beside)
            if free and beside not in taken:
                return beside
            number += 1

    def _is_directory(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(self.at(path)).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return True  # it can be made

"""Files that may be specifications: what a look at a directory finds, and how each is called."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import posixpath
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stead.server.sources.declared import PATTERNS
from stead.server.specs.checks import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PLAIN = frozenset({"environment", "env", "conda-lock", "stead", "spec", "specification"})
"""What files are called whose directory has the better name."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a source: its path within it, and its text or why it has none.

    ``name`` is what an environment is called whose specification does not say it.
    """

    path: str
    name: str
    text: str = ""
    digest: str = ""
    reason: str = ""


def found_of(path: str, content: bytes, top: str) -> Found:
    """Make a file's content a value; ``top`` is the name of the directory that paths start from."""
    name = name_for(path, top)
    if len(content) > MOST_BYTES:
        return too_large(path, top)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return Found(path, name, reason="the file is not UTF-8")
    if not text.strip():
        return Found(path, name, reason="the file is empty")
    return Found(path, name, text, hashlib.sha256(content).hexdigest())


def too_large(path: str, top: str) -> Found:
    """Tell of a file that is not read."""
    reason = f"the file is larger than {MOST_BYTES // 1024 // 1024} MiB"
    return Found(path, name_for(path, top), reason=reason)


def readable(path: str) -> str:
    r"""Give a path as it can be kept and told: what is no text, or would break a line, is escaped.

    >>> print(readable("caf\u00e9/\udcff\n.yml"))
    café/\xff\x0a.yml
    """
    if path.isprintable():
        return path
    return "".join(c if c.isprintable() else _escaped(c) for c in path)


def _escaped(character: str) -> str:
    code = ord(character)
    # Bytes of a name that is not UTF-8 stand in it as half a pair.
    code = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def name_for(path: str, top: str) -> str:
    """Give the name of an environment after its file, or after the directory of a plain name.

    >>> name_for("web/environment.yml", "envs"), name_for("jobs/night.yml", "envs")
    ('web', 'night')
    """
    directory, file = posixpath.split(path)
    stem = file.partition(".")[0]
    if stem in _PLAIN:
        return posixpath.basename(directory) or top or stem
    return stem


def matches(path: str, pattern: str = "") -> bool:
    """Say whether a path fits a pattern, in which ``*`` stands for any text.

    One without ``/`` is for the file's name. What is hidden never fits.
    """
    parts = path.split("/")
    if any(part.startswith(".") for part in parts):
        return False
    patterns = (pattern,) if pattern else PATTERNS
    return any(fnmatch.fnmatchcase(path if "/" in one else parts[-1], one) for one in patterns)


class Directory:
    """Looks at a directory, or at one file, and remembers the content of what did not change."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._known: dict[str, tuple[tuple[int, ...], Found]] = {}

    def look(self) -> list[Found] | None:
        """Give what is there, in order of the paths; None where the directory is not."""
        if os.path.isfile(self.path):
            places: Iterable[tuple[str, str, tuple[int, ...] | None]] = [
                (os.path.basename(self.path), self.path, None)
            ]
            top = os.path.basename(os.path.dirname(self.path))
        elif os.path.isdir(self.path):
            places = _walk(self.path, "")
            top = os.path.basename(self.path)
        else:
            return None
        known, self._known = self._known, {}
        found = []
        for inner, place, seen in sorted(places):
            path = readable(inner)
            if seen is not None and path in known and known[path][0] == seen:
                self._known[path] = known[path]
                found.append(known[path][1])
                continue
            try:
                one = self._read(path, place, top)
            except FileNotFoundError:
                continue
            except OSError as exc:
                one = Found(path, name_for(path, top), reason=f"cannot be read: {exc.strerror}")
            found.append(one)
        return found

    def _read(self, path: str, place: str, top: str) -> Found:
        if os.path.islink(place) and not self._within(place):
            # Who may write here may not thereby read what the server can.
            return Found(path, name_for(path, top), reason="the link leads out of the directory")
        with open(place, "rb", opener=_without_waiting) as file:
            now = os.fstat(file.fileno())
            if not stat.S_ISREG(now.st_mode):
                return Found(path, name_for(path, top), reason="this is not a regular file")
            found = found_of(path, file.read(MOST_BYTES + 1), top)
        self._known[path] = (_seen(now), found)
        return found

    def _within(self, place: str) -> bool:
        top = self.path if os.path.isdir(self.path) else os.path.dirname(self.path)
        root = os.path.realpath(top)
        return os.path.realpath(place).startswith(os.path.join(root, ""))


def _walk(directory: str, before: str) -> Iterator[tuple[str, str, tuple[int, ...] | None]]:
    """Give path, place, and what tells of a change, of each file that may be a specification.

    Of a link it is None: what it leads to changes without it.
    """
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        path = before + entry.name
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith("."):
                yield from _walk(entry.path, f"{path}/")
        elif matches(path):
            with contextlib.suppress(OSError):
                linked = entry.is_symlink()
                if linked and entry.is_dir():
                    continue
                yield path, entry.path, None if linked else _seen(entry.stat(follow_symlinks=False))


def _seen(now: os.stat_result) -> tuple[int, ...]:
    return now.st_mtime_ns, now.st_size, now.st_ino, now.st_ctime_ns


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that has no writer is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)

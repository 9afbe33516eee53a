"""Places that were moved: which directory a history belonged to, whatever its path is now.

::

    places/known/1837465      the inode's number; in it the paths of places that had it

The directory itself says that it was moved: it has the same inode, the former path
leads elsewhere or nowhere, and its manifests are much as the history has them. (An
inode's number is given out again, so it alone says little.) A copy has another inode.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.store.atomic import storage, write_file
from stead.store.generations import DIRECTORY, History, environments
from stead.store.places import make_private, place_directory
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST = 8
"""Paths remembered of one inode."""


def remember(home: str | os.PathLike[str], place: str) -> None:
    """Note which directory a place is. Best effort: it only helps to find it again."""
    with contextlib.suppress(OSError):
        path = _known(home, os.stat(place).st_ino)
        before = _paths(path)
        if before[:1] != [place]:
            after = [place, *(p for p in before if p != place)][:_MOST]
            make_private(os.fspath(home), os.path.dirname(path))
            data = "\0".join(after).encode("utf-8", "surrogateescape")
            # Not waited for: a loss of power may take it, and then the place is not found again.
            write_file(path, data, 0o600, sync=False)


def former(home: str | os.PathLike[str], place: str) -> str:
    """Give the path that a place without a history had before it was moved; else nothing."""
    try:
        here = os.stat(place)
    except OSError:
        return ""
    for path in _paths(_known(home, here.st_ino)):
        if path == place or not environments(home, path):
            continue
        try:
            if os.path.samestat(os.stat(path), here):
                continue  # the same directory by two names
        except OSError:
            pass
        if _resembles(home, path, place):
            return path
    return ""


def take_over(home: str | os.PathLike[str], old: str, new: str) -> None:
    """Let the histories of one path be those of another, where that has none. Raises StoreError.

    With them goes a lock that lay with the user instead of in the tree.
    """
    source, target = place_directory(home, old), place_directory(home, new)
    with storage(target):
        make_private(os.fspath(home), os.path.join(target, DIRECTORY))
        for environment in environments(home, old):
            if not History(home, new, environment).newest:
                with contextlib.suppress(FileNotFoundError):  # another process was first
                    _rename(source, target, os.path.join(DIRECTORY, environment))
        with contextlib.suppress(FileNotFoundError):
            _rename(source, target, "stead.lock")
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(source, DIRECTORY))
    remember(home, new)


def _rename(source: str, target: str, name: str) -> None:
    path = os.path.join(target, name)
    if os.path.isdir(path):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(path, ".lock"))
            os.rmdir(path)
    if not os.path.lexists(path):
        os.rename(os.path.join(source, name), path)


def _known(home: str | os.PathLike[str], inode: int) -> str:
    return os.path.join(os.fspath(home), "places", "known", str(inode))


def _paths(path: str) -> Sequence[str]:
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return []
    return [p for p in text.split("\0") if os.path.isabs(p)]


def _resembles(home: str | os.PathLike[str], old: str, place: str) -> bool:
    """Say whether a manifest is here that is much as one of a history's last generation."""
    for environment in environments(home, old):
        history = History(home, old, environment)
        last = history.last()
        for name in last.files if last else ():
            assert last is not None
            inside = os.path.relpath(os.path.join(last.place, last.root, name), last.place)
            if inside.split(os.sep)[0] == os.pardir:
                continue  # where it stood says nothing of what was moved
            try:
                then = history.text(last, name) or b""
                with open(os.path.join(place, inside), "rb") as file:
                    now = file.read()
            except (OSError, StoreError):
                continue
            if now == then or _alike(then, now):
                return True
    return False


def _alike(a: bytes, b: bytes) -> bool:
    """Say whether half of what two manifests say is in both; headers and blank lines say little."""
    lines = [{x.strip() for x in text.split(b"\n")} for text in (a, b)]
    said = [{x for x in some if x and x[:1] not in b"[#"} for some in lines]
    return 2 * len(said[0] & said[1]) >= max(map(len, said)) > 0

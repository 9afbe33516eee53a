"""Where a place's lock lies, and reading and writing it."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from stead.formats import stead_lock
from stead.pipeline.files import is_ours, load_text, plain
from stead.store.places import place_directory
from stead.values.errors import LockError, ManifestError
from stead.values.lock import Lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    Overlay = Mapping[str, str | None]

NAME = "stead.lock"
_AS_IT_IS: Overlay = {}


def lock_file(
    root: str, place: str, *, bare: bool, home: Path, overlay: Overlay = _AS_IT_IS
) -> str:
    """Give the absolute path of the lock of a place.

    One ``stead.lock`` at the workspace root holds all its places. A bare place
    (no word to Stead in its files) that is not in it keeps its lock under
    ``home`` until ``stead lock`` writes it.
    """
    in_tree = os.path.join(root, NAME)
    if not bare or _holds(in_tree, slot_place(place, root), overlay):
        return in_tree
    return str(Path(place_directory(home, place)) / NAME)


def _holds(path: str, place: str, overlay: Overlay) -> bool:
    """Say whether a lock holds a place; one that cannot be read may."""
    if path not in overlay and not os.path.lexists(path):
        return False
    try:
        return any(e.place == place for e in read(path, overlay).environments)
    except LockError:
        return True


def read(path: str, overlay: Overlay = _AS_IT_IS) -> Lock:
    """Read a lock; an absent file is an empty one. Raises LockError.

    ``overlay`` (path → text, None for no file) holds files as they would be after an edit.
    """
    text = _text(path, overlay)
    return Lock() if text is None else _read(text, path)


_read = lru_cache(maxsize=4)(stead_lock.read)
"""One command asks for the same lock several times, each time for the text that stands there."""


def read_to_build_on(path: str, overlay: Overlay = _AS_IT_IS) -> Lock:
    """Read a lock to lock anew from it: what cannot be understood of it is left out.

    One that merging left with conflicts gives what both sides hold. Raises
    LockError for a lock of a newer format, and for one that does not count.
    """
    text = _text(path, overlay)
    if text is None:
        return Lock()
    try:
        return _read(text, path)
    except LockError:
        return stead_lock.read_conflicted(text, path)


def _text(path: str, overlay: Overlay) -> str | None:
    """Give a lock's text, None where there is none.

    Raises LockError for a lock that another user owns, because it would decide
    what is installed, and for what is no file.
    """
    if path in overlay:
        text = overlay[path]
        return None if text is None else plain(text)
    if not os.path.lexists(path):
        return None
    if os.path.exists(path) and not is_ours(path):
        raise LockError(
            "the lock belongs to another user, so it does not count",
            where=path,
            remedy="take ownership of it (chown), or remove it",
        )
    _check_link(path)
    try:
        return load_text(path)
    except FileNotFoundError:
        return None
    except ManifestError as exc:
        raise LockError(exc.message, where=exc.where, remedy=exc.remedy) from exc
    except IsADirectoryError as exc:
        raise LockError(
            "the lock is a directory", where=path, remedy="move it out of the way"
        ) from exc


def _check_link(path: str) -> None:
    """Refuse a lock that is a link out of its directory: writing it would write there."""
    directory = os.path.realpath(os.path.dirname(path))
    if os.path.islink(path) and os.path.dirname(os.path.realpath(path)) != directory:
        raise LockError(
            "the lock is a link that leads out of its directory",
            where=path,
            remedy="put the file itself there",
        )


def write(lock: Lock) -> bytes:
    return stead_lock.write(lock).encode("utf-8")


def slot_place(place: str, root: str) -> str:
    """Name a place relative to its root, with ``/``; ``.`` for the root itself."""
    return os.path.relpath(place, root).replace(os.sep, "/")

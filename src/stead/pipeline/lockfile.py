"""Where a place's lock lies, and reading and writing it."""

from __future__ import annotations

import os
from pathlib import Path

from stead.formats import stead_lock
from stead.store.places import place_directory
from stead.values.lock import Lock

NAME = "stead.lock"


def lock_file(root: str, place: str, *, bare: bool, home: Path) -> str:
    """Give the absolute path of the lock of a place.

    One ``stead.lock`` at the workspace root holds all its places. A bare place
    (no word to Stead in its files) that has none there keeps its lock under
    ``home`` until ``stead lock`` writes it.
    """
    in_tree = os.path.join(root, NAME)
    if not bare or os.path.lexists(in_tree):
        return in_tree
    return str(Path(place_directory(home, place)) / NAME)


def read(path: str) -> Lock:
    """Read a lock; an absent file is an empty one. Raises LockError."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return Lock()
    return stead_lock.read(text, path)


def write(lock: Lock) -> bytes:
    return stead_lock.write(lock).encode("utf-8")


def slot_place(place: str, root: str) -> str:
    """Name a place relative to its root, with ``/``; ``.`` for the root itself."""
    return os.path.relpath(place, root).replace(os.sep, "/")

"""Which working copies of modules this user has, below ``$STEAD_HOME/work``.

A lock names directories, and anybody may have written it. Git runs programs that
a repository's own configuration names; so it is asked only about directories of
which a record here says that the user wanted them.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from stead.store.atomic import storage, write_file
from stead.values.digest import short_key
from stead.values.frozen import asdict, dataclass

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Known:
    """A directory that holds a working copy. ``made`` says that Stead cloned it."""

    directory: str
    location: str
    made: bool = False


def remember(home: Path, known: Known) -> None:
    """Write the record of a working copy. Raises StoreError."""
    path = _path(home, known.directory)
    with storage(path):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    write_file(path, json.dumps(asdict(known)).encode(), mode=0o600)


def known(home: Path, directory: str) -> Known | None:
    """Give the record of a working copy; None where there is none that can be read."""
    try:
        with open(_path(home, directory), "rb") as file:
            data = json.load(file)
        found = Known(str(data["directory"]), str(data["location"]), data["made"] is True)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.directory == os.path.realpath(directory) else None


def forget(home: Path, directory: str) -> None:
    with contextlib.suppress(FileNotFoundError), storage(directory):
        os.unlink(_path(home, directory))


def _path(home: Path, directory: str) -> str:
    return os.path.join(home, "work", f"{short_key(os.path.realpath(directory))}.json")

"""What Stead makes in a tree: links to files kept elsewhere, known by where they lead.

Where links cannot be made, a file is copied, and known by its digest.
"""

from __future__ import annotations

import contextlib
import json
import os

from stead.store.atomic import stage, storage, temporary_name, write_file
from stead.store.places import MARK, environment_directory, place_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Note = Callable[[str], None]

NOTES = ".files.json"
"""Beside the environments of a place: what was made in its tree."""

FILES = "files"
"""The directory, below :data:`~stead.store.places.MARK`, that such links lead into."""


def marker(home: str, place: str, environment: str) -> str:
    """Give the path that is there as long as the links in the tree are this environment's.

    Who makes a link lead elsewhere removes it, so that whatever looks for it, a
    shell too, learns that the files must be placed anew.
    """
    return os.path.join(environment_directory(home, place, environment), "placed")


def disown(home: str, place: str, path: str, known: dict[str, Any], environment: str = "") -> None:
    """Note that ``path`` no longer leads to what was placed for another than ``environment``."""
    owner = known.get(path, {}).get("environment", environment)
    if owner != environment:
        with contextlib.suppress(OSError):
            os.unlink(marker(home, place, owner))


def put(path: str, kept: str, data: bytes, mode: int, *, links: bool) -> dict[str, Any]:
    """Let ``path`` lead to ``kept``, or hold a copy; says what was made."""
    made = []
    with storage(path):
        parent = os.path.dirname(path)
        while not os.path.isdir(parent):
            made.append(parent)
            parent = os.path.dirname(parent)
        for directory in reversed(made):
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory)
        if links and _link(path, kept):
            return {"target": kept, "directories": made}
        temporary = stage(path, data, mode)
        try:
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    return {"digest": digest(data), "directories": made}


def take_away(path: str, known: dict[str, Any]) -> None:
    """Remove what was made at ``path``, if it still is that, and the directories made for it."""
    noted = known.pop(path, None) or {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), storage(path):
        if is_own(path, noted):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(path)
    for directory in noted.get("made", ()):
        with contextlib.suppress(OSError):  # not empty: somebody else uses it too
            os.rmdir(directory)


def is_own(path: str, noted: dict[str, Any]) -> bool:
    """Say whether what stands at ``path`` was made by Stead, in this home or another."""
    try:
        leads = os.readlink(path)
    except (OSError, ValueError):
        digest = noted.get("digest")
        return bool(digest) and digest_of(path) == digest
    leads = leads.removeprefix("\\\\?\\")  # what Windows puts before an absolute path
    if leads == noted.get("target"):
        return True
    parts = leads.split(os.sep)
    return os.path.isabs(leads) and MARK in parts and FILES in parts[parts.index(MARK) :]


def make_private(home: str, directory: str) -> None:
    """Make a directory and its parents below ``home``, for the user alone."""
    with storage(directory):
        os.makedirs(home, exist_ok=True)
        path = home
        for part in os.path.relpath(directory, home).split(os.sep):
            path = os.path.join(path, part)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)


def known_files(home: str, place: str) -> dict[str, Any]:
    """Read what was made in a place's tree: by absolute path, for which environment and how."""
    try:
        with open(os.path.join(place_directory(home, place), NOTES), "rb") as file:
            found = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {p: n for p, n in found.items() if isinstance(n, dict) and "environment" in n}


@contextlib.contextmanager
def noting(home: str, place: str, note: Note) -> Iterator[dict[str, Any]]:
    """Hold what was made in a place's tree, alone; written back afterwards."""
    from stead.store.locking import exclusive

    directory = place_directory(home, place)
    make_private(home, directory)
    lock = os.path.join(directory, ".files.lock")
    with exclusive(lock, note=note, description=f"placing the files of {place}"):
        known = known_files(home, place)
        before = json.dumps(known, sort_keys=True)
        try:
            yield known
        finally:
            after = json.dumps(known, sort_keys=True)
            if after != before:
                write_file(os.path.join(directory, NOTES), after.encode(), 0o600)


def _link(path: str, kept: str) -> bool:
    """Replace ``path`` by a link; False where the system or file system has none."""
    temporary = temporary_name(path)
    try:
        os.symlink(kept, temporary)
    except OSError as exc:
        if isinstance(exc, FileNotFoundError) or not os.access(os.path.dirname(path), os.W_OK):
            raise
        return False
    try:
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True


def directories_made(known: dict[str, Any], path: str, made: dict[str, Any]) -> list[str]:
    """Take the directories made now; joined with those made earlier on the way, deepest first.

    Also those made for other files: whichever of them goes last takes them away.
    """
    found = set(made.pop("directories"))
    for noted in known.values():
        found.update(d for d in noted.get("made", ()) if path.startswith(d + os.sep))
    return sorted(found, key=len, reverse=True)


def digest(data: bytes) -> str:
    """Give the sha256 of a content."""
    from stead.values.sha import sha256

    return sha256(data).hexdigest()


def digest_of(path: str) -> str:
    """Give the sha256 of a file's content; empty where there is none to read."""
    try:
        with open(path, "rb") as file:
            return digest(file.read())
    except OSError:
        return ""

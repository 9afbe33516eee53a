"""Rendered files that hold a secret: there while a process runs, and then no more.

They are written to a directory of the user alone, in memory where the system
gives one (``$XDG_RUNTIME_DIR``), and the links in the tree lead there meanwhile::

    $XDG_RUNTIME_DIR/stead/gate
                           <key of the place>/.stead@/<environment>/files/…
                                                                    users
                                                                    links.json

Each run holds ``users`` together with the others; who leaves last can have it
alone, and takes everything away. So do the processes that a run started, which
inherit it and may outlive the run. The system gives the lock of killed ones back,
so that what they left is known by nobody holding it: no number of a process is
trusted, which another may have got since. ``gate`` lets one enter or leave at a
time.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any

from stead.store._links import (
    FILES,
    digest,
    directories_made,
    disown,
    known_files,
    make_private,
    put,
    take_away,
)
from stead.store.atomic import storage, write_file
from stead.store.locking import acquire, exclusive, try_exclusive
from stead.store.places import MARK
from stead.store.private import wipe
from stead.store.rendered import Wanted, refuse, target
from stead.values.errors import StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from stead.store.locking import Lock

    Note = Callable[[str], None]

_ROOT, _IN_HOME = "stead", "private"
_USERS, _GATE, _LINKS = "users", "gate", "links.json"


def runtime_root(home: str | os.PathLike[str], environ: Mapping[str, str]) -> str:
    """Give the directory of all private files: ``$XDG_RUNTIME_DIR/stead``, else in the home.

    A runtime directory that is not this user's alone (``sudo`` keeps the caller's)
    does not count. Creates nothing.
    """
    given = environ.get("XDG_RUNTIME_DIR", "")
    if os.name != "nt" and os.path.isabs(given):
        with contextlib.suppress(OSError):
            found = os.stat(given)
            if stat.S_ISDIR(found.st_mode) and _is_private(found):
                return os.path.join(given, _ROOT)
    return os.path.join(os.fspath(home), _IN_HOME)


def private_directory(
    home: str | os.PathLike[str], place: str, environment: str, environ: Mapping[str, str]
) -> str:
    """Give the directory of the private files of a place and environment. Creates nothing."""
    return os.path.join(runtime_root(home, environ), _key(place), MARK, environment)


@dataclass(frozen=True, slots=True)
class Held:
    """Private files that are there. ``paths`` are their own, in the order they were asked for."""

    paths: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()
    """A process that inherits these keeps the files there too, if it outlives this one.

    None on Windows, where a lock is its process's own.
    """


@contextlib.contextmanager
def private_files(
    home: str | os.PathLike[str],
    place: str,
    environment: str,
    files: Sequence[Wanted],
    *,
    environ: Mapping[str, str],
    note: Note,
    links: bool = True,
) -> Iterator[Held]:
    """Have files there, mode 0600, for as long as the block lasts.

    Runs of the same environment share them: the last that leaves takes them away,
    with the links and the directories made for these. What a killed run left is
    taken away first. ``note`` hears whom one waits for.

    Raises ManifestError for a path that is taken or leads out of its root, and
    StoreError where the directory belongs to somebody else or cannot be written;
    nothing is there then.
    """
    if not files:
        yield Held()
        return
    root = runtime_root(home, environ)
    directory = private_directory(home, place, environment, environ)
    _make(os.path.dirname(root), root)
    users: Lock | None = None
    try:
        with _gate(root, note, "writing private files"):
            known = known_files(os.fspath(home), place)
            refuse(files, known | _noted(directory))
            for file in files:
                disown(os.fspath(home), place, target(file), known)
            _make(root, directory)
            users = _enter(directory, files, known, links=links)
        descriptors = () if os.name == "nt" else (users.fd,)
        yield Held(tuple(_own_path(directory, file) for file in files), descriptors)
    finally:
        if users is not None:
            with _gate(root, note, "removing private files"):
                users.release()
                if _clear_if_unused(directory):
                    _remove_empty(directory, root)


def remove_leftovers(home: str | os.PathLike[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Take away what killed runs left; gives the directories that were. Waits for nobody.

    Looks into the runtime directory and the home's own: cheap where there is nothing.
    """
    found: list[str] = []
    for root in sorted({runtime_root(home, environ), os.path.join(os.fspath(home), _IN_HOME)}):
        directories = list(_directories(root))
        gate = try_exclusive(os.path.join(root, _GATE)) if directories else None
        if gate is not None:
            with gate:
                for directory in directories:
                    if os.path.isdir(directory) and _clear_if_unused(directory):
                        found.append(directory)
                        _remove_empty(directory, root)
    return tuple(found)


def _gate(root: str, note: Note, description: str) -> AbstractContextManager[Lock]:
    return exclusive(os.path.join(root, _GATE), note=note, description=description)


def _enter(directory: str, files: Sequence[Wanted], known: dict[str, Any], *, links: bool) -> Lock:
    """Write the files and lead their paths there; gives the lock that keeps them.

    ``known`` is what else was made in the tree.
    """
    _clear_if_unused(directory)
    users = acquire(os.path.join(directory, _USERS), shared=True)
    assert users is not None
    try:
        noted = _noted(directory)
        for file in files:
            kept, path = _own_path(directory, file), target(file)
            make_private(directory, os.path.dirname(kept))
            write_file(kept, file.data, 0o600)
            # Noted before it is made: whoever cleans up after a crash must know of it.
            entry = {"made": [], **noted.get(path, {}), "target": kept, "digest": digest(file.data)}
            noted[path] = entry
            _write_notes(directory, noted)
            made = put(path, kept, file.data, 0o600, links=links)
            entry["made"] = directories_made(known | noted, path, made)
            _write_notes(directory, noted)
    except BaseException:
        users.release()
        _clear_if_unused(directory)
        raise
    return users


def _clear_if_unused(directory: str) -> bool:
    """Take away files and links if no run has them; whoever calls holds the gate."""
    users = try_exclusive(os.path.join(directory, _USERS))
    if users is None:
        return False
    try:
        # The secrets first: a link that cannot be removed must not keep them.
        wipe(os.path.join(directory, FILES))
        noted = _noted(directory)
        for path in list(noted):
            if not _leads_elsewhere(path, noted[path]):
                take_away(path, noted)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, _LINKS))
    finally:
        users.release(remove=True)
    return True


def _leads_elsewhere(path: str, noted: dict[str, Any]) -> bool:
    """Say whether another environment has put its own link there meanwhile."""
    try:
        return os.readlink(path).removeprefix("\\\\?\\") != noted.get("target")
    except OSError:
        return False


def _noted(directory: str) -> dict[str, Any]:
    try:
        with open(os.path.join(directory, _LINKS), "rb") as file:
            found = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_notes(directory: str, noted: dict[str, Any]) -> None:
    data = json.dumps(noted, sort_keys=True).encode()
    write_file(os.path.join(directory, _LINKS), data, 0o600)


def _own_path(directory: str, file: Wanted) -> str:
    """Give where a private file itself lies: the same name, under a directory of its path's own."""
    from stead.values.sha import sha256

    path = target(file)
    where = sha256(os.path.dirname(path).encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(directory, FILES, where[:16], os.path.basename(path))


def _key(place: str) -> str:
    import base64

    from stead.values.sha import sha256

    digest = sha256(place.encode("utf-8", "surrogateescape")).digest()
    return base64.b32encode(digest).decode().lower()[:20]


def _make(above: str, directory: str) -> None:
    """Make a directory for the user alone; refuse one on the way that is somebody else's."""
    with storage(directory):
        os.makedirs(above, exist_ok=True)
        path = above
        for part in os.path.relpath(directory, above).split(os.sep):
            path = os.path.join(path, part)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
            found = os.lstat(path)
            if not stat.S_ISDIR(found.st_mode) or not _is_private(found):
                raise StoreError(
                    "private files cannot be put here: it is not a directory of yours alone",
                    where=path,
                    remedy="remove it, or let XDG_RUNTIME_DIR name another directory",
                )


def _is_private(found: os.stat_result) -> bool:
    if os.name == "nt":
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _directories(root: str) -> Iterator[str]:
    for key in _names(root):
        for environment in _names(os.path.join(root, key, MARK)):
            yield os.path.join(root, key, MARK, environment)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _remove_empty(directory: str, root: str) -> None:
    """Remove a directory and its parents up to ``root``, as far as they are empty."""
    with contextlib.suppress(OSError):
        while directory != root:
            os.rmdir(directory)
            directory = os.path.dirname(directory)

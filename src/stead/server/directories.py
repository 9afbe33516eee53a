"""Directories kept current: each environment's current build, for machines that want it as files.

::

    DIR/team/web            a link to the current build
    DIR/KEY-web             the build, made of its parts, right for where it stands
    DIR/.stead-published    says that this directory is kept by a worker, and locks it

A link is switched by renaming another over it: whoever goes through it finds the one build or
the other. A build's directory is there whole or not at all, and stays for a while after it was
replaced, because programs run from it. One worker keeps a directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from stead.server import parts
from stead.server.database.tables import build, environment
from stead.server.values import ServerError
from stead.store.atomic import remove_tree, sync_directory
from stead.values.errors import SteadError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.parts import Closure

_log = logging.getLogger("stead.server.directories")

MARK = ".stead-published"
_FORMER = ".stead-former"
_NEW = ".stead-new"

STAYS = 3600.0
"""Seconds for which a build's directory stays after another took its place."""

LOOK = 0.5
"""Seconds between two looks at what has happened."""

AGAIN = 30.0
"""Seconds after which all is looked at though nothing has happened, and what failed is tried again."""

_KEYED = re.compile(r"[a-z0-9]{20}-.+")


@dataclass(frozen=True, slots=True)
class Change:
    """What was made, switched, removed, or could not be (``failed``), and why."""

    subject: str
    told: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    namespace: str
    name: str
    build_id: int
    store_key: str | None

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def directory(self) -> str:
        key = (self.store_key or "").partition("-")[0] or "0" * 20
        return f"{key}-{self.name}"


@dataclass(slots=True)
class Directories:
    """A directory that is kept. Made by :func:`kept`."""

    root: str
    database: Database
    blobs: Blobs
    stays: float = STAYS
    context: Context | None = None
    """In which interpreters are found for builds that were made with one which is not here."""
    _former: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Of directories that were replaced: what led to them, and since when it does not."""

    def settle(self, stop: threading.Event | None = None) -> list[Change]:
        """Make everything as the database has it now; gives what was changed and what cannot be.

        Raises what the database does.
        """
        wanted = self._wanted()
        changes: list[Change] = []
        links: dict[str, str] = {}
        for one in wanted:
            if stop is not None and stop.is_set():
                return changes
            try:
                self._place(one, changes)
            except (SteadError, OSError) as exc:
                changes.append(Change(one.path, f"cannot be made current: {exc}", failed=True))
            now = self._link_of(one.path)
            if now is not None:
                links[one.path] = now
        self._clear(links, {one.path for one in wanted}, changes)
        return changes

    def _wanted(self) -> list[_Wanted]:
        query = (
            select(environment.c.namespace, environment.c.name, build.c.id, build.c.store_key)
            .join(build, build.c.id == environment.c.current_build_id)
            .where(
                environment.c.deleted_on.is_(None),
                build.c.deleted_on.is_(None),
                build.c.status == "COMPLETED",
            )
            .order_by(environment.c.namespace, environment.c.name)
        )
        with self.database.read() as connection:
            return [_Wanted(*row) for row in connection.execute(query)]

    def _place(self, one: _Wanted, changes: list[Change]) -> None:
        if _KEYED.fullmatch(one.namespace):
            raise ServerError("the namespace is called like a build's directory")
        directory = os.path.join(self.root, one.directory)
        if not os.path.isdir(directory):
            if one.store_key is None:
                os.mkdir(directory)
            else:
                found = parts.closure(self.database, self.blobs, one.build_id)
                parts.materialize(found, directory, self.blobs, self._interpreter(one, found))
            changes.append(Change(one.directory, f"made, of build {one.build_id}"))
        elif _leads_nowhere(directory):
            self._make_anew(one, directory, changes)
        self._former.pop(one.directory, None)
        former = self._link_of(one.path)
        if former == one.directory:
            return
        home = os.path.join(self.root, one.namespace)
        os.makedirs(home, exist_ok=True)
        new = os.path.join(home, _NEW)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        os.symlink(os.path.join("..", one.directory), new)
        os.rename(new, os.path.join(home, one.name))
        sync_directory(home)
        if former is not None:
            self._former[former] = (one.path, time.time())
        changes.append(Change(one.path, f"is build {one.build_id} now, in {one.directory}"))

    def _make_anew(self, one: _Wanted, directory: str, changes: list[Change]) -> None:
        """Put an interpreter under a build whose own is gone; where none is had it stays as it is."""
        found = parts.closure(self.database, self.blobs, one.build_id)
        if not found.interpreter:
            return  # It is what its packages brought.
        interpreter = self._interpreter(one, found)
        hidden = self._hide(directory)
        try:
            parts.materialize(found, directory, self.blobs, interpreter)
        except BaseException:
            os.rename(hidden, directory)
            raise
        remove_tree(hidden)
        told = f"made anew, of build {one.build_id}: its interpreter was gone"
        changes.append(Change(one.directory, told))

    def _interpreter(self, one: _Wanted, found: Closure) -> Interpreter | None:
        if self.context is None:
            return None
        return parts.interpreter_here(self.database, self.blobs, one.build_id, found, self.context)

    def _link_of(self, path: str) -> str | None:
        """Give the directory that a link leads to; None where there is no link."""
        with contextlib.suppress(OSError):
            target = os.readlink(os.path.join(self.root, path))
            if target.startswith("../") and "/" not in target[3:]:
                return target[3:]
        return None

    def _clear(self, links: dict[str, str], wanted: set[str], changes: list[Change]) -> None:
        """Remove what nothing leads to any more."""
        for path in self._links():
            if path not in wanted:
                os.unlink(os.path.join(self.root, path))
                changes.append(Change(path, "removed"))
        for name in sorted(os.listdir(self.root)):
            place = os.path.join(self.root, name)
            if name.startswith(".") or os.path.islink(place) or not os.path.isdir(place):
                continue
            if not _KEYED.fullmatch(name):
                with contextlib.suppress(OSError):
                    os.rmdir(place)  # only where it is empty
            elif name not in links.values():
                path, since = self._former.get(name, ("", 0.0))
                if path in wanted and time.time() - since < self.stays:
                    continue
                self._former.pop(name, None)
                self._remove(place)
                changes.append(Change(name, "removed"))
        self._remember()

    def _links(self) -> Iterator[str]:
        for namespace in sorted(os.listdir(self.root)):
            home = os.path.join(self.root, namespace)
            if namespace.startswith(".") or _KEYED.fullmatch(namespace) or not os.path.isdir(home):
                continue
            for name in sorted(os.listdir(home)):
                if os.path.islink(os.path.join(home, name)):
                    yield f"{namespace}/{name}"

    def _remove(self, place: str) -> None:
        """Remove a tree, out of sight first: nobody finds half of it."""
        remove_tree(self._hide(place))

    def _hide(self, place: str) -> str:
        hidden = os.path.join(self.root, f".stead-gone-{os.urandom(6).hex()}")
        os.rename(place, hidden)
        return hidden

    def _remember(self) -> None:
        path = os.path.join(self.root, _FORMER)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(self._former, file)
        os.rename(f"{path}.new", path)

    def recall(self) -> None:
        """Read what was replaced when, and remove what a killed worker has left."""
        path = os.path.join(self.root, _FORMER)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file, contextlib.suppress(ValueError):
                self._former = {name: (path, at) for name, (path, at) in json.load(file).items()}
        for name in os.listdir(self.root):
            if name.startswith(".") and name not in (MARK, _FORMER):
                remove_tree(os.path.join(self.root, name))


def _leads_nowhere(directory: str) -> bool:
    """Say whether a build's ``python`` is a link to what is not there any more."""
    python = os.path.join(directory, "bin", "python")
    return os.path.islink(python) and not os.path.exists(python)


class BusyError(ServerError):
    """Somebody else keeps this directory at the moment."""


@contextlib.contextmanager
def kept(
    root: str,
    database: Database,
    blobs: Blobs,
    *,
    stays: float = STAYS,
    context: Context | None = None,
) -> Iterator[Directories]:
    """Have a directory to keep, alone. What is not a kept one must be empty, or is refused.

    Without a ``context`` no interpreter of this machine takes the place of another's.
    Raises ServerError, BusyError.
    """
    root = os.path.abspath(root)
    try:
        os.makedirs(root, exist_ok=True)
        mark = os.path.join(root, MARK)
        if not os.path.exists(mark) and os.listdir(root):
            raise ServerError(
                "the directory holds something else, which would be removed",
                where=root,
                remedy="name one that is empty, or is not there",
            )
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as exc:
        raise ServerError(f"the directory cannot be kept: {exc.strerror}", where=root) from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BusyError("another worker keeps this directory", where=root) from exc
        made = Directories(root, database, blobs, stays, context)
        made.recall()
        yield made
    finally:
        os.close(descriptor)

"""Packages that projects make, kept by key as builds are: whole or invisible, then never changed.

A product is a build that holds one file (or directory) and says in its metadata what it
is. Like any build it stays as long as somebody names it: here, the place whose
definition it was last made for.
"""

from __future__ import annotations

import contextlib
import json
import os

from stead.store import locking, places
from stead.store.atomic import remove_tree, storage, write_file
from stead.store.builds import META, Builds, build_lock
from stead.store.layout import METADATA
from stead.values.digest import short_key
from stead.values.errors import StoreError
from stead.values.frozen import replace
from stead.values.sha import sha256
from stead.values.suite import Product

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from stead.store.layout import Layout
    from stead.store.locking import Note

DIRECTORY = "products@"
"""Beside the environments of a place; no environment can have this name."""

_WORK = "build-"
_USER = "uses-"
_DAY = 86_400.0
_KEPT = 30
"""Days without being asked for, after which what a project has built for somebody goes."""

_FIELDS = ("format", "content", "name", "version", "requires_python")
_LISTS = ("requires", "tags")


def place_directory(home: str | os.PathLike[str], root: str) -> str:
    """Give the directory of what is remembered about the packages of a project."""
    return os.path.join(places.place_directory(home, root), DIRECTORY)


def find(layout: Layout, key: str, name: str) -> Product | None:
    """Give the product with this key; None where it is not there."""
    build = Builds(layout).find(key, name)
    return None if build is None else read(build)


def read(build: Path) -> Product | None:
    """Give what a build holds if it is a product's."""
    try:
        with open(os.path.join(build, METADATA, META), "rb") as file:
            held = json.loads(file.read())["product"]
        values: dict[str, Any] = {name: str(held[name]) for name in _FIELDS}
        values |= {name: tuple(held[name]) for name in _LISTS}
        path = os.path.join(build, held["file"])
        return Product(definition="", path=path, reused=True, **values)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def realise(
    layout: Layout,
    key: str,
    name: str,
    make: Callable[[str], Product],
    *,
    facts: dict[str, Any],
    note: Note,
) -> Product:
    """Give the product with this key; make it if it is not there.

    ``make(directory)`` leaves a file in ``directory`` and describes it, or something that stays
    where it is. ``facts`` are kept with it. One process makes it; others wait.
    """
    made: list[Product] = []

    def fill(temporary: Path, _: Path) -> dict[str, object]:
        product = make(os.fspath(temporary))
        made.append(product)
        held = {name: getattr(product, name) for name in (*_FIELDS, *_LISTS)}
        inner = product.path.startswith(os.fspath(temporary) + os.sep)
        held["file"] = os.path.relpath(product.path, temporary) if inner else product.path
        return {
            "platform": "", "python": "", "interpreter": "", "ecosystems": [], "artifacts": [],
            **facts, "name": name, "product": held,
        }  # fmt: skip

    build = Builds(layout).realise(key, name, fill, note=note)
    found = read(build)
    if found is None:
        raise StoreError(
            "what lies under this key is no package",
            where=os.fspath(build),
            remedy="`stead store verify --repair` has it made again",
        )
    return replace(found, reused=not made)


def use(
    home: str | os.PathLike[str], root: str, user: str, builds: Sequence[str], now: float
) -> None:
    """Note that something of a project needs these builds (``<key>-<name>``): they stay.

    ``user`` says what needs them: a definition, with the interpreter that builds it. What has
    needed nothing for a month is forgotten. A home that cannot be written to notes nothing.
    """
    text = json.dumps({"user": user, "builds": sorted({*builds} - {""})}).encode()
    directory = place_directory(home, root)
    path = os.path.join(directory, f"{_USER}{sha256(user.encode()).hexdigest()[:16]}.json")
    with contextlib.suppress(OSError), open(path, "rb") as file:
        if file.read() == text:
            if os.fstat(file.fileno()).st_mtime < now - _DAY:
                os.utime(path, (now, now))
            return
    with contextlib.suppress(StoreError, OSError):
        places.make_private(os.fspath(home), directory)
        write_file(path, text)
        os.utime(path, (now, now))
        for name in os.listdir(directory):
            other = os.path.join(directory, name)
            if name.startswith(_USER) and os.stat(other).st_mtime < now - _KEPT * _DAY:
                os.unlink(other)


@contextlib.contextmanager
def workshop(layout: Layout, user: object, note: Note) -> Iterator[str]:
    """Open a directory to make a product in, always the same for a user; gone at the end.

    Always the same, because compilers write into what they make where it was made. ``user`` is
    a value of JSON that says who makes what: one at a time. What killed builders have left of
    others goes too.
    """
    name = short_key(["workshop", user])
    work = os.path.join(layout.scratch, _WORK + name)
    with locking.exclusive(
        build_lock(layout, name),
        note=note,
        description="building a package",
        remove=True,
        hand_on=True,
    ):
        sweep(layout, held=name)
        remove_tree(work)
        with storage(work):
            os.makedirs(work, mode=0o700)
        try:
            yield work
        finally:
            with contextlib.suppress(StoreError):
                remove_tree(work)
                remove_tree(os.path.join(layout.pycache, work.lstrip(os.sep)))


def sweep(layout: Layout, *, held: str = "", dry_run: bool = False) -> list[str]:
    """Remove the directories of builders that were killed; gives their names.

    ``held`` is the one whose lock the caller holds itself. What cannot be removed stays.
    """
    gone = []
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(layout.scratch)):
            key = name.removeprefix(_WORK)
            if key in (name, held):
                continue
            lock = locking.try_exclusive(build_lock(layout, key), description="tidying up")
            if lock is None:
                continue
            try:
                with contextlib.suppress(StoreError):
                    if not dry_run:
                        remove_tree(layout.scratch / name)
                    gone.append(name)
            finally:
                lock.release(remove=True)
    return gone

"""Checkouts of modules below ``$STEAD_HOME/modules``: how they are called, made, and known to be used."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import TYPE_CHECKING

from stead.store.atomic import inside, make_read_only, remove_tree, translate, write_file
from stead.store.registries import KEPT, used
from stead.values.digest import short_key
from stead.values.frozen import asdict, replace
from stead.values.lock import Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from stead.values.item import ItemFile
    from stead.values.manifest import Use


def checkout_key(pin: Pin) -> str:
    """Name the directory of a pinned module's checkout."""
    return short_key([pin.location, pin.integrity or pin.commit])


def item_key(pin: Pin, use: Use) -> str:
    """Name the directory of a registry's item as it is with some options."""
    if not use.options:
        return checkout_key(pin)
    return short_key([pin.location, pin.integrity, [list(o) for o in use.options]])


def put_files(directory: Path, files: Iterable[ItemFile]) -> None:
    """Write the files of an item to a new directory that nobody changes: whole, or not at all."""
    temporary = directory.with_name(f".{directory.name}-{os.getpid()}-{threading.get_ident()}")
    try:
        for file in files:
            path = inside(temporary, file.path)
            write_file(path, file.content, 0o755 if file.executable else 0o644, sync=False)
        make_read_only(temporary)
        os.rename(temporary, directory)
    except OSError as exc:
        if not directory.is_dir():  # another process may have been first
            raise translate(exc, directory) from exc
    finally:
        if temporary.exists():
            remove_tree(temporary)


def remember_registry(home: str, address: str, pin: Pin) -> None:
    """Note which commit a revision of a registry meant, for when it cannot be asked."""
    text = json.dumps({"address": address, "pin": asdict(pin)})
    write_file(_note_of(home, address, pin.requested), text.encode(), sync=False)


def remembered_registry(home: str, address: str, use: Use) -> Pin | None:
    """Give the commit that a revision of a registry meant when it was last asked."""
    path = _note_of(home, address, use.revision)
    pin = _remembered(path)
    if pin is not None:
        used(path)
    return pin and replace(pin, subdirectory=use.subdirectory)


def _note_of(home: str, address: str, revision: str) -> str:
    return os.path.join(home, "registries", "git", f"{short_key([address, revision])}.json")


def _remembered(path: str) -> Pin | None:
    try:
        with open(path, "rb") as file:
            return Pin(**json.load(file)["pin"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _of_registries(home: str, now: float) -> Iterator[Pin]:
    """Give the commits of registries that somebody has asked lately."""
    directory = os.path.join(home, "registries", "git")
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if now - os.stat(path).st_mtime < KEPT and (pin := _remembered(path)):
                yield pin


def checkouts_in_use(home: Path, *, now: float, history: bool = True) -> set[str]:
    """Give the keys of all checkouts that are named by kept places and by open transactions.

    Of a place its record, lock and generations count.

    Without ``history`` only pinned generations count. Raises LockError where a lock
    cannot be read: what it names is not known then.
    """
    from stead.formats import stead_lock
    from stead.pipeline import lockfile
    from stead.store import places
    from stead.store.layout import Layout
    from stead.store.roots import modules_of_generations
    from stead.store.transactions import locks_staged

    pins = modules_of_generations(Layout(home), now=now, history=history)
    used = {checkout_key(pin) for pin in pins}
    used.update(checkout_key(pin) for pin in _of_registries(os.fspath(home), now))
    top = os.path.join(home, "modules", "")
    locks: set[str] = set()
    for record in places.records(home):
        activation = record.activation
        locks.add(os.path.join(activation.root, "stead.lock"))
        for path in activation.inputs:
            if path.startswith(top):
                used.add(path[len(top) :].split(os.sep)[0])
            elif path.endswith(".lock"):
                locks.add(path)
    for path in sorted(locks):
        if os.path.exists(path):
            used.update(checkout_key(pin) for pin in lockfile.read_to_build_on(path).pins)
    for content in locks_staged(home):
        lock = stead_lock.read(content.decode("utf-8"), lockfile.NAME)
        used.update(checkout_key(pin) for pin in lock.pins)
    return used

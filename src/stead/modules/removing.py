"""Removing modules: what was written when they were added goes, and what is the user's stays."""

from __future__ import annotations

import os
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

from stead.modules import adding, record, taking_out
from stead.modules.own import TEST
from stead.modules.update_root import content
from stead.values.errors import CollisionError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.values.context import Context
    from stead.values.item import Record

_CACHES = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
"""Directories that say nothing without the files they were made of."""
_LINK = "link"


@dataclass(frozen=True, slots=True)
class Stay:
    """A file or directory that stays. ``path`` is relative to the root, with slashes."""

    path: str
    why: str
    """``changed``, ``added`` or a ``link`` by the user, or ``made`` by tools."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing would do. Paths are relative to the root, with slashes."""

    root: str
    modules: tuple[tuple[str, Record], ...]
    """Directory and record of each."""
    edits: tuple[tuple[str, bytes, bytes | None], ...]
    """Path, what it holds, what it is to hold (None: it goes)."""
    stay: tuple[Stay, ...]
    kept: tuple[str, ...]
    """Entries of the root's files that the user changed, and that stay."""
    named: tuple[str, ...]
    """Lines of the project that still name the modules."""
    discard: bool = False
    """Whether all that is in their directories goes."""


def plan(
    root: str, known: Mapping[str, tuple[str, Record]], names: Sequence[str], *, discard: bool
) -> Removal:
    """Plan removing the modules ``names`` of those that the project in ``root`` has.

    ``discard`` lets go what the user changed and added in them. Raises CollisionError where other
    modules need them; StoreError for a file that cannot be read.
    """
    going = tuple(known[name] for name in names)
    others = {name: entry for name, entry in known.items() if name not in names}
    _refuse_needed(root, going, others)
    goes: dict[str, bytes | None] = {}
    stay: list[Stay] = []
    inside = tuple(f"{directory}/" for directory, _ in others.values())
    for directory, held in going:
        for path, own in _source(os.path.join(root, *directory.split("/")), held):
            whole = f"{directory}/{path}"
            if whole.startswith(inside):  # a module in a module's directory
                continue
            if own and not discard:
                stay.append(Stay(whole, own))
            elif own != _LINK:
                goes[whole] = None
    texts, kept = taking_out.entries(root, going, changed_too=discard)
    goes |= texts
    disk = adding.reader(root)
    edits = []
    for path, after in sorted(goes.items()):
        before = disk(path)
        if isinstance(before, bytes) and before != after:
            edits.append((path, before, after))
    if not discard:
        stay += _made(root, going)
    return Removal(
        root,
        going,
        tuple(edits),
        tuple(stay),
        kept,
        tuple(taking_out.named(root, names, goes)),
        discard,
    )


def apply(
    removal: Removal, context: Context, reason: str, *, beside: Mapping[str, bytes] | None = None
) -> None:
    """Do all that a plan says, or nothing. ``beside`` is what is noted with it, by one intent.

    Raises StoreError where a file holds something else by now; then nothing has changed.
    """
    from stead.pipeline.writing import layout_of
    from stead.store.edits import edit_files

    root = removal.root
    edits: dict[str, tuple[bytes | None, bytes | None]] = {
        os.path.join(root, *path.split("/")): (before, after)
        for path, before, after in removal.edits
    }
    edit_files(layout_of(context), edits, reason, beside=beside, note=context.progress.note)
    for directory, _ in removal.modules:
        _clean(os.path.join(root, *directory.split("/")), whole=removal.discard)
    taking_out.prune(edits, root)


def _source(directory: str, held: Record) -> Iterator[tuple[str, str]]:
    """Give the files of a module, relative to its directory, and what the user did to each."""
    hashes = dict(held.files) | dict(held.dropped)
    for path, now in taking_out.files(directory):
        if os.path.islink(os.path.join(directory, *path.split("/"))):
            yield path, _LINK
        elif record.digest(now) == hashes.get(path):
            yield path, ""
        else:
            yield path, "changed" if path in hashes else "added"
    for path in record.own_files(directory):
        yield os.path.relpath(path, directory).replace(os.sep, "/"), ""


def _refuse_needed(
    root: str,
    going: Sequence[tuple[str, Record]],
    others: Mapping[str, tuple[str, Record]],
) -> None:
    layers = _layers(root)
    found = []
    for directory, held in going:
        name = held.came.item
        for other, (_, theirs) in others.items():
            used = any(_uses(layers.get(one), directory) for one in (other, f"{other}{TEST}"))
            if name in theirs.needs or used:
                found.append(f"{other} needs {name}")
    if found:
        raise CollisionError(
            "other modules need what would be removed",
            where=root,
            details=found,
            remedy="nothing was changed; remove them together, or these first",
        )


def _layers(root: str) -> Mapping[str, Any]:
    try:
        found = tomllib.loads(content(root, adding.MANIFEST) or "").get("layer", {})
    except tomllib.TOMLDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _uses(layer: Any, directory: str) -> bool:
    """Say whether a layer has the package of a directory."""
    for key in ("packages", "pypi"):
        layer = layer.get(key) if isinstance(layer, dict) else None
    packages = layer.values() if isinstance(layer, dict) else ()
    return any(isinstance(one, dict) and one.get("path") == directory for one in packages)


def _made(root: str, going: Sequence[tuple[str, Record]]) -> Iterator[Stay]:
    """Give the directories that tools made and that may hold what somebody wants, and links."""
    for directory, _ in going:
        for parent, names, _ in os.walk(os.path.join(root, *directory.split("/"))):
            for name in sorted(names):
                full = os.path.join(parent, name)
                path = os.path.relpath(full, root).replace(os.sep, "/")
                if os.path.islink(full):
                    yield Stay(path, _LINK)
                elif taking_out.is_made(name) and not _is_cache(name):
                    yield Stay(path, "made")
            names[:] = [n for n in names if not taking_out.is_made(n) and n != record.DIRECTORY]


def _is_cache(name: str) -> bool:
    return name in _CACHES or name.endswith(".egg-info")


def _clean(directory: str, *, whole: bool) -> None:
    """Remove what tools made in a directory and can make anew; with ``whole``, all of that.

    A module that lies within stays as it is.
    """
    for parent, names, others in os.walk(directory):
        if parent != directory and os.path.isdir(os.path.join(parent, record.DIRECTORY)):
            names.clear()
            continue
        for name in (*names, *others):
            full = os.path.join(parent, name)
            if os.path.islink(full):
                if whole:
                    os.unlink(full)
            elif name in names and (taking_out.is_made(name) if whole else _is_cache(name)):
                shutil.rmtree(full, ignore_errors=True)
        names[:] = [n for n in names if n != record.DIRECTORY]
    for parent, names, _ in os.walk(directory, topdown=False):
        for name in names:
            try:
                os.rmdir(os.path.join(parent, name))
            except OSError:
                continue

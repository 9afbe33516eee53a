"""What is different in a module: from what was written, or upstream since."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.formats.merging_text import alike, is_text
from stead.modules import record as records
from stead.modules.merging import Side
from stead.modules.registry.directory import PASSED_OVER
from stead.modules.tree import Tree
from stead.store.atomic import storage
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Literal

    from stead.values.item import ItemFile, Record

    State = Literal["changed", "added", "deleted", "mode", "line ends", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class Difference:
    """How a file differs. ``lines`` are a unified diff, of text files."""

    path: str
    state: State
    lines: tuple[str, ...] = ()


def mine(directory: str, held: Record) -> tuple[Difference, ...]:
    """Say what was changed in a module since it was written. Raises StoreError.

    Of a file whose copy was harmed only that is known.
    """
    tree = Tree(directory)
    copies = records.bases(directory, held)
    found = {}
    for path, expected in held.files:
        side = tree.side(path)
        if path in copies.contents:
            base = Side(copies.contents[path], path in held.executable)
            one = _difference(path, base, side, "as written", "yours")
        elif side is not None and records.digest(side.content) == expected:
            one = None
        else:
            one = Difference(path, "deleted" if side is None else "unknown")
        if one is not None:
            found[path] = one
    known = {path for path, _ in (*held.files, *held.dropped)}
    known |= {one.beside for one in held.conflicts}
    for path in _files(directory, ""):
        side = tree.side(path) if path not in known else None
        if side is not None and (one := _difference(path, None, side, "as written", "yours")):
            found[path] = one
    return tuple(found[path] for path in sorted(found))


def upstream(
    directory: str, held: Record, written: Iterable[ItemFile], name: str
) -> tuple[Difference, ...]:
    """Say what upstream changed in a module since the version that was written here.

    ``written`` are upstream's files as they would land, ``name`` what to call them.
    """
    theirs = {file.path: Side(file.content, file.executable) for file in written}
    copies = records.bases(directory, held).contents
    found = []
    for path in sorted({*theirs, *dict(held.files)}):
        base = Side(copies[path], path in held.executable) if path in copies else None
        if base is None and path in dict(held.files):
            if path not in theirs or records.digest(theirs[path].content) != dict(held.files)[path]:
                found.append(Difference(path, "unknown" if path in theirs else "deleted"))
            continue
        if one := _difference(path, base, theirs.get(path), "as written", name):
            found.append(one)
    return tuple(found)


def _difference(
    path: str, old: Side | None, new: Side | None, was: str, now: str
) -> Difference | None:
    if old is None and new is None:
        return None
    if new is not None and not new.plain:
        return Difference(path, "other")
    before, after = (b"" if side is None else side.content for side in (old, new))
    state: State = "added" if old is None else "deleted" if new is None else "changed"
    if old is not None and new is not None:
        if before == after:
            same = new.executable is None or new.executable == old.executable
            return None if same else Difference(path, "mode")
        if alike(before, after):
            return Difference(path, "line ends")
    return Difference(path, state, tuple(_lines(path, before, after, was, now)))


def _lines(path: str, before: bytes, after: bytes, was: str, now: str) -> Iterator[str]:
    from difflib import unified_diff

    if not (is_text(before) and is_text(after)):
        return
    texts = [t.decode("utf-8", "replace").split("\n") for t in (before, after)]
    for text in texts:
        # The last line that is empty stands for the end of the line before it.
        if text[-1] == "":
            text.pop()
        else:
            text[-1] += "\n\\ no line end"
    heads = f"{path} ({was})", f"{path} ({now})"
    for line in unified_diff(texts[0], texts[1], *heads, lineterm=""):
        yield from line.split("\n")


def _files(directory: str, below: str) -> Iterator[str]:
    """List the files of a module, but for what running and testing it leaves there."""
    with storage(directory), os.scandir(os.path.join(directory, below)) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        name = entry.name
        if name in PASSED_OVER or name == records.DIRECTORY or name.endswith((".pyc", ".egg-info")):
            continue
        path = f"{below}/{name}" if below else name
        if entry.is_dir(follow_symlinks=False):
            yield from _files(directory, path)
        else:
            yield path


def counts(found: Iterable[Difference]) -> Mapping[str, int]:
    """Count the lines that came and went, by file."""
    return {
        one.path: sum(
            line.startswith(("+", "-")) and not line.startswith(("+++ ", "--- "))
            for line in one.lines
        )
        for one in found
    }

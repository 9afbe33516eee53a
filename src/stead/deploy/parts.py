"""Which files of a tree belong together: those of one package, and what belongs to none."""

from __future__ import annotations

import os
import stat

from stead.store import installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.store.listing import Found

OTHER = "other"
"""The part of all files that no package's record names: links to Python, ``pyvenv.cfg``."""


def divide(tree: str, found: Iterable[Found]) -> list[tuple[str, list[Found]]]:
    """Give name and entries of each part, sorted, :data:`OTHER` last where there is any.

    Conda's records come first: a distribution that a conda package brought is part of it. A file
    that two records name belongs to the first. Directories belong to no part, but empty ones do,
    to the last. What a package compiled goes with the sources. Raises nothing for a damaged
    record: its files are of no package then.
    """
    entries = {f.path: f for f in found if not stat.S_ISDIR(f.mode)}
    parts: list[tuple[str, list[Found]]] = []
    for path in sorted(installed.look(tree), key=lambda p: (not p.startswith("conda-meta/"), p)):
        if f"{path}/RECORD" not in entries and path not in entries:
            continue  # another part has it already
        package = installed.read(tree, path)
        mine = []
        for file in [*installed.files(tree, path), *_marks(path)]:
            taken = entries.pop(file, None)
            if taken is not None:
                mine.append(taken)
        parts.append((f"{package.name} {package.version}", mine))
    _compiled(parts, entries)
    rest = [*entries.values(), *_empty(found)]
    parts = sorted(part for part in parts if part[1])
    return [*parts, (OTHER, rest)] if rest else parts


def _marks(record: str) -> list[str]:
    """Name what installers put beside a record without writing it down."""
    if record.endswith(".json"):
        return []
    return [f"{record}/{name}" for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")]


def _compiled(parts: list[tuple[str, list[Found]]], entries: dict[str, Found]) -> None:
    """Hand compiled modules that no record names to the part that has their sources."""
    loose = [path for path in entries if path.endswith(".pyc")]
    if not loose:
        return
    owners = {f.path: mine for _, mine in parts for f in mine if f.path.endswith(".py")}
    for path in loose:
        mine = owners.get(source_of(path))
        if mine is not None:
            mine.append(entries.pop(path))


def source_of(compiled: str) -> str:
    """Give the path of the module that ``__pycache__/NAME.TAG.pyc`` was compiled from."""
    directory, name = os.path.split(compiled)
    return f"{os.path.dirname(directory)}/{name.partition('.')[0]}.py".removeprefix("/")


def _empty(found: Iterable[Found]) -> list[Found]:
    listed = list(found)
    full = {os.path.dirname(f.path) for f in listed}
    return [f for f in listed if stat.S_ISDIR(f.mode) and f.path not in full]

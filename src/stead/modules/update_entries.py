"""Which entries of the root's files a version of a module writes, and what an update does to them."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

from stead.modules import entries, root_files
from stead.modules.update_root import Change, content, of_manifest, of_package, recorded, updated
from stead.values.errors import ManifestError
from stead.values.frozen import dataclass, replace
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.modules.root_files import Part
    from stead.modules.update_root import Entry
    from stead.values.item import Item, ItemFile

MANIFEST = "stead.toml"
PYPROJECT = root_files.PYPROJECT


@dataclass(frozen=True, slots=True)
class RootChanges:
    """What an update does to the root's files: path → content before and after."""

    writes: tuple[tuple[str, tuple[str, str]], ...] = ()
    changes: tuple[Change, ...] = ()
    recorded: tuple[tuple[str, str], ...] = ()
    """What the module's record keeps of them."""
    notes: tuple[str, ...] = ()


def root_changes(
    root: str,
    directory: str,
    item: Item,
    written: Sequence[ItemFile],
    *,
    was: Mapping[str, str],
    there: Mapping[str, str],
) -> RootChanges:
    """Plan what an update of the module in ``directory`` changes in ``root``.

    ``was`` is what its record keeps, ``there`` has the directories of all modules by name;
    directories are relative to the root. Raises ManifestError for an upstream's
    ``pyproject.toml`` that cannot be read.
    """
    part = None
    if item.language == "python":
        own = next((f.content for f in written if f.path == PYPROJECT), None)
        part = root_files.part_of(item.name, directory, own)
    wanted: list[Entry] = []
    texts = {file: content(root, file) for file in (MANIFEST, PYPROJECT)}
    notes = []
    manifest = texts[MANIFEST]
    data = _read(manifest)
    if manifest is not None and data is not None:
        needed = _needed(item, data, root, there)
        ports = _ports(item, manifest, data)
        wanted += of_manifest(entries.entries(item, directory, part, needed, ports))
    package = texts[PYPROJECT]
    if part is not None and package is not None and root_files.takes_parts(package):
        if any(key.startswith(f"{PYPROJECT}:") for key in was):
            names = [normalize_pypi(n.name) for n in item.needs if n.name in there]
            whole = replace(part, needs=tuple(names))
            wanted += of_package(root_files.within(whole, root_files.name_of(package)))
    elif part is not None and package is not None and _other_requirements(root, directory, part):
        lines = "\n".join(f"    {line}" for line in root_files.lines_of(part))
        notes.append(
            f"{PYPROJECT} describes a package of another make and stays as it is; "
            f"what {part.name} requires is now:\n{lines}"
        )
    writes = []
    changes: list[Change] = []
    for file, text in texts.items():
        after, found = updated(file, text, was, wanted)
        if file == MANIFEST and after is not None and after != text and not _holds(root, after):
            after = text
            found = tuple(
                replace(c, action="kept") if c.action in ("replaced", "added") else c for c in found
            )
        changes += found
        if text is not None and after is not None and after != text:
            writes.append((file, (text, after)))
    return RootChanges(
        tuple(writes),
        tuple(c for c in changes if c.action != "same" and (c.action != "kept" or c.lines)),
        recorded(wanted),
        tuple(notes),
    )


def _needed(
    item: Item, data: Mapping[str, Any], root: str, there: Mapping[str, str]
) -> dict[str, str]:
    """Give the Python modules that an item needs: distribution → directory."""
    found: dict[str, str] = {}
    for need in item.needs:
        if need.name not in there:
            continue
        path = there[need.name]
        held = content(os.path.join(root, *path.split("/")), PYPROJECT)
        try:
            part = root_files.part_of(need.name, path, None if held is None else held.encode())
        except ManifestError:
            part = None
        if part is not None:
            found[part.name] = path
        layer = data.get("layer", {}).get(need.name, {})
        for dist, asked in layer.get("packages", {}).get("pypi", {}).items():
            if isinstance(asked, dict) and isinstance(asked.get("path"), str):
                found.setdefault(dist, asked["path"])
    return found


def _ports(item: Item, text: str, data: Mapping[str, Any]) -> list[int]:
    """Give the ports of what an item listens on: those that it has, and free ones."""
    app = data.get("app", {}).get(item.name, {})
    held = app.get("listen", {}) if isinstance(app, dict) else {}
    chosen = entries.ports_of(item, text)
    return [
        held[name] if isinstance(held.get(name), int) else port
        for name, port in zip(item.listens, chosen, strict=True)
    ]


def _other_requirements(root: str, directory: str, part: Part) -> bool:
    """Say whether a module's own project, as it is here, asks for something else."""
    text = content(os.path.join(root, *directory.split("/")), PYPROJECT)
    try:
        now = root_files.part_of(part.name, directory, None if text is None else text.encode())
    except ManifestError:
        return True
    return now is None or now.requirements != part.requirements


def _holds(root: str, text: str) -> bool:
    """Say whether a manifest can be read."""
    from stead.formats import stead_toml

    try:
        stead_toml.read(os.path.join(root, MANIFEST), lambda _: text)
    except ManifestError:
        return False
    return True


def _read(text: str | None) -> dict[str, Any] | None:
    try:
        return None if text is None else tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None

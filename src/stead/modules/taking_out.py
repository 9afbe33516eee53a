"""Taking modules out of a project: what each has there, and the root's files without them."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING

from stead.formats import _toml_splice
from stead.modules import adding, record, root_files, update_root
from stead.modules.registry.directory import PASSED_OVER
from stead.modules.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.values.item import Record

_MADE = frozenset({*PASSED_OVER, "build", "dist", "target"})
"""Directories that trying a module out leaves in it."""


def files(directory: str) -> Iterator[tuple[str, bytes]]:
    """Give what is in a module's directory, but for what trying it out left there.

    Paths are relative to it. Raises StoreError for a file that cannot be read.
    """
    tree = Tree(directory)
    for parent, directories, names in os.walk(directory):
        directories[:] = sorted(d for d in directories if not is_made(d) and d != record.DIRECTORY)
        for name in sorted(names):
            path = os.path.relpath(os.path.join(parent, name), directory).replace(os.sep, "/")
            side = tree.side(path)
            if side is not None and not name.endswith(".pyc"):
                yield path, side.content


def is_made(name: str) -> bool:
    """Say whether a directory of this name holds what tools make, and can make anew."""
    return name in _MADE or name.endswith(".egg-info")


def recorded(directory: str) -> Iterator[str]:
    """Give the files of a module's record, relative to its directory."""
    for parent, _, names in os.walk(os.path.join(directory, record.DIRECTORY)):
        for name in names:
            yield os.path.relpath(os.path.join(parent, name), directory).replace(os.sep, "/")


def entries(
    root: str, modules: Sequence[tuple[str, Record]], *, changed_too: bool = False
) -> tuple[dict[str, bytes | None], tuple[str, ...]]:
    """Give the root's files without what modules wrote into them, and what stays as changed.

    ``modules`` are directories relative to the root, with their records. With ``changed_too``
    entries that the user changed go as well.
    """
    texts: dict[str, str] = {}
    kept: list[str] = []

    def content(file: str) -> str | None:
        return texts[file] if file in texts else update_root.content(root, file)

    for directory, held in modules:
        for file in sorted({key.partition(":")[0] for key, _ in held.entries}):
            text = content(file)
            if text is None:
                continue
            texts[file], stays = update_root.without(
                file, text, dict(held.entries), changed_too=changed_too
            )
            kept += stays
            if file == root_files.PYPROJECT:
                texts[file] = _without_code(texts[file], f"{directory}/src")
        grafted = content(root_files.MANIFEST_IN)
        line = f"graft {directory}/src"
        if grafted is not None and line in (one.strip() for one in grafted.splitlines()):
            lines = [one for one in grafted.splitlines(keepends=True) if one.strip() != line]
            texts[root_files.MANIFEST_IN] = "".join(lines)
    return {file: text.encode() for file, text in texts.items()}, tuple(kept)


def _without_code(text: str, source: str) -> str:
    """Take a module's code out of where setuptools looks for packages."""
    where = ("tool", "setuptools", "packages", "find")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text  # its entries stayed too, and are told
    for key in where:
        data = data.get(key, {})
    listed = data.get("where", [])
    if source not in listed:
        return text
    return _toml_splice.drop_element(text, (*where, "where"), listed.index(source))


def named(root: str, gone: Sequence[str], after: Mapping[str, bytes | None]) -> Iterator[str]:
    """Give the lines that name modules that are gone: in the manifest as it will be, and in code."""
    name = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, gone))})(?![\w-])")
    code = "|".join(re.escape(one.replace("-", "_")) for one in gone)
    imports = re.compile(rf"^\s*(?:from|import)\s+(?:{code})\b")
    text = after.get(adding.MANIFEST)
    for number, line in enumerate((text or b"").decode("utf-8", "replace").splitlines(), 1):
        if name.search(line.partition("#")[0]):
            yield f"{adding.MANIFEST}:{number}: {line.strip()}"
    for parent, directories, names in os.walk(root):
        directories[:] = sorted(d for d in directories if d not in _MADE and not d.startswith("."))
        for one in sorted(n for n in names if n.endswith(".py")):
            path = os.path.relpath(os.path.join(parent, one), root).replace(os.sep, "/")
            if path in after:
                continue
            with open(os.path.join(parent, one), encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, 1):
                    if imports.match(line):
                        yield f"{path}:{number}: {line.strip()}"


def prune(edits: Mapping[str, tuple[bytes | None, bytes | None]], root: str) -> None:
    """Remove the directories that have become empty as files went. Paths are absolute."""
    for path, (_, after) in edits.items():
        directory = os.path.dirname(path) if after is None else root
        while directory != root and directory.startswith(root):
            try:
                os.rmdir(directory)
            except OSError:
                break
            directory = os.path.dirname(directory)

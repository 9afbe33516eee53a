"""What is done to put a conda package into a tree, made of its file list and kept for the next time.

A recipe stands beside the unpacked package, as ``<its directory>.<key>.json``; the key is
of the archive and of the place of pure Python packages. It is only a shorter way to the same tree: where
the cached package is not as noted any more, it is dropped and made again from the
package's own file list. What is unusual (see `of`) has no recipe.
"""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from stead.ecosystems.groups import Group, StaleError, keep, with_parents
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.ecosystems.conda.contents import Contents, Placed
    from stead.values.lock import Artifact

VERSION = 1
POINT = re.compile(r"\s*([^\s=]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)\s*\Z")


class Changed(NamedTuple):
    """A file that names the prefix it was built with."""

    path: str
    source: str
    size: int
    sha256: str
    entry: dict[str, Any]
    """What the package's file list says of it."""


class Recipe(NamedTuple):
    """How to put one package into a tree. Paths are relative to the tree, sources to the package."""

    package: str
    directory: str
    """Its place in the cache."""
    directories: list[str]
    """All that its files need, a parent before what is in it."""
    groups: list[Group]
    links: list[tuple[str, str, str]]
    """Path, source and target of each symbolic link."""
    changed: list[Changed]
    points: list[str]
    """The programs to be generated, as ``name = module:function``."""
    scripts: list[str]
    """Link scripts it brings, which are not run."""
    pure: bool
    files: str
    """The paths of groups and links as JSON, as ``conda-meta`` lists them, without brackets."""
    entries: str
    """What ``conda-meta`` says of each of these, likewise."""

    @property
    def paths(self) -> list[str]:
        """All files, in the tree."""
        found = [path for group in self.groups for path in group.paths]
        found += [path for path, _, _ in self.links]
        found += [file.path for file in self.changed]
        return found + [f"bin/{point.partition('=')[0].strip()}" for point in self.points]


def of(contents: Contents) -> Recipe | None:
    """Make a recipe of a package whose names are checked; None for an unusual one.

    That is one with another version of the file list than today's, menus, files that
    are to be copied, or without a hash. Raises StaleError for a file that is not as
    long as listed, OSError.
    """
    if not contents.usual or not all(map(POINT.match, contents.entry_points)):
        return None
    groups: dict[tuple[str, str], Group] = {}
    links, changed = [], []
    described: list[dict[str, Any]] = []
    for file in contents.files:
        if not file.source:
            continue
        if not _is_usual(file):
            return None
        assert file.entry is not None
        entry = {**file.entry, "_path": file.path}
        if file.target is not None:
            target = os.fsencode(file.target)
            entry["sha256_in_prefix"] = _sha256(target)
            entry.setdefault("size_in_bytes", len(target))
            links.append((file.path, file.source, file.target))
        elif "prefix_placeholder" in entry:
            changed.append(Changed(file.path, file.source, file.size, file.sha256, entry))
            continue
        else:
            info = os.lstat(f"{contents.directory}/{file.source}")
            if info.st_size != file.size or not stat.S_ISREG(info.st_mode):
                raise StaleError
            parent, _, name = file.path.rpartition("/")
            source = file.source.rpartition("/")[0]
            empty = Group(parent, source, [], [], [], [])
            groups.setdefault((parent, source), empty).add(name, info)
        described.append(entry)
    places = [parent for parent, _ in groups]
    places += [
        path.rpartition("/")[0] for path in (*(x[0] for x in links), *(c.path for c in changed))
    ]
    return Recipe(
        contents.package,
        contents.directory,
        with_parents([*places, *(["bin"] if contents.entry_points else [])]),
        list(groups.values()),
        links,
        changed,
        list(contents.entry_points),
        list(contents.scripts),
        contents.pure,
        _inner([entry["_path"] for entry in described]),
        _inner(described),
    )


def _is_usual(file: Placed) -> bool:
    entry = file.entry
    if entry is None or len(file.sha256) != 64 or file.path.startswith("Menu/"):
        return False
    if entry.get("no_link"):
        return False
    if file.target is not None:
        return entry.get("path_type") == "softlink" and not entry.get("prefix_placeholder")
    return file.size >= 0 and entry.get("path_type") == "hardlink"


def _inner(values: Sequence[object]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))[1:-1]


def _sha256(data: bytes) -> str:
    return sha256(data).hexdigest()


def collide(recipes: Sequence[Recipe]) -> bool:
    """Say whether two bring a file of one name, or one a file where there is a directory."""
    paths = [path for recipe in recipes for path in recipe.paths]
    known = set(paths)
    return len(known) != len(paths) or any(
        directory in known for recipe in recipes for directory in recipe.directories
    )


def file_for(artifact: Artifact, directory: str, site_packages: str) -> str:
    """Say where the recipe of an artifact is kept, whose place in the cache is ``directory``."""
    asked = [
        *(str(VERSION), artifact.files[0].sha256),
        *(str(artifact.get("md5") or ""), site_packages),
    ]
    return f"{directory}.{_sha256(chr(10).join(asked).encode())[:16]}.json"


def read(file: str, directory: str) -> Recipe | None:
    """Read the recipe of the package in ``directory``; None when there is none that makes sense."""
    try:
        with open(file, "rb") as opened:
            value = json.loads(opened.read())
        if value.pop("version") != VERSION:
            return None
        value["groups"] = [Group(*group) for group in value["groups"]]
        value["changed"] = [Changed(*changed) for changed in value["changed"]]
        return Recipe(directory=directory, **value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(file: str, recipe: Recipe) -> None:
    """Keep a recipe. Raises OSError."""
    value = recipe._asdict()
    del value["directory"]
    keep(file, {"version": VERSION, **value})

"""discover: which files describe the place that a directory belongs to.

Looks at the directories between the given one and the workspace root and
nowhere else: the cost grows with depth, never with the size of the tree.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from stead.formats import known
from stead.pipeline.files import VERSION_CONTROL, is_file, is_ours, load_text, plain
from stead.values.errors import ManifestError, NoPlaceError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.values.manifest import Manifest

PACKAGE = "__main__.py"


@dataclass(frozen=True, slots=True)
class Found:
    """A place and what describes it.

    ``manifests`` are ordered from the root down to the place, within one
    directory by the precedence of formats. ``absent`` are names that would have
    taken part. ``below`` are file names that make a directory within the place a
    place of its own. ``watched`` are manifests above the root, of which one may
    come to declare a workspace; ``repository`` is what makes the root one of a
    repository. ``foreign_owned`` are files left out because somebody else owns them.
    """

    place: str
    root: str
    manifests: tuple[Manifest, ...]
    absent: tuple[str, ...]
    below: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    repository: str = ""
    foreign_owned: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Absolute paths of all files that were read, each once."""
        return tuple(dict.fromkeys(f for m in self.manifests for f in (m.file, *m.reads) if f))

    @property
    def bare(self) -> bool:
        """Whether no manifest of Stead's own takes part."""
        return all(m.foreign for m in self.manifests)


def discover(
    directory: str,
    layers: Iterable[str] = (),
    *,
    home: str = "",
    overlay: Mapping[str, str | None] | None = None,
) -> Found:
    """Find the place of ``directory`` (absolute).

    ``layers`` are names whose own files (``requirements-NAME.txt``) are looked
    for too. ``home`` is the user's home directory, which is never itself, nor
    anything above it, taken for a workspace. ``overlay`` (path → text, None for
    no file) holds files as they would be after an edit. Raises ManifestError where there is
    no place, or a manifest cannot be read.
    """
    reader = _Reader(tuple(layers), overlay or {})
    candidates = [d for d in upwards(directory, home) if reader.manifests(d)]
    if not candidates:
        raise _no_place(directory, reader)
    # A folder with only a `__main__.py` is a place by itself, never inside another one.
    described = [d for d in candidates if not _is_package(reader.manifests(d))]
    candidates = described or candidates[:1]
    place = candidates[0]
    root = _root(place, candidates, reader, home)
    chain = _chain(place, root, candidates, reader)
    present = {m.file for d in chain for m in reader.manifests(d)}
    absent = [
        path
        for d in _searched(place, root, reader, home)
        for path in reader.names(d, packages=not described)
        if path not in present and not os.path.exists(path)
    ]
    missing, repository = _repositories(place, root, reader, home)
    above = [] if _declares_workspace(reader.manifests(root)) else candidates
    return Found(
        place=place,
        root=root,
        manifests=tuple(m for d in chain for m in reader.manifests(d)),
        absent=(*absent, *missing),
        below=tuple(reader.names("", packages=not described)),
        watched=tuple(m.file for d in above if d not in chain for m in reader.manifests(d)),
        repository=repository,
        foreign_owned=tuple(reader.foreign_owned),
    )


def read_module(
    directory: str, layers: Iterable[str] = (), *, overlay: Mapping[str, str | None] | None = None
) -> tuple[Manifest, ...]:
    """Read the manifests of one directory, without its parents.

    ``overlay`` is as for :func:`discover`. Raises ManifestError when there are none.
    """
    reader = _Reader(tuple(layers), overlay or {})
    manifests = reader.manifests(directory)
    if not manifests:
        raise ManifestError(
            f"{directory} holds no manifest",
            remedy="give the directory of a module: one with a stead.toml, pyproject.toml, …",
        )
    return manifests


class _Reader:
    """Reads the manifests of a directory once, leaving out what others own."""

    def __init__(self, layers: tuple[str, ...], overlay: Mapping[str, str | None]) -> None:
        self._layers = layers
        self._overlay = overlay
        self._read: dict[str, tuple[Manifest, ...]] = {}
        self.foreign_owned: list[str] = []

    def names(self, directory: str, *, packages: bool) -> list[str]:
        """Give all paths that would count as a manifest in a directory."""
        files = [n for n in known.NAMES if packages or n != PACKAGE]
        for layer in self._layers:
            files += known.layer_files(layer)
        return [os.path.join(directory, f) for f in files]

    def manifests(self, directory: str) -> tuple[Manifest, ...]:
        if directory not in self._read:
            self._read[directory] = known.read_directory(
                directory, self._exists, self._layers, self._load
            )
        return self._read[directory]

    def _load(self, path: str) -> str:
        text = self._overlay.get(path)
        if text is None:
            return load_text(path)
        return text if os.path.basename(path) == known.DOTENV else plain(text)

    def _exists(self, path: str) -> bool:
        if path in self._overlay:
            return self._overlay[path] is not None
        if not is_file(path):
            return False
        if not is_ours(path):
            self.foreign_owned.append(path)
            return False
        return True


def upwards(directory: str, home: str) -> list[str]:
    """List a directory and its parents that may hold a manifest.

    Stops before the user's home directory and the file system's root, and where
    another file system begins.
    """
    directories = []
    try:
        device = os.stat(directory).st_dev
    except OSError as exc:
        raise ManifestError(
            f"the directory {directory} cannot be read: {exc.strerror}",
            remedy="change to a directory that exists",
        ) from exc
    current = directory
    while True:
        parent = os.path.dirname(current)
        if parent == current or (home and current == home):
            break
        try:
            if os.stat(current).st_dev != device:
                break
        except OSError:
            break
        directories.append(current)
        current = parent
    return directories


def _is_package(manifests: tuple[Manifest, ...]) -> bool:
    return _describing(manifests) != () and all(
        m.format == "package" for m in _describing(manifests)
    )


def _describing(manifests: tuple[Manifest, ...]) -> tuple[Manifest, ...]:
    """Leave out what describes no project: a ``.env`` goes with whatever its directory is."""
    return tuple(m for m in manifests if m.format != known.DOTENV)


def _is_others(manifests: tuple[Manifest, ...]) -> bool:
    """Say whether a directory is described, and in other tools' words only."""
    described = _describing(manifests)
    return bool(described) and all(m.foreign for m in described)


def _searched(place: str, root: str, reader: _Reader, home: str) -> list[str]:
    """List the directories in which a new manifest could change the place or its root.

    Above a declared workspace none could; otherwise one may declare a workspace
    of all that is below it.
    """
    parents = upwards(place, home)
    if _declares_workspace(reader.manifests(root)):
        return [d for d in parents if d == root or _below(d, root)]
    return parents


def _repositories(place: str, root: str, reader: _Reader, home: str) -> tuple[list[str], str]:
    """List what would make another directory the repository's root, and what makes this one."""
    absent: list[str] = []
    if _declares_workspace(reader.manifests(root)):
        return absent, ""
    for directory in upwards(place, home):
        marks = [os.path.join(directory, name) for name in VERSION_CONTROL]
        there = [mark for mark in marks if is_ours(mark)]
        if there:
            return absent, there[0]
        absent += [mark for mark in marks if not os.path.lexists(mark)]
    return absent, ""


def _declares_workspace(manifests: tuple[Manifest, ...]) -> bool:
    return any(m.workspace for m in manifests)


def _below(directory: str, root: str) -> bool:
    return directory.startswith(root.rstrip(os.sep) + os.sep)


def _root(place: str, candidates: list[str], reader: _Reader, home: str) -> str:
    """Choose the workspace root: ``[workspace]``, else the repository, else the tree of manifests."""
    for directory in candidates:
        if _declares_workspace(reader.manifests(directory)):
            return directory
    for directory in upwards(place, home):
        if any(is_ours(os.path.join(directory, name)) for name in VERSION_CONTROL):
            return directory
    if _is_others(reader.manifests(place)):
        return place
    own = [d for d in candidates if any(not m.foreign for m in reader.manifests(d))]
    return own[-1] if own else place


def _chain(place: str, root: str, candidates: list[str], reader: _Reader) -> list[str]:
    """List the directories whose manifests apply to the place, root first."""
    chain = []
    for directory in candidates:
        if directory != root and not _below(directory, root):
            break
        chain.append(directory)
        manifests = reader.manifests(directory)
        if any(not m.inherit for m in manifests):
            break
        alone = directory == place and _is_others(manifests)
        if alone and not _is_member(place, root, reader):
            break
    return chain[::-1]


def _is_member(place: str, root: str, reader: _Reader) -> bool:
    if place == root:
        return True
    relative = os.path.relpath(place, root).replace(os.sep, "/")
    return any(
        fnmatchcase(relative, pattern.strip("/").removeprefix("./"))
        for m in reader.manifests(root)
        if m.workspace
        for pattern in m.workspace.members
    )


IMPORTED = ("pixi.toml", "pixi.lock")
"""Files of other tools that are no manifests, but can be made one."""


def _no_place(directory: str, reader: _Reader) -> ManifestError:
    if reader.foreign_owned:
        return ManifestError(
            "the manifests here belong to another user, so they do not count",
            details=reader.foreign_owned,
            remedy="take ownership of them (chown), or copy the directory",
        )
    taken = next((n for n in IMPORTED if os.path.isfile(os.path.join(directory, n))), "")
    if taken:
        return NoPlaceError(
            f"no manifest in {directory} or above it: a {taken} is not read by itself",
            remedy=f"`stead import {taken}` writes a stead.toml from it",
        )
    return NoPlaceError(
        f"no manifest in {directory} or above it",
        remedy="run `stead init` to make one, or change to a directory with a stead.toml, "
        "pyproject.toml, requirements.txt or environment.yml",
    )

"""Where things of this machine lie on a node: directories, ``[paths]``, what texts are relative to.

The project's code becomes a tree. What the project writes must outlive versions of
it, so an entry of ``[paths]`` that is no file of the code lies in a directory of the
recipe's own; what the host offers under the entry's name is used where it is.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any

from stead.deploy.targets import data_directory, tree_directory
from stead.values.frozen import dataclass, replace
from stead.values.kinds import RenderedFile
from stead.values.manifest import PathEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.kinds import Host
    from stead.values.secret import SecretReference
    from stead.values.spec import Configuration

MODULES = ".modules"
"""Holds, in the tree of the code, what lies outside of the workspace."""


@dataclass(frozen=True, slots=True)
class Move:
    """A directory of this machine, and where it is on the node."""

    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the code of one deployment lies on a node."""

    root: str
    """Stead's directory on the node."""
    recipe: str
    moves: tuple[Move, ...] = ()
    """The longest directory first."""
    files: frozenset[str] = frozenset()
    """Absolute paths, on this machine, of the code's files and their directories."""

    def there(self, path: str) -> str:
        """Give a path's place on the node; one that does not move is the same there."""
        if path.startswith(f"{self.root}/"):  # it was moved: the node may lie within the place
            return path
        for move in self.moves:
            if path == move.here or path.startswith(f"{move.here}/"):
                return move.there + path[len(move.here) :]
        return path

    def here(self, path: str) -> str:
        """Give the place on this machine of a path of the node."""
        for move in self.moves:
            if path == move.there or path.startswith(f"{move.there}/"):
                return move.here + path[len(move.there) :]
        return path

    def located(self, entry: PathEntry, host: Host | None) -> PathEntry:
        """Give an entry of ``[paths]`` as it is on the node."""
        offered = next((o.value for o in host.paths if o.name == entry.name), "") if host else ""
        if offered:
            return replace(entry, path=offered, base="/")
        if entry.path is None:
            return entry
        path = os.path.normpath(os.path.join(entry.base, entry.path))
        if path in self.files or self.there(path) == path:
            return replace(entry, path=self.there(path), base="/")
        return replace(entry, path=self.kept(path), base="/")

    def kept(self, path: str) -> str:
        """Give the place on the node of what the project writes at a path."""
        move = next(m for m in self.moves if path == m.here or path.startswith(f"{m.here}/"))
        inside = path[len(move.here) :].strip("/")
        return os.path.join(data_directory(self.root, self.recipe), inside).rstrip("/")

    def local(self, reference: SecretReference) -> SecretReference:
        """Give a reference to a secret as it can be opened on this machine."""
        return replace(reference, base=self.here(reference.base))


def places(
    root: str, recipe: str, key: str, code: Iterable[tuple[str, str]], files: Iterable[str]
) -> Places:
    """Say where the code lies: ``code`` are directories here, and where they are in its tree.

    ``key`` is the tree's, ``files`` the absolute paths of its files here.
    """
    tree = tree_directory(root, key)
    moves = [Move(here, f"{tree}/{inside}" if inside else tree) for here, inside in code]
    moves.sort(key=lambda m: (-len(m.here), m.here))
    tops = {m.here for m in moves}
    known = set()
    for path in files:
        at = path
        while at not in known and at not in tops and len(at) > 1:
            known.add(at)
            at = os.path.dirname(at)
    return Places(root, recipe, tuple(moves), frozenset(known | tops))


def moved(configuration: Configuration, where: Places, host: Host | None) -> Configuration:
    """Give a configuration as it is on the node: what is relative is so to directories there.

    Files that are to be rendered keep theirs: their templates are read on this machine.
    """
    changed: Configuration = _based(configuration, where)
    return replace(
        changed,
        paths=tuple(where.located(p, host) for p in configuration.paths),
        modules=tuple(where.there(m) for m in configuration.modules),
        files=configuration.files,
    )


def _based(value: Any, where: Places) -> Any:
    """Move every ``base`` that is in a value."""
    if isinstance(value, tuple):
        made = tuple(_based(one, where) for one in value)
        return value if all(a is b for a, b in zip(made, value, strict=True)) else made
    names = getattr(type(value), "__stead_fields__", None)
    if names is None or isinstance(value, RenderedFile | PathEntry):
        return value
    changes = {}
    for name in names:
        old = getattr(value, name)
        new = where.there(old) if name == "base" else _based(old, where)
        if new is not old:
            changes[name] = new
    return replace(value, **changes) if changes else value

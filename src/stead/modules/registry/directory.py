"""A registry that is a directory: ``NAME/stead-item.toml``, and its files below ``NAME/files``."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stead.formats import item as item_file
from stead.modules.registry import Summary
from stead.modules.registry.safe import Intake
from stead.values.errors import ManifestError, RegistryError
from stead.values.frozen import dataclass
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from stead.formats.item import Description
    from stead.values.item import Item

PASSED_OVER = frozenset(
    {
        "__pycache__",
        ".DS_Store",
        ".git",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
        "node_modules",
    }
)
"""What trying an item out in its registry leaves there."""

_LARGEST_DESCRIPTION = 1_000_000


@dataclass(frozen=True, slots=True)
class Directory:
    """Items in a directory, one version of each."""

    name: str
    directory: str
    """Absolute."""
    location: str
    commit: str = ""

    def items(self) -> tuple[Summary, ...]:
        """List the items, by name. Raises RegistryError, or ManifestError of a description."""
        found = []
        for name in self.names():
            item = self._description(name).item
            found.append(Summary(name, item.kind, item.version, (item.version,), item.summary))
        return tuple(found)

    def book(self) -> dict[str, str]:
        """Give the pages of its book. Raises ManifestError."""
        from stead.modules.book import DIRECTORY, texts

        self.names()  # a directory that is gone has no empty book
        return {n: text for n, _, text in texts(os.path.join(self.directory, DIRECTORY))}

    def item(self, name: str, version: str = "") -> Item:
        """Give an item with its files; see :class:`stead.modules.registry.Source`."""
        names = self.names()
        if name not in names:
            close = nearest(name, names)
            raise RegistryError(
                f"the registry {self.name} has no item {name}"
                + (f"; did you mean {close}?" if close else ""),
                where=self.location,
                remedy=f"there are: {', '.join(names)}" if names else "it has no items at all",
            )
        description = self._description(name)
        if version and version != description.item.version:
            raise RegistryError(
                f"the registry {self.name} has no {name} {version}",
                where=self.location,
                remedy=f"it has {description.item.version}",
            )
        return item_file.complete(description, contents(os.path.join(self.directory, name)))

    def names(self) -> list[str]:
        """List the items' names. Raises RegistryError."""
        try:
            with os.scandir(self.directory) as entries:
                return sorted(
                    e.name for e in entries if os.path.isfile(os.path.join(e, item_file.NAME))
                )
        except OSError as exc:
            raise RegistryError(
                f"the registry {self.name} cannot be read: {exc.strerror}",
                where=self.directory,
                remedy="correct its address, or bring it back",
            ) from exc

    def _description(self, name: str) -> Description:
        return description(os.path.join(self.directory, name))


def description(directory: str) -> Description:
    """Read the description of the item in a directory of its name. Raises ManifestError."""
    file = os.path.join(directory, item_file.NAME)
    # A repository can hold links: what they lead to on this machine is no item's.
    for path in (directory, file, os.path.join(directory, item_file.FILES)):
        if os.path.islink(path):
            raise Intake(directory).link(os.path.basename(path))
    try:
        with open(file, "rb") as stream:
            raw = stream.read(_LARGEST_DESCRIPTION + 1)
        if len(raw) > _LARGEST_DESCRIPTION:
            raise ManifestError(
                "this file is too large for an item's description", where=file, remedy="shorten it"
            )
        found = item_file.read(raw.decode("utf-8"), file)
    except (OSError, UnicodeDecodeError) as exc:
        raise ManifestError(
            f"this file cannot be read: {exc}", where=file, remedy="it is TOML, in UTF-8"
        ) from exc
    name = os.path.basename(directory)
    if found.item.name != name:
        raise ManifestError(
            f"the item {found.item.name} lies in a directory {name}",
            where=file,
            remedy="give both one name",
        )
    return found


def contents(directory: str) -> dict[str, tuple[bytes, bool]]:
    """Read an item's files: path → content, and whether it is a program. Raises RegistryError."""
    return contents_of(os.path.join(directory, item_file.FILES))


def contents_of(top: str, without: Sequence[str] = ()) -> dict[str, tuple[bytes, bool]]:
    """Read the files below a directory, but for what trying them out left there."""
    intake = Intake(top)
    found = {}
    for path, entry in _walk(top, "", intake, {*PASSED_OVER, *without}):
        status = entry.stat(follow_symlinks=False)
        intake.path(path, status.st_size)
        try:
            with open(entry.path, "rb") as stream:
                found[path] = intake.content(path, stream), bool(status.st_mode & stat.S_IXUSR)
        except OSError as exc:
            raise RegistryError(
                f"this file cannot be read: {exc.strerror}", where=entry.path, remedy="mend it"
            ) from exc
    return found


def _walk(
    top: str, below: str, intake: Intake, without: Collection[str]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(os.path.join(top, below)) as listed:
            entries = sorted(listed, key=lambda e: e.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name in without or entry.name.endswith((".pyc", ".egg-info")):
            continue
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(top, path, intake, without)
        elif entry.is_file(follow_symlinks=False):
            yield path, entry
        else:
            raise intake.link(path)

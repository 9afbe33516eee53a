"""A built registry, wherever it lies: ``index.json``, and items in archives named by their hash."""

from __future__ import annotations

import os.path
from functools import cached_property
from typing import TYPE_CHECKING

from stead.formats import item as item_file
from stead.modules.registry import archives, index
from stead.values.errors import RegistryError
from stead.values.names import nearest
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from stead.modules.registry import Summary
    from stead.modules.registry.index import Entry, Index
    from stead.values.item import Item

    class Tree(Protocol):
        """Where the files of a built registry are."""

        def index(self) -> bytes:
            """Give ``index.json``, whole. Raises RegistryError, NetworkError."""

        def archive(self, entry: Entry) -> bytes:
            """Give the file of an archive, not longer than its entry says.

            Raises RegistryError, NetworkError.
            """


class Built:
    """Items of a built registry."""

    def __init__(self, name: str, location: str, tree: Tree, commit: str = "") -> None:
        self.name = name
        self.location = location
        self.commit = commit
        self._tree = tree

    @cached_property
    def _index(self) -> Index:
        return index.read(self._tree.index(), f"{self.location}/{index.NAME}")

    def names(self) -> list[str]:
        """List the items' names, sorted. Raises RegistryError, NetworkError."""
        return sorted(self._index.items)

    def items(self) -> tuple[Summary, ...]:
        """List the items, by name; see :class:`stead.modules.registry.Source`."""
        return self._index.summaries()

    def book(self) -> Mapping[str, str]:
        """Give the pages of its book. Raises RegistryError, NetworkError."""
        return self._index.book

    def item(self, name: str, version: str = "") -> Item:
        """Give an item with its files; see :class:`stead.modules.registry.Source`."""
        known = self._index.items
        if name not in known:
            raise no_item(self.name, name, list(known), self.location)
        versions = self._index.versions(name)
        chosen = version or versions[0]
        if chosen not in known[name]:
            close = nearest(chosen, versions)
            raise RegistryError(
                f"the registry {self.name} has no {name} {chosen}"
                + (f"; did you mean {close}?" if close else ""),
                where=self.location,
                remedy=f"it has {', '.join(versions[:12])}{', …' * (len(versions) > 12)}",
            )
        return self._read(name, chosen, known[name][chosen])

    def _read(self, name: str, version: str, entry: Entry) -> Item:
        where = f"{self.location}/{entry.archive}"
        packed = self._tree.archive(entry)
        same_hash(f"the archive of {name} {version}", entry.sha256, packed, where)
        text, contents = archives.read(packed, where)
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise RegistryError(
                f"the description of {name} {version} is not UTF-8",
                where=where,
                remedy="tell those who keep the registry",
            ) from exc
        item = item_file.complete(item_file.read(decoded, f"{where}/{item_file.NAME}"), contents)
        if (item.name, item.version) != (name, version):
            raise RegistryError(
                f"the index says {name} {version}, and the archive holds {item.name} {item.version}",
                where=where,
                remedy="nothing was written; tell those who keep the registry",
            )
        same_content(item, entry.integrity, where)
        return item


class Files:
    """A built registry in a directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def index(self) -> bytes:
        """Give ``index.json``. Raises RegistryError."""
        return self._read(index.NAME, index.LARGEST_INDEX)

    def archive(self, entry: Entry) -> bytes:
        """Give an archive. Raises RegistryError."""
        return self._read(entry.archive, entry.size)

    def _read(self, name: str, most: int) -> bytes:
        path = os.path.join(self._directory, *name.split("/"))
        try:
            with open(path, "rb") as file:
                found = file.read(most + 1)
        except OSError as exc:
            raise RegistryError(
                f"the registry's {name} cannot be read: {exc.strerror}",
                where=path,
                remedy="bring it back, or build the registry anew",
            ) from exc
        if len(found) > most:
            raise too_long(name, most, path)
        return found


def is_built(directory: str) -> bool:
    """Say whether a directory holds a built registry."""
    return os.path.isfile(os.path.join(directory, index.NAME))


def no_item(registry: str, name: str, there: list[str], where: str) -> RegistryError:
    """Give the error for an item that a registry does not have."""
    close = nearest(name, there)
    some = sorted(there)
    return RegistryError(
        f"the registry {registry} has no item {name}"
        + (f"; did you mean {close}?" if close else ""),
        where=where,
        remedy=f"there are: {', '.join(some[:30])}{', …' * (len(some) > 30)}"
        if some
        else "it has no items at all",
    )


def too_long(name: str, most: int, where: str) -> RegistryError:
    """Give the error for what is longer than was said, or than anybody may need."""
    return RegistryError(
        f"{name} is refused: it has more than {most} bytes",
        where=where,
        remedy="nothing was written; tell those who keep the registry",
    )


def same_hash(what: str, expected: str, content: bytes, where: str) -> None:
    """Raise RegistryError where content is not what its hash says."""
    found = sha256(content).hexdigest()
    if found != expected:
        raise RegistryError(
            f"{what} is not what it is said to be",
            where=where,
            details=[f"expected: sha256:{expected}", f"found:    sha256:{found}"],
            remedy="nothing was written; tell those who keep the registry",
        )


def same_content(item: Item, expected: str, where: object) -> None:
    """Raise RegistryError where an item has changed under the hash that somebody pinned."""
    if item.integrity != expected:
        raise RegistryError(
            f"{item.name} {item.version} is not what was pinned: it changed under its version",
            where=str(where),
            details=[f"expected: {expected}", f"found:    {item.integrity}"],
            remedy="nothing was written; ask those who keep the registry why it changed",
        )

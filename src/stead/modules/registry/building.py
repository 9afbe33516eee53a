"""Building a registry: a directory of items becomes an index and archives that any server can serve.

The same items give the same bytes. Versions that were built before stay, and what was published
under a version stays as it is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.formats import book_page
from stead.formats import item as item_file
from stead.modules.registry import archives, index
from stead.modules.registry.built import Files, is_built
from stead.modules.registry.directory import Directory, contents
from stead.store.atomic import storage, write_file
from stead.values.errors import RegistryError
from stead.values.frozen import dataclass
from stead.values.sha import sha256

if TYPE_CHECKING:
    from stead.modules.registry.index import Entry
    from stead.values.item import Item


@dataclass(frozen=True, slots=True)
class Done:
    """What building a registry came to."""

    added: tuple[tuple[str, str], ...]
    """Name and version of each item that was not there yet."""
    there: tuple[tuple[str, str], ...]
    """Of each that was there already, unchanged."""
    older: int
    """How many versions stay that the directory does not have any more."""


def build(directory: str, out: str, name: str = "") -> Done:
    """Build the registry in a directory into another one, which may hold an older build of it.

    ``name`` is what the index calls it. Raises RegistryError, ManifestError or StoreError; then
    the index is as it was.
    """
    if is_built(directory):
        raise RegistryError(
            "this is a built registry already",
            where=directory,
            remedy="name the directory of its items, each with a stead-item.toml",
        )
    before = _before(out)
    name = name or own_name(directory)
    source = Directory(name or os.path.basename(os.path.abspath(directory)), directory, directory)
    items: dict[str, dict[str, Entry]] = {n: dict(v) for n, v in before.items.items()}
    packed: dict[str, bytes] = {}
    added: list[tuple[str, str]] = []
    there: list[tuple[str, str]] = []
    for summary in source.items():
        item = source.item(summary.name)
        made = _packed(directory, item)
        digest = sha256(made).hexdigest()
        known = items.setdefault(item.name, {}).get(item.version)
        if known is not None:
            _refuse_change(item, known, out)
            there.append((item.name, item.version))
            continue
        added.append((item.name, item.version))
        archive = f"archives/{digest}.tar.gz"
        packed[archive] = made
        items[item.name][item.version] = index.Entry(
            item.summary, item.kind, item.integrity, archive, len(made)
        )
        _check_needs(item, items, source)
    book = source.book()
    for page, text in book.items():
        book_page.read(text, os.path.join(directory, "book", f"{page}.md"), page)
    made_now = index.write(index.Index(name or before.name or source.name, items, book))
    index.read(made_now, out)  # what others could not read is not written
    with storage(out):
        os.makedirs(out, exist_ok=True)
    for archive, content in packed.items():
        write_file(os.path.join(out, *archive.split("/")), content)
    write_file(os.path.join(out, index.NAME), made_now)
    total = sum(len(versions) for versions in items.values())
    return Done(tuple(added), tuple(there), total - len(added) - len(there))


def own_name(directory: str) -> str:
    """Give what a registry's ``stead-registry.toml`` calls it; empty where it says nothing.

    Raises ManifestError for a file that cannot be read.
    """
    from stead.formats import registry_toml

    file = os.path.join(directory, registry_toml.NAME)
    if not os.path.exists(file):
        return ""
    with storage(file), open(file, "rb") as stream:
        return registry_toml.read(stream.read(), file)


def _before(out: str) -> index.Index:
    if is_built(out):
        return index.read(Files(out).index(), os.path.join(out, index.NAME))
    if os.path.isdir(out) and os.listdir(out):
        raise RegistryError(
            "this directory holds other things than a built registry",
            where=out,
            remedy="name a new one, or the one of the build before",
        )
    return index.Index()


def _packed(directory: str, item: Item) -> bytes:
    at = os.path.join(directory, item.name)
    with storage(at), open(os.path.join(at, item_file.NAME), "rb") as file:
        description = file.read()
    return archives.write(description, contents(at))


def _refuse_change(item: Item, known: Entry, out: str) -> None:
    if known.integrity != item.integrity:
        raise RegistryError(
            f"{item.name} {item.version} is published already, with other contents",
            where=out,
            details=[f"published: {known.integrity}", f"now:       {item.integrity}"],
            remedy=f"raise version in {item.name}/{item_file.NAME}",
        )


def _check_needs(item: Item, items: dict[str, dict[str, Entry]], source: Directory) -> None:
    """Refuse an item that needs what this registry does not have exactly so."""
    for need in item.needs:
        if need.registry:
            continue
        entry = items.get(need.name, {}).get(need.version)
        found = entry.integrity if entry else ""
        if not found:
            now = source.item(need.name)
            found = now.integrity if now.version == need.version else ""
        if found != need.integrity:
            raise RegistryError(
                f"{item.name} {item.version} needs {need.name} {need.version}, "
                + ("which is another one here" if found else "which is not here"),
                where=need.origin,
                details=[f"needed: {need.integrity}", f"here:   {found}"] if found else [],
                remedy="pin what there is: `stead module show` says the hash",
            )

"""``index.json`` of a built registry: which items there are, in which versions, in which archives.

It comes from elsewhere: nothing in it is believed before it has been read here, and what an
archive holds is compared with it afterwards.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stead.formats._grammar_item import INTEGRITY, ITEM, VERSION
from stead.modules.registry import INDEX, Summary
from stead.modules.registry.safe import LARGEST
from stead.values.errors import RegistryError
from stead.values.frozen import dataclass, field
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = INDEX
FORMAT = 1
LARGEST_INDEX = 16 * 1024 * 1024
"""Bytes of an index."""

_KINDS = frozenset({"app", "client", "data", "host", "lib", "net"})
_ARCHIVE = regex(r"archives/([0-9a-f]{64})\.tar\.gz")
_ITEM, _VERSION, _INTEGRITY = regex(ITEM), regex(VERSION), regex(INTEGRITY)
_PAGE = regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")
_PARTS = regex(r"([0-9.]+)(?:(a|b|rc)([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an item."""

    summary: str
    kind: str
    integrity: str
    """``sha256:…`` of description and files; see :attr:`stead.values.item.Item.integrity`."""
    archive: str
    """Its path below the index's directory, which holds the archive's own sha256."""
    size: int
    """Bytes of the archive."""

    @property
    def sha256(self) -> str:
        return self.archive.removeprefix("archives/").removesuffix(".tar.gz")


@dataclass(frozen=True, slots=True)
class Index:
    """What a built registry says of itself."""

    name: str = ""
    items: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    """Name → version → entry."""
    book: Mapping[str, str] = field(default_factory=dict)
    """The pages of its book: name → Markdown."""

    def versions(self, name: str) -> tuple[str, ...]:
        """Give the versions of an item, the latest first; those to be tried come last."""
        return latest_first(self.items.get(name, ()))

    def summaries(self) -> tuple[Summary, ...]:
        """List the items, by name."""
        made = []
        for name in sorted(self.items):
            versions = self.versions(name)
            entry = self.items[name][versions[0]]
            made.append(Summary(name, entry.kind, versions[0], versions, entry.summary))
        return tuple(made)


def latest_first(versions: Any) -> tuple[str, ...]:
    """Sort versions, the latest first; those that are only to be tried (``2.0rc1``) come last."""
    return tuple(sorted(versions, key=lambda v: (not is_trial(v), order(v)), reverse=True))


def is_trial(version: str) -> bool:
    """Say whether a version is only to be tried."""
    return any(letter in version for letter in "abc")


def order(version: str) -> tuple[tuple[int, ...], str, int]:
    """Give what versions are compared by: ``1.10`` comes after ``1.9``, ``1.0`` is ``1.0.0``."""
    found = _PARTS.fullmatch(version)
    if found is None:
        return ((), version, 0)
    numbers = [int(n or 0) for n in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return (tuple(numbers), found[2] or "z", int(found[3] or 0))


def read(raw: bytes, where: str) -> Index:
    """Read an index. Raises RegistryError for one that is none."""
    try:
        data = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise _wrong(where, f"it is not JSON ({str(exc)[:100]})") from exc
    if not isinstance(data, dict) or "format" not in data:
        raise _wrong(where, "it is not what `stead registry build` writes")
    if data["format"] != FORMAT:
        raise RegistryError(
            f"this registry has format {str(data['format'])[:20]!r}, and {FORMAT} is known",
            where=where,
            remedy="take a newer Stead",
        )
    name, items = data.get("name", ""), data.get("items", {})
    if not isinstance(name, str) or not name.isprintable() or not isinstance(items, dict):
        raise _wrong(where, "name and items are a text and a table")
    made: dict[str, dict[str, Entry]] = {}
    for item, versions in items.items():
        if not _ITEM.fullmatch(item):
            raise _wrong(where, f"{item[:60]!r} cannot be an item's name")
        if not isinstance(versions, dict) or not versions:
            raise _wrong(where, f"{item} has no versions")
        made[item] = {v: _entry(e, f"{item} {v}"[:80], v, where) for v, e in versions.items()}
    return Index(name, made, _book(data.get("book", {}), where))


def _book(pages: Any, where: str) -> dict[str, str]:
    if not isinstance(pages, dict):
        raise _wrong(where, "book is no table")
    for name, text in pages.items():
        if not _PAGE.fullmatch(name) or not isinstance(text, str):
            raise _wrong(where, f"{name[:60]!r} is no page of the book")
        if not all(c.isprintable() or c in "\n\t" for c in text):
            raise _wrong(where, f"the page {name} holds what cannot be shown")
    return pages


def _entry(data: Any, what: str, version: str, where: str) -> Entry:
    if not _VERSION.fullmatch(version) or len(version) > 60:
        raise _wrong(where, f"{what!r} cannot be a version")
    if not isinstance(data, dict):
        raise _wrong(where, f"{what} is no table")
    texts = {key: data.get(key) for key in ("summary", "kind", "integrity", "archive")}
    size = data.get("size")
    for key, value in texts.items():
        if not isinstance(value, str) or not value.isprintable():
            raise _wrong(where, f"{key} of {what} is no text that can be shown")
    if texts["kind"] not in _KINDS:
        raise _wrong(where, f"{what} is of no kind that there is")
    if not _INTEGRITY.fullmatch(str(texts["integrity"])):
        raise _wrong(where, f"integrity of {what} is not sha256: and 64 digits")
    if not _ARCHIVE.fullmatch(str(texts["archive"])):
        raise _wrong(where, f"the archive of {what} is not archives/<sha256>.tar.gz")
    if type(size) is not int or size <= 0:
        raise _wrong(where, f"size of {what} is no number of bytes")
    if size > LARGEST:
        raise RegistryError(
            f"{what} is refused: its archive is said to have {size} bytes, "
            f"and {LARGEST // 2**20} MiB are the most",
            where=where,
            remedy="nothing was fetched; tell those who keep the registry",
        )
    return Entry(size=size, **{k: str(v) for k, v in texts.items()})


def write(index: Index) -> bytes:
    """Give the index's text: the same for the same items."""
    items = {
        name: {
            version: {
                "summary": e.summary,
                "kind": e.kind,
                "integrity": e.integrity,
                "archive": e.archive,
                "size": e.size,
            }
            for version, e in sorted(versions.items(), key=lambda pair: order(pair[0]))
        }
        for name, versions in sorted(index.items.items())
    }
    data = {"format": FORMAT, "name": index.name, "items": items}
    if index.book:
        data["book"] = dict(sorted(index.book.items()))
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _wrong(where: str, why: str) -> RegistryError:
    return RegistryError(
        f"this index of a registry cannot be read: {why}",
        where=where,
        remedy="tell those who keep the registry; `stead registry build` makes it anew",
    )

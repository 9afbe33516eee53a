"""The record of a module: read, made, and written as files beside the module's source.

``.stead-module/`` in the module's directory holds

    record.toml      where the module came from, its options, and the hash of each file as written
    base/HASH        a copy of each file as it was written, named by its SHA-256
    .gitattributes   keeps git from changing line ends here

The copies are what an update merges from, without the network and without what rendered
them. Names of hashes keep them inert: no linter, test runner or updater of dependencies
takes them for source, and branches that updated differently do not conflict in them.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, Any, NoReturn

from stead.values.errors import ManifestError
from stead.values.frozen import dataclass, replace
from stead.values.item import Came, Record, Unsettled
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stead.formats.toml_lines import Lines
    from stead.values.item import Answer, ItemFile, Need

DIRECTORY = ".stead-module"
FORMAT = 1
_CAME = ("registry", "location", "commit", "item", "version", "integrity")
_RECORD = f"{DIRECTORY}/record.toml"
_BASE = f"{DIRECTORY}/base"
ATTRIBUTES = f"{DIRECTORY}/.gitattributes"
_ATTRIBUTES_TEXT = b"* -text\nbase/* -diff linguist-generated\n"
_HEAD = """\
# Where this module came from, and what its files held when they were written.
# `stead module update` merges with it; `stead module eject` forgets it.
"""
_REMEDY = (
    "restore the file from version control, or remove its directory: the module is on its own then"
)
_COPY = regex(r"[0-9a-f]{64}")
_PRUNED = ("node_modules", "__pycache__", "site-packages")


def digest(content: bytes) -> str:
    """Give ``sha256:…`` of a file's content."""
    return f"sha256:{sha256(content).hexdigest()}"


def made(
    came: Came,
    options: Iterable[tuple[str, Answer]],
    written: Iterable[ItemFile],
    entries: Iterable[tuple[str, str]] = (),
    needs: Iterable[Need] = (),
) -> Record:
    """Give the record of an item as it lands: ``written`` are its files, rendered.

    ``entries`` are what it writes into files of the root, with hashes; ``needs`` are the items
    that it needs.
    """
    files = sorted(written, key=lambda file: file.path)
    return Record(
        came,
        tuple(sorted(options)),
        tuple((file.path, digest(file.content)) for file in files),
        tuple(file.path for file in files if file.executable),
        tuple(sorted(entries)),
        needs=tuple(sorted(need.name for need in needs)),
    )


def files(record: Record, written: Iterable[ItemFile]) -> dict[str, bytes]:
    """Give what is to be written for a record: paths relative to the module's directory.

    ``written`` has the content of every file that the record (or what is pending in it)
    names and of which no copy lies in ``base/`` yet.
    """
    named = {content for held in _both(record) for _, content in held.files}
    given = {digest(file.content): file.content for file in written}
    found = {f"{_BASE}/{_name(key)}": given[key] for key in sorted(named & given.keys())}
    return {ATTRIBUTES: _ATTRIBUTES_TEXT, **found, _RECORD: text(record).encode()}


def needless(directory: str, record: Record) -> tuple[str, ...]:
    """List the copies in ``base/`` that a record does not name, relative to the directory."""
    named = {_name(content) for held in _both(record) for _, content in held.files}
    try:
        there = sorted(os.listdir(os.path.join(directory, _BASE)))
    except OSError:
        return ()
    return tuple(f"{_BASE}/{name}" for name in there if name not in named)


def own_files(directory: str) -> list[str]:
    """List the files that the record of the module in a directory consists of, absolute."""
    base = os.path.join(directory, *_BASE.split("/"))
    try:
        copies = sorted(n for n in os.listdir(base) if _COPY.fullmatch(n))
    except OSError:
        copies = []
    paths = [os.path.join(base, name) for name in copies]
    paths += [os.path.join(directory, *name.split("/")) for name in (ATTRIBUTES, _RECORD)]
    return [path for path in paths if os.path.isfile(path)]


@dataclass(frozen=True, slots=True)
class Bases:
    """The copies that a record's files were written as, and those that cannot be had.

    ``damaged`` are paths whose copy is gone or was edited.
    """

    contents: Mapping[str, bytes]
    damaged: tuple[str, ...] = ()


def bases(directory: str, record: Record) -> Bases:
    """Read the copies of a record's files, each checked against its hash."""
    contents = {}
    damaged = []
    for path, expected in record.files:
        try:
            with open(os.path.join(directory, _BASE, _name(expected)), "rb") as file:
                content = file.read()
        except OSError:
            damaged.append(path)
            continue
        if digest(content) == expected:
            contents[path] = content
        else:
            damaged.append(path)
    return Bases(contents, tuple(damaged))


def read(directory: str) -> Record | None:
    """Read the record of the module in a directory; None where it has none.

    Raises ManifestError for one that is damaged, or was written by a newer Stead.
    """
    file = os.path.join(directory, *_RECORD.split("/"))
    try:
        with open(file, encoding="utf-8") as stream:
            content = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise ManifestError(
            f"this record of a module cannot be read: {exc}", where=file, remedy=_REMEDY
        ) from exc
    return parse(content, file)


def parse(content: str, file: str) -> Record:
    """Read a record's text. Raises ManifestError with the line."""
    from stead.formats import toml_lines

    data, lines = toml_lines.parse(content, file)
    return _Reader(lines, file).record(data)


def found(root: str) -> Iterator[str]:
    """List the directories below ``root`` that hold a record, sorted.

    Hidden directories, links and those of installed packages are passed over.
    """
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.lstat(os.path.join(root, *_RECORD.split("/"))).st_mode):
            yield root
    try:
        with os.scandir(root) as entries:
            inside = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in inside:
        if not name.startswith(".") and name not in _PRUNED:
            yield from found(os.path.join(root, name))


def text(record: Record) -> str:
    """Write a record. The same record gives the same bytes."""
    return f"{_HEAD}format = {FORMAT}\n" + _body(record, "")


def _both(record: Record) -> tuple[Record, ...]:
    return (record,) if record.pending is None else (record, record.pending)


def _name(content: str) -> str:
    return content.partition(":")[2]


def _body(record: Record, prefix: str) -> str:
    from stead.formats._toml_text import key, value

    parts = []
    lists = {"executable": record.executable, "needs": record.needs}
    if any(lists.values()):
        parts += [f"\n[{prefix[:-1]}]\n"] if prefix else []
        parts += [f"{name} = {value(sorted(listed))}\n" for name, listed in lists.items() if listed]
    tables: dict[str, list[tuple[str, Answer]]] = {
        "came": [(name, said) for name in _CAME if (said := getattr(record.came, name))],
        "options": sorted(record.options),
        "files": [*sorted(record.files)],
        "entries": [*sorted(record.entries)],
        "dropped": [*sorted(record.dropped)],
    }
    for name, pairs in tables.items():
        if pairs or name == "came":
            parts.append(f"\n[{prefix}{name}]\n")
            parts += [f"{key(k)} = {value(v)}\n" for k, v in pairs]
    for conflict in sorted(record.conflicts, key=lambda c: c.path):
        parts.append(f"\n[[{prefix}conflicts]]\npath = {value(conflict.path)}\n")
        if conflict.beside:
            parts.append(f"beside = {value(conflict.beside)}\n")
        if conflict.markers:
            parts.append(f"markers = {conflict.markers}\n")
    if record.pending is not None:
        parts.append(_body(record.pending, f"{prefix}pending."))
    return "".join(parts)


class _Reader:
    def __init__(self, lines: Lines, file: str) -> None:
        self._lines = lines
        self._file = file

    def record(self, data: dict[str, Any]) -> Record:
        version = data.get("format")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self._wrong("this is no record of a module: it says no format", "format")
        if version > FORMAT:
            raise ManifestError(
                f"this record of a module has format {version}; this Stead knows up to {FORMAT}",
                where=Origin(self._file, self._lines.at("format")),
                remedy="use the version of Stead that wrote it, or a newer one",
            )
        held = self._one(data, ())
        pending = data.get("pending")
        if pending is not None:
            held = replace(held, pending=self._one(self._table(pending, "pending"), ("pending",)))
        if bool(held.conflicts) != (held.pending is not None):
            self._wrong("conflicts and what is pending go together", "conflicts")
        return held

    def _one(self, data: dict[str, Any], at: tuple[str, ...]) -> Record:
        came = self._table(data.get("came"), *at, "came")
        options = self._table(data.get("options", {}), *at, "options")
        for name, value in options.items():
            if not isinstance(value, str | int | float):
                self._wrong("an option is a text, a number or a truth value", *at, "options", name)
        return Record(
            Came(**{name: self._text(came, name, *at, "came") for name in _CAME}),
            tuple((n, float(v) if isinstance(v, float) else v) for n, v in options.items()),
            self._hashes(data, "files", at),
            tuple(self._path(p, *at, "executable") for p in self._list(data, "executable", at)),
            self._hashes(data, "entries", at, paths=False),
            self._hashes(data, "dropped", at),
            tuple(self._conflict(c, *at, "conflicts") for c in self._list(data, "conflicts", at)),
            needs=tuple(self._need(n, *at, "needs") for n in self._list(data, "needs", at)),
        )

    def _conflict(self, data: Any, *at: str) -> Unsettled:
        table = self._table(data, *at)
        beside = self._text(table, "beside", *at)
        markers = table.get("markers", 0)
        if not isinstance(markers, int):
            self._wrong("markers is a number", *at)
        return Unsettled(
            self._path(table.get("path"), *at),
            self._path(beside, *at) if beside else "",
            markers,
        )

    def _hashes(
        self, data: dict[str, Any], name: str, at: tuple[str, ...], *, paths: bool = True
    ) -> tuple[tuple[str, str], ...]:
        found = []
        for path, content in self._table(data.get(name, {}), *at, name).items():
            kind, _, hexadecimal = str(content).partition(":")
            if kind != "sha256" or not _COPY.fullmatch(hexadecimal):
                self._wrong("a hash is sha256: and 64 digits", *at, name, path)
            found.append((self._path(path, *at, name, path) if paths else path, str(content)))
        return tuple(sorted(found))

    def _list(self, data: dict[str, Any], name: str, at: tuple[str, ...]) -> list[Any]:
        found = data.get(name, [])
        if not isinstance(found, list):
            self._wrong(f"{name} is a list", *at, name)
        return found

    def _need(self, name: Any, *at: str) -> str:
        if not isinstance(name, str):
            self._wrong("a name of a module is a text", *at)
        return str(name)

    def _path(self, path: Any, *at: str) -> str:
        """Check a path: records come with repositories of others, and files are written by them."""
        if not isinstance(path, str) or not path:
            self._wrong("a path is a text", *at)
        parts = path.split("/")
        odd = "\\" in path or "\0" in path or path[1:2] == ":"
        if odd or any(part in ("", ".", "..") for part in parts) or parts[0] == DIRECTORY:
            self._wrong(f"{path!r} does not lie in the module's directory", *at)
        return path

    def _text(self, table: dict[str, Any], name: str, *at: str) -> str:
        value = table.get(name, "")
        if not isinstance(value, str):
            self._wrong(f"{name} is a text", *at, name)
        return value

    def _table(self, value: Any, *at: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._wrong(f"{at[-1]} is missing" if value is None else f"{at[-1]} is a table", *at)
        return value

    def _wrong(self, message: str, *at: str) -> NoReturn:
        raise ManifestError(message, where=Origin(self._file, self._lines.at(*at)), remedy=_REMEDY)

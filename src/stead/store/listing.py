"""What is in a tree: read once when a build is sealed, compared when it is verified.

An entry is ``(path, mode, size, mtime_ns, detail)``; ``path`` is relative, with
``/``; ``mode`` as ``lstat`` gives it; size and time are 0 for directories and
links. ``detail`` is the target of a link, or the sha256 of a file where no
package's own record carries it, else None.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stead.store.atomic import FD_PATHS, storage
from stead.store.layout import METADATA
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stead.store.survey import Survey

Entry = tuple[str, int, int, int, "str | None"]

Linked = tuple[str, list[str], list[int], list[int], list[int]]
"""Files of one directory that are linked from a package: its path, then their names,
modes, sizes and times. Their record carries the hashes."""

T = TypeVar("T")

VERSION = 2

COARSE = 10_000_000
"""A time that is a multiple of so many nanoseconds may come from a file system with coarse ones."""

FEW = 1000
LITTLE = 64 * 1024 * 1024
"""Files that nothing else links to were written for this build: when they are no
more than this, all are hashed as they stand, whatever a record says of them."""


class Found(NamedTuple):
    """One entry of a tree as it stands. ``links`` counts its hard links."""

    path: str
    mode: int
    size: int
    mtime_ns: int
    target: str | None
    links: int
    inode: tuple[int, int]


class Listing(NamedTuple):
    """What is in a tree: entries, and the files that are kept in fewer words."""

    entries: list[Entry]
    linked: list[Linked]
    times: list[int] = []  # noqa: RUF012 (a tuple's default)
    """When names were last added to or taken from each directory among ``entries``, in order."""

    def all(self) -> list[Entry]:
        """Give every entry, by path."""
        found = list(self.entries)
        for directory, *columns in self.linked:
            start = f"{directory}/" if directory else ""
            found += [
                (start + name, mode, size, time, None)
                for name, mode, size, time in zip(*columns, strict=True)
            ]
        return sorted(found)


class Held(NamedTuple):
    """What one directory held when its tree was sealed."""

    mtime_ns: int
    """0 where that is not known, or too coarse to tell whether names have changed since."""
    names: dict[str, tuple[int, int, int]]
    """Mode, size and time of each."""
    targets: dict[str, str | None]
    """Where the links among them lead."""


def scan(tree: str | os.PathLike[str], *, read_only: bool = False) -> list[Found]:
    """List a tree without its top and without ``.stead``, in no special order.

    With ``read_only`` each file and directory but the top loses its rights to
    write (and what lets it run as another user) on the way, and entries show
    the mode it then has. Raises StoreError.
    """
    root = os.fspath(tree)
    found: list[Found] = []
    pending = [""]
    with storage(root):
        while pending:
            scan_one(root, pending.pop(), pending, found, read_only=read_only)
    return found


def scan_one(
    root: str, relative: str, pending: list[str], found: list[Found], *, read_only: bool
) -> None:
    """Add what one directory holds to ``found``, and its directories to ``pending``; see `scan`."""
    where = os.path.join(root, relative) if relative else root
    fd = os.open(where, os.O_RDONLY | os.O_DIRECTORY) if FD_PATHS else None
    try:
        prefix = relative + "/" if relative else ""
        with os.scandir(where if fd is None else fd) as entries:
            for entry in entries:
                name = entry.name
                if not relative and name == METADATA:
                    continue
                info = entry.stat(follow_symlinks=False)
                mode = info.st_mode
                kind = stat.S_IFMT(mode)
                size = mtime = 0
                target = None
                if kind == stat.S_IFDIR:
                    # Listed only after this directory, so its rights may go already.
                    pending.append(prefix + name)
                    wanted = kind | mode & 0o555 | 0o500
                elif kind == stat.S_IFLNK:
                    target = os.readlink(entry.path if fd is None else name, dir_fd=fd)
                    wanted = mode
                else:
                    size, mtime = info.st_size, info.st_mtime_ns
                    wanted = kind | mode & 0o555 | 0o400
                if read_only and wanted != mode:
                    os.chmod(entry.path if fd is None else name, wanted & 0o7777, dir_fd=fd)
                    mode = wanted
                found.append(
                    Found(
                        prefix + name,
                        mode,
                        size,
                        mtime,
                        target,
                        info.st_nlink,
                        (info.st_dev, info.st_ino),
                    )
                )
    finally:
        if fd is not None:
            os.close(fd)


def seal(tree: str | os.PathLike[str], survey: Survey | None = None) -> Listing:
    """Make everything below ``tree`` read-only and give what to keep about it.

    ``survey`` is what its maker saw of it.
    """
    root = os.fspath(tree)
    found = survey.close(root) if survey else scan(root, read_only=True)
    wanted = unrecorded(root, found, survey)
    from stead.store.hashing import hash_files

    with storage(root):
        hashes = hash_files(root, wanted)
    entries: list[Entry] = [
        (
            f.path,
            f.mode,
            f.size,
            f.mtime_ns,
            f.target if f.target is not None else hashes.get(f.path),
        )
        for f in found
    ]
    entries.sort()
    with storage(root):
        directories = [e[0] for e in entries if stat.S_ISDIR(e[1])]
        times = [os.lstat(os.path.join(root, path)).st_mtime_ns for path in directories]
    return Listing(entries, survey.linked if survey else [], times)


def unrecorded(root: str, found: Iterable[Found], survey: Survey | None = None) -> list[str]:
    """Name the files whose contents no package's record vouches for."""
    files = [f for f in found if stat.S_ISREG(f.mode)]
    own = [f for f in files if f.links == 1]
    few = len(own) <= FEW and sum(f.size for f in own) <= LITTLE
    known = survey.sizes if survey else {}
    read = survey.records if survey else frozenset()
    covered = _recorded(root, [f.path for f in files if f.path not in read])
    sizes = {**known, **{path: -1 if s is None else s for path, (_, s) in covered.items()}}
    unknown = -2
    result = []
    for f in files:
        size = sizes.get(f.path, unknown)
        if size not in (f.size, -1) or (few and f.links == 1):
            result.append(f.path)
    return result


def recorded(root: str, paths: Iterable[str]) -> dict[str, str]:
    """Give path → sha256 as the packages' own records in a tree say.

    Conda's records are ``conda-meta/*.json``, those of PyPI's packages
    ``*.dist-info/RECORD``. A record that cannot be read vouches for nothing.
    """
    return {path: _hexadecimal(text) for path, (text, _) in _recorded(root, paths).items()}


def _recorded(root: str, paths: Iterable[str]) -> dict[str, tuple[str, int | None]]:
    """Give path → (hash as written, size or None if the record does not say it)."""
    known: dict[str, tuple[str, int | None]] = {}
    for path in paths:
        if path.startswith("conda-meta/") and path.endswith(".json"):
            _read_conda(os.path.join(root, path), known)
        elif path.endswith(".dist-info/RECORD"):
            _read_wheel(root, path, known)
    return known


def _hexadecimal(text: str) -> str:
    from base64 import urlsafe_b64decode

    if not text.startswith(_WHEEL_HASH):
        return text
    try:
        return urlsafe_b64decode(text[len(_WHEEL_HASH) :] + "=").hex()
    except ValueError:
        return ""


_WHEEL_HASH = "sha256="


def _read_conda(path: str, known: dict[str, tuple[str, int | None]]) -> None:
    try:
        with open(path, "rb") as file:
            record = json.loads(file.read().decode())
        for item in record["paths_data"]["paths"]:
            sha = item.get("sha256_in_prefix")
            size = None
            if sha is None and "prefix_placeholder" not in item:
                sha, size = item.get("sha256"), item.get("size_in_bytes")
            if sha and item.get("path_type") not in ("softlink", "directory"):
                known[item["_path"]] = (sha, size)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def _read_wheel(root: str, path: str, known: dict[str, tuple[str, int | None]]) -> None:
    from posixpath import dirname, normpath

    base = dirname(dirname(path))
    prefix = base + "/" if base else ""
    try:
        with open(os.path.join(root, path), encoding="utf-8", newline="") as file:
            text = file.read()
        # Nearly every record is without quotes, and then reading it takes half as long.
        lines = text.splitlines()
        for row in _quoted(lines) if '"' in text else (line.rsplit(",", 2) for line in lines):
            if len(row) < 2 or not row[1].startswith(_WHEEL_HASH):
                continue
            name = row[0].replace("\\", "/") if sys.platform == "win32" else row[0]
            name = prefix + name
            if "/." in name or "//" in name or name[0] == ".":
                name = normpath(name)
            size = int(row[2]) if len(row) > 2 and row[2].isdecimal() else None
            known[name] = (row[1], size)
    except (OSError, ValueError):
        return


def _quoted(lines: list[str]) -> Iterable[list[str]]:
    import csv

    try:
        yield from csv.reader(lines)
    except csv.Error as exc:
        raise ValueError(exc) from exc


def dump(listing: Listing) -> bytes:
    """Give the bytes in which a listing is kept."""
    value = {"version": VERSION, **listing._asdict()}
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def load(data: bytes, where: str) -> dict[str, Entry]:
    """Read what :func:`dump` gave, by path. Raises StoreError when it is damaged."""
    return _read(data, where, lambda listing: {e[0]: e for e in listing.all()})


def directories(data: bytes, where: str) -> dict[str, Held]:
    """Read what :func:`dump` gave, by directory: parents first, the tree's top is ``""``.

    Raises StoreError when it is damaged.
    """
    return _read(data, where, _by_directory)


def _by_directory(listing: Listing) -> dict[str, Held]:
    found = {"": Held(0, {}, {})}
    times = iter(listing.times)
    for path, mode, *_ in listing.entries:
        if stat.S_ISDIR(mode):
            time = next(times, 0)
            found[path] = Held(time if time % COARSE else 0, {}, {})
    for path, mode, size, time, detail in listing.entries:
        directory, _, name = path.rpartition("/")
        found[directory].names[name] = (mode, size, time)
        if stat.S_ISLNK(mode):
            found[directory].targets[name] = detail
    for directory, names, *columns in listing.linked:
        found[directory].names.update(zip(names, zip(*columns, strict=True), strict=True))
    return found


def _read(data: bytes, where: str, taken: Callable[[Listing], T]) -> T:
    cause: Exception | None = None
    try:
        value: Mapping[str, Any] = json.loads(zlib.decompress(data))
        if value["version"] in (1, VERSION):  # the first had no files in fewer words
            entries = [(row[0], row[1], row[2], row[3], row[4]) for row in value["entries"]]
            return taken(Listing(entries, value.get("linked", []), value.get("times", [])))
    except (zlib.error, ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
        cause = exc
    raise StoreError(
        "the list of a build's files is damaged",
        where=where,
        remedy="`stead store verify --repair` has the build made again",
    ) from cause

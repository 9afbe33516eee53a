"""What is in use, so that collection leaves it alone.

A build is in use when a place's record names it, when one of its latest
generations needs it, when somebody pinned it, when a registered link leads to it, or when a running process has it in its
environment, its program or its memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import TYPE_CHECKING

from stead.store.atomic import storage, write_file
from stead.store.copies import DIRECTORY as COPIES
from stead.store.copies import is_there as copy_is_there
from stead.store.layout import key_of
from stead.values.errors import StoreError
from stead.values.frozen import dataclass, field
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.store.layout import Layout
    from stead.values.lock import Pin

_KEY = re.compile(rb"(?<![a-z2-7])([a-z2-7]{20})-")
_RUNTIME = re.compile(rb"runtime[/\\\\]+([0-9a-f]{16})(?![0-9a-f])")
_MARK = ".stead@"
_SWITCHING = 5.0
"""Seconds after a place's pointer moved in which a reader may still start with the former record."""
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GoneRecord:
    """The record of a place whose directory is not there; ``since`` when that was first noticed."""

    directory: str
    place: str
    since: float


@dataclass(frozen=True, slots=True)
class Roots:
    """Keys in use, each with who uses it; and records of places that are gone."""

    users: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gone: tuple[GoneRecord, ...] = ()

    def of(self, key: str) -> tuple[str, ...]:
        return self.users.get(key, ())


def find_roots(
    layout: Layout, *, now: float, grace: float, processes: bool = True, history: bool = True
) -> Roots:
    """Find everything that is in use.

    The record of a place that is gone counts for ``grace`` seconds from when
    that was first noticed: the directory may be on a disk that is not there
    today. Without ``history`` only pinned generations count. Raises StoreError when what is in use cannot be read.
    """
    users: dict[str, set[str]] = {}
    gone = []

    def use(keys: set[str], who: str) -> None:
        for key in keys:
            users.setdefault(key, set()).add(who)

    with storage(layout.home):
        for directory, place in _place_records(layout):
            keys = _keys_in_record(directory, now)
            for build, number in _generations(layout, place, now, whole=history):
                if build not in keys:
                    use({build}, f"generation {number} of {place}")
            if os.path.isdir(place):
                use(keys, f"place {place}")
                continue
            noticed = _noticed(layout, directory)
            record = GoneRecord(directory, place, now if noticed is None else noticed)
            gone.append(record)
            if now - record.since < grace:
                use(keys, f"place {place} (not there any more)")
        for name, key in _pins(layout):
            use({key}, f"pin {name}")
        for link, key in _links(layout):
            use({key}, f"link {link}")
        if processes:
            for pid, keys in _processes(layout):
                use(keys, f"process {pid}")
    return Roots({k: tuple(sorted(v)) for k, v in users.items()}, tuple(gone))


def pin(layout: Layout, name: str, build: Path, reason: str = "") -> None:
    """Keep a build, whoever else uses it, until :func:`unpin`. Raises StoreError."""
    key = key_of(build.name)
    if key is None:
        raise StoreError("this is no build", where=os.fspath(build))
    text = json.dumps({"name": name, "build": build.name, "reason": reason})
    write_file(layout.roots / "pins" / f"{_stem(name)}.json", text.encode())


def unpin(layout: Layout, name: str) -> bool:
    """Let go of a pin; says whether there was one."""
    path = layout.roots / "pins" / f"{_stem(name)}.json"
    with storage(path):
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
    return True


def add_link(layout: Layout, link: str) -> None:
    """Register a symbolic link outside the store (``.venv``) that leads into a build.

    What it leads to stays as long as the link does. Raises StoreError.
    """
    path = os.path.abspath(link)
    text = json.dumps({"link": path})
    write_file(layout.roots / "links" / f"{_stem(path)}.json", text.encode())


def notice_gone(layout: Layout, record: GoneRecord) -> None:
    """Remember when it was first seen that a record's place is gone. Raises StoreError."""
    path = _notice(layout, record.directory)
    if not os.path.exists(path):
        text = json.dumps({"directory": record.directory, "since": record.since})
        write_file(path, text.encode())


def forget_notices(layout: Layout, gone: tuple[GoneRecord, ...]) -> None:
    """Drop what was remembered of places that are back, or whose record was removed."""
    current = {os.path.basename(_notice(layout, record.directory)) for record in gone}
    directory = layout.roots / "gone"
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(directory):
            if name not in current:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(directory / name)


def _stem(text: str) -> str:
    return sha256(os.fsencode(text)).hexdigest()[:32]


def _notice(layout: Layout, directory: str) -> Path:
    return layout.roots / "gone" / f"{_stem(directory)}.json"


def _noticed(layout: Layout, directory: str) -> float | None:
    try:
        return float(json.loads(_notice(layout, directory).read_bytes())["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _place_records(layout: Layout) -> Iterator[tuple[str, str]]:
    """Give the directory of each place's records, and the place.

    An unreadable directory is an error: what it holds may be in use.
    """
    top = os.fspath(layout.places / "at")

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for parent, directories, _ in os.walk(top, onerror=refuse):
        if _MARK in directories:
            directories.remove(_MARK)
            yield os.path.join(parent, _MARK), _place_of(top, parent)


def _place_of(top: str, parent: str) -> str:
    relative = os.path.relpath(parent, top)
    if os.name == "nt":
        drive, _, rest = relative.partition(os.sep)
        return f"{drive}:\\{rest}"
    return os.sep + ("" if relative == "." else relative)


def _generations(
    layout: Layout, place: str, now: float, *, whole: bool
) -> Iterator[tuple[str, int]]:
    """Give the keys of builds that the histories of a place still need, each with its generation."""
    from stead.store.generations import History, environments

    for environment in environments(layout.home, place):
        for build, number in History(layout.home, place, environment).builds(now, whole=whole):
            key = key_of(build)
            if key:
                yield key, number


def modules_of_generations(layout: Layout, *, now: float, history: bool = True) -> Iterator[Pin]:
    """Give the modules that generations within the retention use, as :func:`find_roots` builds."""
    from stead.store.generations import History, environments

    with storage(layout.home):
        for _, place in _place_records(layout):
            for environment in environments(layout.home, place):
                yield from History(layout.home, place, environment).modules(now, whole=history)


def _keys_in_record(directory: str, now: float) -> set[str]:
    """Give every key that a file of a place's record mentions, former records left out.

    Reading whatever stands there, instead of one field of one file, keeps a
    build that only a launcher names. Of histories, only some generations count.
    """
    return {key for path in _files_of_record(directory, now) for key in _found_in(path, _KEY)}


def _files_of_record(directory: str, now: float) -> Iterator[str]:
    for parent, directories, files in os.walk(directory):
        if parent == directory and "history@" in directories:
            directories.remove("history@")
        directories[:] = [d for d in directories if not _is_former(parent, d, now)]
        of_copies = os.path.basename(os.path.dirname(parent)) == COPIES
        for name in files:
            path = os.path.join(parent, name)
            if not of_copies or copy_is_there(path):
                yield path


def _is_former(parent: str, name: str, now: float) -> bool:
    if not name.isdigit():
        return False
    pointer = os.path.join(parent, "current")
    try:
        moved = os.lstat(pointer).st_mtime
        if os.path.islink(pointer):
            current = os.readlink(pointer)
        else:
            with open(pointer, encoding="ascii") as file:
                current = file.read().strip()
    except (OSError, ValueError):
        return False
    return name != current and now - moved > _SWITCHING


def _found_in(path: str, pattern: re.Pattern[bytes]) -> set[str]:
    try:
        if os.path.islink(path):
            data = os.fsencode(os.readlink(path))
        else:
            with open(path, "rb") as file:
                data = file.read(_LARGEST)
    except FileNotFoundError:
        return set()
    return {found.decode() for found in pattern.findall(data)}


def _pins(layout: Layout) -> Iterator[tuple[str, str]]:
    for value in _entries(layout.roots / "pins"):
        key = key_of(str(value.get("build", "")))
        if key:
            yield str(value.get("name", "")), key


def _links(layout: Layout) -> Iterator[tuple[str, str]]:
    store = os.path.realpath(layout.store)
    for value in _entries(layout.roots / "links"):
        link = str(value.get("link", ""))
        # Editors' links may lead through others.
        path = os.path.realpath(link) if os.path.islink(link) else ""
        if path.startswith(store + os.sep):
            key = key_of(path[len(store) + 1 :].split(os.sep)[0])
            if key:
                yield link, key


def _entries(directory: Path) -> Iterator[dict[str, object]]:
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return
    for name in names:
        if name.startswith("."):
            continue
        try:
            value = json.loads((directory / name).read_bytes())
        except FileNotFoundError:
            continue
        except ValueError as exc:
            raise StoreError(
                "this says what is in use, and cannot be read",
                where=os.fspath(directory / name),
                remedy="remove it if nothing needs it",
            ) from exc
        if isinstance(value, dict):
            yield value


def runtimes_in_use(layout: Layout, *, now: float) -> set[str]:
    """Name the directories of ``runtime`` that records, transactions and processes know.

    Raises StoreError where what is in use cannot be read.
    """
    with storage(layout.home):
        known = {
            name
            for directory, _ in _place_records(layout)
            for path in _files_of_record(directory, now)
            for name in _found_in(path, _RUNTIME)
        }
        return known.union(*(names for _, names in _mentions(_RUNTIME)))


def modules_of_processes(layout: Layout) -> set[str]:
    """Give the keys of fetched modules that running processes know, where the system tells."""
    home = {os.fsencode(layout.home), os.fsencode(os.path.realpath(layout.home))}
    pattern = re.compile(rb"(?:%s)/modules/([a-z2-7]{20})" % b"|".join(map(re.escape, home)))
    return {key for _, keys in _mentions(pattern) for key in keys}


def _processes(layout: Layout) -> Iterator[tuple[int, set[str]]]:
    """Give the processes of this user that have a build open, where the system tells (Linux)."""
    stores = {os.fsencode(layout.store), os.fsencode(os.path.realpath(layout.store))}
    return _mentions(re.compile(b"(?:%s)/([a-z2-7]{20})-" % b"|".join(map(re.escape, stores))))


def _mentions(pattern: re.Pattern[bytes]) -> Iterator[tuple[int, set[str]]]:
    """Give what processes name in their environment, program, directory or memory."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return
    for pid in pids:
        keys: set[str] = set()
        for name in ("environ", "maps", "exe", "cwd"):
            with contextlib.suppress(OSError):
                path = f"/proc/{pid}/{name}"
                if name in ("exe", "cwd"):
                    data = os.fsencode(os.readlink(path)) + b"/"
                else:
                    with open(path, "rb") as file:
                        data = file.read()
                keys |= {key.decode() for key in pattern.findall(data)}
        if keys:
            yield pid, keys


def last_asked(build: Path) -> float:
    """Give when a build was last asked for, in seconds since the epoch; 0 when unknown."""
    from stead.store.builds import USE
    from stead.store.layout import METADATA

    try:
        return os.stat(build / METADATA / USE).st_mtime
    except OSError:
        return 0.0

"""The records of generations: each environment's history, one entry after the other.

::

    places/at/home/ann/scans/.stead@/history@/default/117        one entry
                                                      1-100.pack the first hundred
                                                      pin-7      generation 7 is kept

An entry is one line: its number, the sha256 of what follows, and JSON. It is
written under a temporary name, brought to the disk and renamed, and never changed
after that. Once there are enough, they are packed into one file; an entry may
stand in both for a moment.

How an entry holds the texts of manifests, lock and variables: see
:mod:`stead.store.entries`.

The names of the files are the index: the order of numbers is that of history, and
nothing else need be kept in step with them.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import os
import zlib

from stead.store import begun, locking
from stead.store.atomic import storage, write_file
from stead.store.places import MARK, make_private, place_directory
from stead.values.errors import StoreError
from stead.values.frozen import replace
from stead.values.generation import Generation, from_json
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from stead.store.locking import Note
    from stead.values.lock import Pin

DIRECTORY = "history@"
"""Beside the environments of a place; no environment can have this name."""
FEW = 10
"""So many of the newest generations keep their builds,"""
LONG = 30 * 86400.0
"""and all that are younger than this, in seconds."""
_LOOSE = 128
PACKED = 100
"""So many entries stand in a pack."""


def write_entry(path: str, line: bytes) -> None:
    """Bring an entry to the disk. Raises StoreError."""
    write_file(path, line, 0o600)


class History:
    """The history of one environment of a place. Reads each entry once, when asked."""

    def __init__(self, home: str | os.PathLike[str], place: str, environment: str) -> None:
        self.home, self.place, self.environment = os.fspath(home), place, environment
        self.directory = os.path.join(place_directory(home, place), DIRECTORY, environment)
        self._entries: dict[int, dict[str, Any] | None] = {}
        self._packs: dict[str, dict[int, bytes]] = {}
        self._list()

    def _list(self) -> None:
        try:
            names = os.listdir(self.directory)
        except (FileNotFoundError, NotADirectoryError):
            names = []
        self._loose = {int(n) for n in names if n.isdigit()}
        self._ranges = sorted(
            (int(first), int(last), name)
            for name in names
            if name.endswith(".pack")
            for first, _, last in [name.removesuffix(".pack").partition("-")]
            if first.isdigit() and last.isdigit()
        )
        self.pins = {int(n[4:]) for n in names if n.startswith("pin-") and n[4:].isdigit()}

    @property
    def newest(self) -> int:
        """The highest number in use, readable or not; 0 without any."""
        return max([0, *self._loose, *(last for _, last, _ in self._ranges)])

    def numbers(self) -> Iterator[int]:
        """Give the numbers in use, the newest first."""
        loose = sorted(self._loose, reverse=True)
        for first, last, _ in reversed(self._ranges):
            while loose and loose[0] > last:
                yield loose.pop(0)
            loose = [n for n in loose if n < first]
            yield from range(last, first - 1, -1)
        yield from loose

    def last(self) -> Generation | None:
        """Give the newest generation that can be read."""
        return next((g for n in self.numbers() if (g := self.find(n)) is not None), None)

    def find(self, number: int) -> Generation | None:
        """Give a generation; None where there is none, or its record is damaged."""
        data = self.entry(number)
        if data is None:
            return None
        try:
            texts = {**data, "variables": json.loads(self.content(number, data["variables"]))}
            return replace(from_json(texts), pinned=number in self.pins)
        except StoreError:  # its text is gone with another entry
            return replace(from_json({**data, "variables": {}}), pinned=number in self.pins)
        except ValueError:
            return None

    def get(self, number: int) -> Generation:
        """Give a generation. Raises StoreError, which says what there is instead."""
        found = self.find(number)
        if found is not None:
            return found
        newest = self.newest
        if number in self._loose or self._covered(number) or 0 < number < newest:
            raise StoreError(
                f"the record of generation {number} is damaged or lost",
                where=self.directory,
                remedy="`stead log` lists those that can be read",
            )
        raise StoreError(
            f"there is no generation {number}",
            remedy=f"they go from 1 to {newest}; `stead log` lists them"
            if newest
            else "nothing has been recorded here yet",
        )

    def text(self, generation: Generation, name: str) -> bytes | None:
        """Give a manifest's content in a generation; None where it did not take part."""
        sha = generation.files.get(name)
        return None if sha is None else self.content(generation.number, sha)

    def lock_text(self, generation: Generation) -> bytes | None:
        sha = generation.lock_file
        return self.content(generation.number, sha) if sha else None

    def absent(self, generation: Generation) -> frozenset[str]:
        """Give the names of manifests that were known not to be there; none where that is lost."""
        sha = (self.entry(generation.number) or {}).get("absent", "")
        try:
            text = self.content(generation.number, sha) if sha else b""
        except StoreError:
            return frozenset()
        return frozenset(text.decode("utf-8", "surrogateescape").split("\n")) - {""}

    def whole(self, number: int) -> bool:
        """Say whether a generation and every text that it refers to can be read."""
        data = self.entry(number)
        if data is None:
            return False
        texts = {*data["files"].values(), data["lock_file"], data["variables"]} - {""}
        try:
            for sha in texts:
                self.content(number, sha)
        except StoreError:
            return False
        return True

    def lost(self) -> list[int]:
        """Give the numbers up to the newest that have no record at all, the newest first."""
        return sorted(set(range(1, self.newest)).difference(self.numbers()), reverse=True)

    def content(self, number: int, sha: str) -> bytes:
        """Give a text that generation ``number`` refers to. Raises StoreError where it is gone."""
        data = self.entry(number) or {}
        holder = self.entry(int(data.get("held", {}).get(sha, 0))) or {}
        kept = holder.get("contents", {}).get(sha)
        try:
            if kept is None or kept[0] == sha:
                raise ValueError("not there")  # noqa: TRY301
            basis = self.content(holder["number"], kept[0]) if kept[0] else b""
            unpack = zlib.decompressobj(zdict=basis) if basis else zlib.decompressobj()
            text: bytes = unpack.decompress(binascii.a2b_base64(kept[1]))
            if sha256(text).hexdigest() != sha:
                raise ValueError("not what it was")  # noqa: TRY301
        except (ValueError, zlib.error) as exc:
            raise StoreError(
                f"a text of generation {number} cannot be read any more",
                where=self.directory,
                remedy="`stead log` shows others to go back to",
            ) from exc
        return text

    def entry(self, number: int) -> dict[str, Any] | None:
        """Give an entry as it is kept (see :mod:`stead.store.entries`); None where it is not."""
        if number not in self._entries:
            self._entries[number] = _parse(self._line(number), number)
        return self._entries[number]

    def _line(self, number: int) -> bytes:
        if number in self._loose:
            try:
                with open(os.path.join(self.directory, str(number)), "rb") as file:
                    line = file.read()
                if _parse(line, number) is not None:
                    return line
            except FileNotFoundError:
                self._list()  # packed meanwhile
            except OSError:
                pass
        for first, last, name in self._ranges:
            if first <= number <= last:
                if name not in self._packs:
                    self._packs[name] = _lines(os.path.join(self.directory, name))
                return self._packs[name].get(number, b"")
        return b""

    def append(
        self,
        make: Callable[[Generation | None, int], tuple[Generation, Mapping[str, bytes]] | None],
        *,
        like: int = 0,
        write: Callable[[str, bytes], None] = write_entry,
        note: Note = lambda _: None,
    ) -> Generation | None:
        """Write an entry; whoever else appends here waits.

        ``make`` gets the last generation and the new number, and gives the new one
        with the texts that it refers to: by name of the manifest, ``@lock``, and
        ``@absent``; or None where nothing is to be written. Texts of generation ``like`` need not be among
        them. ``write`` brings the entry (path and content) to the disk, and may bring other
        files with it. Raises StoreError (a full disk); then nothing has changed.
        """
        from stead.store.entries import encoded

        with self._alone(note, "recording a change"):
            self._list()
            last = self.last()
            made = make(last, self.newest + 1)
            if made is None:
                return None
            generation, texts = made
            before = self.entry(last.number) if last is not None else None
            data = encoded(self, generation, texts, before or {}, self.entry(like) or {})
            line = _line(data)
            write(os.path.join(self.directory, str(generation.number)), line)
            begun.clear(self)
            self._entries[generation.number] = data
            self._loose.add(generation.number)
            self._pack()
        return generation

    def restore(
        self,
        found: Sequence[tuple[Generation, Mapping[str, bytes]]],
        *,
        note: Note = lambda _: None,
    ) -> tuple[int, ...]:
        """Write records that were lost or damaged again; gives their numbers.

        ``found`` are generations from elsewhere, the oldest first, with their texts as
        for :meth:`append`. What can be read is left as it is. Raises StoreError.
        """
        from stead.store.entries import encoded

        with self._alone(note, "restoring a history"):
            self._list()
            self._entries.clear()
            self._packs.clear()
            restored: dict[int, dict[str, Any]] = {}
            for generation, texts in found:
                number = generation.number
                if not self.whole(number):
                    before = restored.get(number - 1, {})
                    restored[number] = encoded(self, generation, texts, before, {})
                    self._entries[number] = restored[number]
            run: list[int] = []
            for number in (*restored, 0):
                if run and (number != run[-1] + 1 or len(run) == PACKED):
                    self._write_run(run, restored)
                    run = []
                run.append(number)
            self._list()
        return tuple(restored)

    def _write_run(self, run: list[int], data: Mapping[int, Mapping[str, Any]]) -> None:
        lines = {n: _line(data[n]) for n in run}
        if len(run) == PACKED and not any(self._covered(n) for n in run):
            name = f"{run[0]}-{run[-1]}.pack"
            write_file(os.path.join(self.directory, name), b"".join(lines.values()), 0o600)
            return
        for number, line in lines.items():
            write_file(os.path.join(self.directory, str(number)), line, 0o600)

    def _covered(self, number: int) -> bool:
        return any(first <= number <= last for first, last, _ in self._ranges)

    @contextlib.contextmanager
    def _alone(self, note: Note, description: str) -> Iterator[None]:
        with storage(self.directory):
            make_private(self.home, self.directory)
        guard = os.path.join(self.directory, ".lock")
        with locking.exclusive(guard, note=note, description=description):
            yield

    def _pack(self) -> None:
        """Put the oldest loose entries into one file, once there are many. Best effort."""
        loose = sorted(n for n in self._loose if not self._covered(n))
        if len(loose) < _LOOSE:
            return
        chosen = loose[:PACKED]
        run = [n for i, n in enumerate(chosen) if n == chosen[0] + i]
        lines = []
        name = f"{run[0]}-{run[-1]}.pack"
        with contextlib.suppress(StoreError, OSError):
            for number in run:
                with open(os.path.join(self.directory, str(number)), "rb") as file:
                    lines.append(file.read().rstrip(b"\n").replace(b"\n", b" "))
            write_file(os.path.join(self.directory, name), b"\n".join(lines) + b"\n", 0o600)
            for number in run:
                os.unlink(os.path.join(self.directory, str(number)))
            self._list()

    def pin(self, number: int) -> None:
        """Keep a generation's build until :meth:`unpin`. Raises StoreError."""
        self.get(number)
        write_file(os.path.join(self.directory, f"pin-{number}"), b"", 0o600)
        self.pins.add(number)

    def unpin(self, number: int) -> bool:
        """Let go of a pin; says whether there was one."""
        self.pins.discard(number)
        with storage(self.directory):
            try:
                os.unlink(os.path.join(self.directory, f"pin-{number}"))
            except FileNotFoundError:
                return False
        return True

    def builds(self, now: float, *, whole: bool = True) -> Iterator[tuple[str, int]]:
        """Give the builds that generations within the retention need, each with its number.

        If not ``whole``, those of pinned generations alone.
        """
        for data in self._kept(now, whole=whole):
            if data.get("build"):
                yield str(data["build"]), int(data["number"])

    def modules(self, now: float, *, whole: bool = True) -> Iterator[Pin]:
        """Give the modules that such generations use."""
        for data in self._kept(now, whole=whole):
            yield from from_json({**data, "variables": {}}).modules

    def _kept(self, now: float, *, whole: bool) -> Iterator[dict[str, Any]]:
        for position, number in enumerate(self.numbers()):
            data = self.entry(number)
            if data is None:
                continue
            kept = position < FEW or now - float(data["time"]) < LONG
            if (whole and kept) or number in self.pins:
                yield data


def environments(home: str | os.PathLike[str], place: str) -> list[str]:
    """Name the environments of a place that have a history."""
    try:
        return sorted(os.listdir(os.path.join(place_directory(home, place), DIRECTORY)))
    except (FileNotFoundError, NotADirectoryError):
        return []


def places_below(home: str | os.PathLike[str], directory: str) -> Iterator[str]:
    """Give the places in a directory and below it that have a history."""
    top = os.path.dirname(place_directory(home, directory))
    for parent, directories, _ in os.walk(top):
        if MARK not in directories:
            continue
        directories.remove(MARK)
        if os.path.isdir(os.path.join(parent, MARK, DIRECTORY)):
            yield os.path.normpath(os.path.join(directory, os.path.relpath(parent, top)))


def _line(data: Mapping[str, Any]) -> bytes:
    body = json.dumps(data, separators=(",", ":"), ensure_ascii=True).encode()
    digest = sha256(body).hexdigest()
    return f"{data['number']} {digest} ".encode() + body + b"\n"


def _parse(line: bytes, number: int) -> dict[str, Any] | None:
    said, _, rest = line.partition(b" ")
    digest, _, body = rest.partition(b" ")
    body = body.removesuffix(b"\n")
    if said != str(number).encode() or sha256(body).hexdigest().encode() != digest:
        return None
    try:
        data: dict[str, Any] = json.loads(body)
        from_json({**data, "variables": {}})
    except (ValueError, TypeError):
        return None
    return data


def _lines(path: str) -> dict[int, bytes]:
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return {}
    found = {}
    for line in lines:
        number = line.partition(b" ")[0]
        if number.isdigit():
            found[int(number)] = line
    return found

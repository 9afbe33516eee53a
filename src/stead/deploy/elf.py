"""What a compiled file says of the shared libraries that it needs, and where it looks for them.

Reads the dynamic section through the program headers, as the loader does; see the ELF
specification and, for versions of symbols, the Linux Standard Base.
"""

from __future__ import annotations

import mmap
import struct

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED, _STRTAB, _SONAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29
_VERNEED, _VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
_LOAD, _DYNAMIC = 1, 2
_MOST = 100_000
"""Entries of a table after which a file is taken for damaged."""


@dataclass(frozen=True, slots=True)
class Elf:
    """A dynamically linked file."""

    machine: int
    """ELF's number: 62 is x86-64, 183 is AArch64."""
    needed: tuple[str, ...] = ()
    soname: str = ""
    run_path: str = ""
    """Directories that are searched, with colons between them."""
    versions: tuple[str, ...] = ()
    """Versions of symbols that it needs, such as ``GLIBC_2.34``."""
    run_path_at: int = 0
    """Offset of the text in the file."""
    tag_at: int = 0
    """Offset of the entry that says whether the run path holds for what the libraries need, too."""
    tag: bytes = b""
    """What stands there to say that it does."""


def read(path: str) -> Elf | None:
    """Read a file; None where it is no ELF file, or a damaged one. Raises OSError."""
    with open(path, "rb") as file:
        start = file.read(20)
        if len(start) < 20 or not start.startswith(b"\x7fELF"):
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).read()
            except (struct.error, IndexError, ValueError, OverflowError):
                return None


def with_run_path(found: Elf, new: str, *, inherited: bool) -> tuple[tuple[int, bytes], ...]:
    """Give what to write over a file, and where, for another run path; nothing if there is no room.

    ``inherited``: let it hold for the libraries' own needs as well.
    """
    old = found.run_path.encode()
    text = new.encode()
    if not found.run_path_at or len(text) > len(old):
        return ()
    changes = [(found.run_path_at, text.ljust(len(old), b"\0"))]
    return (*changes, (found.tag_at, found.tag)) if inherited else tuple(changes)


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        wide, big = data[4] == 2, data[5] == 2
        self._order = ">" if big else "<"
        self._word = "Q" if wide else "I"
        self._wide = wide

    def read(self) -> Elf:
        unpack = self._unpack
        (machine,) = unpack("H", 18)
        at, size, count = (
            (*unpack("Q", 32), *unpack("HH", 54))
            if self._wide
            else (*unpack("I", 28), *unpack("HH", 42))
        )
        loads, dynamic = [], (0, 0)
        for n in range(count):
            kind, offset, address, length = self._segment(at + n * size)
            if kind == _LOAD:
                loads.append((address, offset, length))
            elif kind == _DYNAMIC:
                dynamic = offset, length
        entries = list(self._entries(*dynamic))
        values = {tag: value for tag, value, _ in entries}

        def place(address: int) -> int:
            for start, offset, length in loads:
                if start <= address < start + length:
                    return offset + address - start
            raise ValueError(address)

        strings = place(values[_STRTAB]) if _STRTAB in values else 0
        texts = {
            tag: self._text(strings + value)
            for tag, value in values.items()
            if tag in (_SONAME, _RPATH, _RUNPATH)
        }
        path_tag = _RUNPATH if _RUNPATH in values else _RPATH
        return Elf(
            machine,
            tuple(self._text(strings + v) for tag, v, _ in entries if tag == _NEEDED),
            texts.get(_SONAME, ""),
            texts.get(path_tag, ""),
            tuple(
                self._versions(place(values[_VERNEED]), values.get(_VERNEEDNUM, 0), strings)
                if _VERNEED in values
                else ()
            ),
            strings + values[path_tag] if path_tag in values else 0,
            next((where for tag, _, where in entries if tag == path_tag), 0),
            struct.pack(self._order + self._word, _RPATH),
        )

    def _segment(self, at: int) -> tuple[int, int, int, int]:
        if self._wide:
            kind, _, offset, address, _, length = self._unpack("IIQQQQ", at)
        else:
            kind, offset, address, _, length = self._unpack("IIIII", at)
        return kind, offset, address, length

    def _entries(self, at: int, length: int) -> Iterator[tuple[int, int, int]]:
        step = 16 if self._wide else 8
        for where in range(at, at + min(length, _MOST * step), step):
            tag, value = self._unpack(2 * self._word, where)
            if tag == 0:
                return
            yield tag, value, where

    def _versions(self, at: int, count: int, strings: int) -> Iterator[str]:
        for _ in range(min(count, _MOST)):
            _, auxiliaries, _, first, following = self._unpack("HHIII", at)
            where = at + first
            for _ in range(auxiliaries):
                _, _, _, name, step = self._unpack("IHHII", where)
                yield self._text(strings + name)
                if not step:
                    break
                where += step
            if not following:
                return
            at += following

    def _unpack(self, fields: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + fields, self._data, at)

    def _text(self, at: int) -> str:
        end = self._data.find(b"\0", at)
        if end < 0:
            raise ValueError(at)
        return self._data[at:end].decode("utf-8", "surrogateescape")

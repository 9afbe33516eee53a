"""Making a tree of parts that come from elsewhere.

A part is a gzipped tar in the one form that :mod:`stead.deploy.tar` writes: files, directories
and links, sorted. Nothing in it is believed before its hash is known, and the hash is known at
its end: so nothing is ever written but new names in directories that were made here, and whoever
calls has a tree that nobody sees yet.

The bytes are seen once: they are decompressed, hashed, written, and searched for the path that
parts say they stand at, so that only files which name it are opened again.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from stead.store.atomic import remove_tree, storage, sync_directory, temporary_name
from stead.store.listing import Found
from stead.store.relocation import Relocated, is_record, relocate
from stead.values.errors import StoreError
from stead.values.parts import PLACED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from stead.values.parts import Closure, PackedPart

    Fetch = Callable[[PackedPart], Iterable[bytes]]
    """Gives the compressed bytes of a part, in pieces."""

AT_ONCE = 4
"""Parts that are fetched side by side."""

_BLOCK = 512
_PIECE = 256 * 1024
"""Bytes that are decompressed at once: they stay near the processor until they are written."""
_SMALL = 64 * 1024
_NAMES = {b"L": "name", b"K": "link"}
_LONGEST_NAME = 4096
_PLACED = os.fsencode(PLACED)


class PartError(StoreError):
    """A part is not what it is said to be."""


def make_tree(
    closure: Closure,
    fetch: Fetch,
    tree: str,
    final: str,
    told: Callable[[int], None] = lambda _: None,
    *,
    read_only: bool = False,
) -> Relocated:
    """Fill ``tree``, an empty directory, with a closure's parts, as it must stand at ``final``.

    ``told`` is given the bytes that came, as they come. With ``read_only`` nobody may write to
    the files. Raises PartError for a part that is not what its hash says, named; StoreError; and
    whatever ``fetch`` raises. The tree is of no use then.
    """
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(AT_ONCE) as pool:
        # The largest first, so that none of them is alone at the end.
        ordered = sorted(closure.parts, key=lambda p: -p.size)
        running = [
            pool.submit(unpack, part, fetch, tree, told, read_only=read_only) for part in ordered
        ]
        _, waiting = wait(running, return_when=FIRST_EXCEPTION)
        for one in waiting:
            one.cancel()
    naming = [entry for one in running if not one.cancelled() for entry in one.result()]
    return relocate(tree, PLACED, final, naming)


def make_directory(
    closure: Closure,
    fetch: Fetch,
    directory: str,
    seat: Callable[[str], None] | None = None,
) -> Relocated:
    """Make a directory of a closure's parts, whole or not at all. It must not exist.

    ``seat`` is given the tree before anybody sees it, and puts another interpreter under it. Raises
    as :func:`make_tree` does, what ``seat`` raises, and StoreError where the directory is there
    already, or where the interpreter outside that the build uses is not on this machine.
    """
    target = os.path.abspath(directory)
    if os.path.lexists(target):
        raise StoreError("there is something here already", where=target)
    if seat is None:
        needs_interpreter(closure)
    temporary = temporary_name(target)
    try:
        with storage(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.mkdir(temporary, 0o755)
        done = make_tree(closure, fetch, temporary, target)
        if seat is not None:
            seat(temporary)
        with storage(target):
            os.rename(temporary, target)
            sync_directory(os.path.dirname(target))
    except BaseException:
        remove_tree(temporary)
        raise
    return done


def needs_interpreter(closure: Closure) -> None:
    """Raise StoreError unless the interpreter that a build uses from outside is here."""
    path, version = closure.interpreter, closure.meta.get("interpreter_version")
    if path and not os.access(path, os.X_OK):
        raise StoreError(
            f"the build {closure.key}-{closure.name} uses an interpreter of the machine that made it",
            where=path,
            remedy=f"install Python {version or 'of its version'} at the same path, or ask for python "
            "from conda in the specification",
        )


def unpack(
    part: PackedPart,
    fetch: Fetch,
    tree: str,
    told: Callable[[int], None] = lambda _: None,
    *,
    read_only: bool = False,
) -> list[Found]:
    """Write a part's files into a tree; gives what :func:`relocate` has to look at.

    That is all that names where parts say that they stand, and the packages' records. Raises as
    :func:`make_tree` does.
    """
    reader = _Reader(part, _counted(fetch(part), told))
    unpacking = _Unpacking(part, reader, tree, read_only=read_only)
    with storage(tree):
        unpacking.run()
    reader.end()
    return unpacking.naming


def _counted(pieces: Iterable[bytes], told: Callable[[int], None]) -> Iterator[bytes]:
    for piece in pieces:
        told(len(piece))
        yield piece


def _wrong(part: PackedPart, why: str) -> PartError:
    return PartError(
        f"the part {part.name} is not what it should be: {why}", details=(f"sha256 {part.sha256}",)
    )


def _inflater() -> tuple[Any, Any]:
    """Give what decompresses gzip, and the exception that it raises."""
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib.decompressobj(31), zlib.error
    return isal_zlib.decompressobj(31), isal_zlib.error


class _Reader:
    """The tar within a compressed stream: never longer than it should be, hashed on the way."""

    def __init__(self, part: PackedPart, pieces: Iterable[bytes]) -> None:
        self._part = part
        self._hash = hashlib.sha256()
        self._left = part.size
        self._data = b""
        self._at = 0
        self._more = self._inflated(iter(pieces))

    def _inflated(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        inflate, error = _inflater()
        for piece in pieces:
            waiting = piece
            while waiting and not inflate.eof:
                try:
                    data = inflate.decompress(waiting, _PIECE)
                except error as exc:
                    raise _wrong(self._part, "it cannot be decompressed") from exc
                waiting = inflate.unconsumed_tail
                self._left -= len(data)
                if self._left < 0:
                    raise _wrong(self._part, f"it is longer than {self._part.size} bytes")
                self._hash.update(data)
                if data:
                    yield data
            if waiting or inflate.unused_data:
                raise _wrong(self._part, "something follows its end")

    def read(self, size: int) -> bytes:
        """Give exactly so many bytes."""
        at = self._at
        end = at + size
        if end <= len(self._data):
            self._at = end
            return self._data[at:end]
        return b"".join([data[first:last] for data, first, last in self.pieces(size)])

    def pieces(self, size: int) -> Iterator[tuple[bytes, int, int]]:
        """Give exactly so many bytes as they come: where they are, from where, to where."""
        while size:
            if self._at == len(self._data):
                self._at, self._data = 0, next(self._more, b"")
                if not self._data:
                    raise _wrong(self._part, "it ends too early")
            first = self._at
            last = self._at = min(first + size, len(self._data))
            size -= last - first
            yield self._data, first, last

    def end(self) -> None:
        """Read the rest, which is empty, and compare. Raises PartError."""
        for data in self._more:
            if data:
                raise _wrong(self._part, "something follows its end")
        if self._left or self._at != len(self._data):
            raise _wrong(self._part, "it is not as long as it should be")
        if self._hash.hexdigest() != self._part.sha256:
            raise _wrong(self._part, f"it has the sha256 {self._hash.hexdigest()}")


class _Unpacking:
    def __init__(self, part: PackedPart, reader: _Reader, tree: str, *, read_only: bool) -> None:
        self.part = part
        self.reader = reader
        self.tree = tree
        self.taken = 0o222 if read_only else 0
        """Rights that files do not get."""
        self.naming: list[Found] = []
        self.made = {""}
        """Directories that are known to be directories, and no links to some."""

    def run(self) -> None:
        long: dict[str, bytes] = {}
        while True:
            block = self.reader.read(_BLOCK)
            if not block.strip(b"\0"):
                if self.reader.read(_BLOCK).strip(b"\0"):
                    raise _wrong(self.part, "its end is not one")
                return
            kind, size = block[156:157], self._number(block)
            if kind in _NAMES:
                if size > _LONGEST_NAME:
                    raise _wrong(self.part, "it holds a name that is too long")
                long[_NAMES[kind]] = self._content(size).rstrip(b"\0")
                continue
            path = os.fsdecode(long.get("name") or block[:100].rstrip(b"\0"))
            target = os.fsdecode(long.get("link") or block[157:257].rstrip(b"\0"))
            long = {}
            mode = int(block[100:107] or b"0", 8)
            self._member(kind, path.rstrip("/"), mode, size, target)

    def _number(self, block: bytes) -> int:
        field = block[124:136]
        try:
            if field[0] == 0x80:
                return int.from_bytes(field[1:])
            return int(field.rstrip(b"\0 ") or b"0", 8)
        except ValueError as exc:
            raise _wrong(self.part, "it is no tar") from exc

    def _content(self, size: int) -> bytes:
        return self.reader.read(size + -size % _BLOCK)[:size]

    def _member(self, kind: bytes, path: str, mode: int, size: int, target: str) -> None:
        names = path.split("/")
        if "" in names or "." in names or ".." in names or names[0] == ".stead":
            raise _wrong(self.part, f"it holds {path!r}, which is no name in a tree")
        parent = os.path.dirname(path)
        if parent not in self.made:
            raise _wrong(self.part, f"{path!r} comes before its directory")
        full = os.path.join(self.tree, path)
        try:
            if kind == b"5":
                self._directory(full)
                self.made.add(path)
            elif kind == b"2":
                os.symlink(target, full)
                if target.startswith(PLACED):
                    self._note(path, stat.S_IFLNK | 0o777, target)
            elif kind == b"0":
                rights = (0o755 if mode & 0o100 else 0o644) & ~self.taken
                if self._file(full, rights, size) or is_record(path):
                    self._note(path, stat.S_IFREG | rights)
            else:
                raise _wrong(self.part, f"{path!r} is neither file, directory nor link")
        except FileExistsError as exc:
            raise _wrong(self.part, f"another part has {path!r} too") from exc

    def _directory(self, full: str) -> None:
        try:
            os.mkdir(full)
        except FileExistsError:
            # Of another part; a link there would lead out of the tree.
            if not stat.S_ISDIR(os.lstat(full).st_mode):
                raise

    def _note(self, path: str, mode: int, target: str | None = None) -> None:
        self.naming.append(Found(path, mode, 0, 0, target, 1, (0, 0)))

    def _file(self, full: str, rights: int, size: int) -> bool:
        """Write a file; says whether it names where parts say that they stand."""
        fd = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            found = self._content_to(fd, size)
            os.fchmod(fd, rights)
        finally:
            os.close(fd)
        return found

    def _content_to(self, fd: int, size: int) -> bool:
        if size <= _SMALL:
            # Most files are: one step for each.
            data = self._content(size)
            _write(fd, data)
            return _PLACED in data
        found, before = False, b""
        for data, first, last in self.reader.pieces(size):
            _write(fd, memoryview(data)[first:last])
            if not found:
                found = (
                    data.find(_PLACED, first, last) >= 0
                    or _PLACED in before + data[first : min(first + len(_PLACED), last)]
                )
                before = (before + data[max(first, last - len(_PLACED)) : last])[-len(_PLACED) :]
        self.reader.read(-size % _BLOCK)
        return found


def _write(fd: int, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]

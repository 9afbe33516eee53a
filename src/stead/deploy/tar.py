"""Parts as streams: the same bytes for the same members, whoever writes them, wherever.

The format is GNU's, which every tar reads: names of more than 100 bytes stand in an entry of
their own before the member (busybox knows no other way). Members come sorted by path, so that a
directory precedes what is in it; the owner is 0 and the time is 0.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct

from stead.values.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from stead.values.deployment import Member, Part

    class Sink(Protocol):
        """What bytes are written to."""

        def write(self, data: bytes, /) -> object: ...


BLOCK = 512
CHUNK = 1024 * 1024
END = bytes(2 * BLOCK)

_SMALL = 64 * 1024
_NAME = 100
_LARGEST = 8**11 - 1
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_TYPES = {"file": b"0", "link": b"2", "directory": b"5"}


def write_tar(part: Part, out: Sink) -> None:
    """Write a part as an uncompressed tar. Nothing is read whole.

    Raises StoreError where a file cannot be read or is not what it was when the part's digest
    was taken; then what was written is not to be used.
    """
    digest = hashlib.sha256()
    for data in stream(part.members):
        digest.update(data)
        out.write(data)
    if digest.hexdigest() != part.digest:
        raise StoreError(
            f"files of {part.name} changed while they were read",
            remedy="do it again",
        )


def measure(members: Iterable[Member]) -> tuple[str, int]:
    """Give the sha256 (hexadecimal) and the size of the tar of these members. Raises StoreError."""
    digest, size = hashlib.sha256(), 0
    for data in stream(members):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def stream(members: Iterable[Member], prefix: str = "", key: str = "") -> Iterator[bytes]:
    """Give a tar in pieces of at most about a mebibyte.

    ``prefix`` is put before each path. ``key`` is written over the placeholders, where given.
    Members must be sorted by path, and may not repeat.
    """
    before = ""
    for member in members:
        if before >= member.path:
            raise ValueError(f"{member.path!r} after {before!r}")
        before = member.path
        yield from _member(member, prefix, key)
    yield END


def header(path: str, kind: str, mode: int, size: int = 0, target: str = "") -> bytes:
    """Give what stands before a member's content: one block, or several for a long name."""
    name, link = os.fsencode(path), os.fsencode(target)
    if kind == "directory":
        name += b"/"
    result = b""
    if len(link) > _NAME:
        result += _long(b"K", link)
    if len(name) > _NAME:
        result += _long(b"L", name)
    return result + _block(name, mode, size, _TYPES[kind], link)


def padding(size: int) -> bytes:
    """Give what fills the last block of a content of so many bytes."""
    return bytes(-size % BLOCK)


def _member(member: Member, prefix: str, key: str) -> Iterator[bytes]:
    path = prefix + member.path
    if member.kind != "file":
        target = member.source if member.kind == "link" else ""
        yield header(path, member.kind, member.mode, target=target)
        return
    keys = [(at, key.encode()) for at in member.keyed] if key else []
    if member.content is not None:
        data = _patched(member.content, 0, keys)
        yield header(path, "file", member.mode, len(data)) + data + padding(len(data))
        return
    changes = [*member.patches, *keys]
    start = header(path, "file", member.mode, member.size)
    if member.size <= _SMALL:
        # Most files are: one step for each.
        data = b"".join(_read(member))
        yield start + _patched(data, 0, changes) + padding(member.size)
        return
    yield start
    at = 0
    for data in _read(member):
        yield _patched(data, at, changes) if changes else data
        at += len(data)
    yield padding(member.size)


def _read(member: Member) -> Iterator[bytes]:
    """Give a file's content in pieces, as much of it as the header said."""
    try:
        fd = os.open(member.source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            regular = stat.S_ISREG(os.fstat(fd).st_mode)
            size, more = 0, regular
            while more:
                # Fewer bytes than are asked for tell that there are no more.
                asked = min(member.size - size, CHUNK) + 1
                data = os.read(fd, asked)
                size += len(data)
                more = bool(data) and (size < member.size or len(data) == asked)
                yield data
                if size > member.size:
                    break
            if not regular or more or size != member.size:
                raise StoreError(
                    "a file changed while it was read", where=member.source, remedy="do it again"
                )
        finally:
            os.close(fd)
    except OSError as exc:
        from stead.store.atomic import translate

        raise translate(exc, member.source) from exc


def _patched(data: bytes, at: int, changes: Iterable[tuple[int, bytes]]) -> bytes:
    """Write changes over a piece of a file that begins at ``at``; they may lie across its ends."""
    result = None
    for start, new in changes:
        first, last = max(start, at), min(start + len(new), at + len(data))
        if first < last:
            result = bytearray(data) if result is None else result
            result[first - at : last - at] = new[first - start : last - start]
    return data if result is None else bytes(result)


def _long(kind: bytes, text: bytes) -> bytes:
    size = len(text) + 1
    return _block(b"././@LongLink", 0, size, kind, b"") + text + b"\0" + padding(size)


def _block(name: bytes, mode: int, size: int, kind: bytes, link: bytes) -> bytes:
    fields = (
        name[:_NAME],
        b"%07o" % mode,
        b"%07o" % 0,
        b"%07o" % 0,
        b"%011o" % size if size <= _LARGEST else b"\x80" + size.to_bytes(11),
        b"%011o" % 0,
        b" " * 8,
        kind,
        link[:_NAME],
        b"ustar  ",
        b"",
        b"",
        b"",
        b"",
        b"",
    )
    block = _HEADER.pack(*fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]

"""Gzip over all cores: blocks of one stream are compressed side by side.

The bytes follow from the data and the level alone. Blocks have one size, whatever the number of
cores; each knows the end of the one before, so that hardly anything is lost, and ends at a whole
byte, so that they make one ordinary stream in a single gzip member.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor, Future

BLOCK = 1024 * 1024
"""Bytes that are compressed at a time. The stream follows from it."""
_WINDOW = 32 * 1024
"""How far back deflate looks."""
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""Of gzip, without name, time and system."""
_TRAILER = struct.Struct("<II")
_AHEAD = 2
"""Blocks per core that are read before the first of them is written."""


def cores() -> int:
    """Give how many threads may work at once: more would need more memory than they save time."""
    try:
        mine = len(os.sched_getaffinity(0))
    except AttributeError:
        mine = os.cpu_count() or 1
    return min(mine, 32)


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give the same bytes in pieces of :data:`BLOCK`; the last is shorter, and may be empty."""
    held: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        while size >= BLOCK:
            rest = memoryview(held.pop())
            size -= BLOCK
            cut = len(rest) - size
            held.append(rest[:cut])
            yield b"".join(held)
            held = [rest[cut:]] if size else []
    yield b"".join(held)


def packed(whole: Iterable[bytes], level: int, pool: Executor) -> Iterator[bytes]:
    """Give a gzip stream of what :func:`blocks` gives, compressed in ``pool``.

    No more than a few blocks are held at once.
    """
    yield _HEADER
    crc, size, before = 0, 0, b""
    waiting: deque[Future[bytes]] = deque()
    most = _AHEAD * cores()
    for block in whole:
        waiting.append(pool.submit(_deflated, block, before, level))
        crc, size, before = zlib.crc32(block, crc), size + len(block), block[-_WINDOW:]
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
    yield _TRAILER.pack(crc, size & 0xFFFFFFFF)


def _deflated(block: bytes, before: bytes, level: int) -> bytes:
    """Compress a block; only the last one is shorter than others."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=before)
    data = packer.compress(block)
    return data + packer.flush(zlib.Z_FINISH if len(block) < BLOCK else zlib.Z_SYNC_FLUSH)

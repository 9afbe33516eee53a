"""The stream of what a machine lacks: parts in pieces, each known by its name, and a generation.

It is a tar, which the machine's `tar` unpacks as it comes. A cut leaves whole pieces behind, which
are not sent again; a part is put together, and its digest checked, when all its pieces are there.
"""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from typing import IO, TYPE_CHECKING

from stead.values.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stead.values.deployment import Part

PIECE = 4 * 1024 * 1024
"""Bytes of a compressed part that are sent under one name: at most these are sent twice."""
_BLOCK = 512
_MEMORY = 32 * 1024 * 1024


def stream(
    parts: Sequence[Part],
    write: Callable[[Part, IO[bytes]], None],
    *,
    there: Mapping[str, int],
    generation: bytes = b"",
    level: int = 6,
) -> Iterator[bytes]:
    """Give the bytes to send. ``there`` are pieces that came before, by name, with their sizes.

    Raises DeployError when a part is no longer what its digest says.
    """
    for part in parts:
        yield from _part(part, write, there, level)
    if generation:
        yield from _entry("generation.tar.gz", generation)
    yield bytes(2 * _BLOCK)


def _part(
    part: Part, write: Callable[[Part, IO[bytes]], None], there: Mapping[str, int], level: int
) -> Iterator[bytes]:
    with tempfile.SpooledTemporaryFile(_MEMORY) as packed:
        packing = _Packing(packed, level)
        write(part, packing)  # type: ignore[arg-type]
        packing.end()
        if packing.digest() != part.digest:
            raise DeployError(
                f"{part.name} changed while it was being sent",
                remedy="deploy again; do not build meanwhile",
            )
        size = packed.tell()
        packed.seek(0)
        count = 0
        while piece := packed.read(PIECE):
            name = f"p.{part.digest}.{count:05}"
            if there.get(name) != len(piece):
                yield from _entry(name, piece)
            count += 1
    keyed = "".join(
        f"{offset} {_one_line(member.path)}\n" for member in part.members for offset in member.keyed
    )
    yield from _entry(f"p.{part.digest}.keyed", keyed.encode("utf-8", "surrogateescape"))
    yield from _entry(f"p.{part.digest}.end", f"{count} {size}\n".encode())


def _one_line(path: str) -> str:
    if "\n" in path:
        raise DeployError(f"{path!r}: a name with a line break cannot be sent")
    return path


def _entry(name: str, content: bytes) -> Iterator[bytes]:
    import tarfile

    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    yield member.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % _BLOCK)


class _Packing:
    """A file to write a tar to: compresses it, and knows its digest."""

    def __init__(self, out: IO[bytes], level: int) -> None:
        self._out = out
        self._hash = hashlib.sha256()
        self._packer = zlib.compressobj(level, zlib.DEFLATED, 31)
        self._at = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self._out.write(self._packer.compress(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        pass

    def end(self) -> None:
        self._out.write(self._packer.flush())

    def digest(self) -> str:
        return self._hash.hexdigest()

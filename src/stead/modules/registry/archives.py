"""Archives of items: gzipped tar, the same bytes for the same item.

An archive holds ``stead-item.toml`` and ``files/…``. One that comes from elsewhere is read in one
pass, member by member: what is no plain file, bears a hostile name or is too large ends it, whatever
its headers claim, and before anything is written.
"""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, cast

from stead.formats.item import FILES
from stead.formats.item import NAME as DESCRIPTION
from stead.modules.registry.safe import LARGEST, MOST, Intake
from stead.values.errors import RegistryError

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Mapping
    from typing import BinaryIO

_BLOCK = 512
_PADDING = 1 << 20
"""Bytes that may follow an archive's end: programs fill the last record up."""
_PER_FILE = 4 * _BLOCK
"""What a member takes besides its content, with a name in a header of its own."""
LARGEST_DESCRIPTION = 1_000_000
_MOST_MEMBERS = 2 * MOST + 2


def write(description: bytes, contents: Mapping[str, tuple[bytes, bool]]) -> bytes:
    """Make the archive of an item: path below ``files/`` → content, and whether it is a program."""
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _member(tar, DESCRIPTION, description, executable=False)
        for path, (content, executable) in sorted(contents.items()):
            _member(tar, f"{FILES}/{path}", content, executable=executable)
    # Neither a time nor a name stands in this head, and no level of the machine's own.
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = bytearray(packer.compress(out.getvalue()) + packer.flush())
    packed[4:10] = bytes([0, 0, 0, 0, 2, 255])
    return bytes(packed)


def _member(tar: tarfile.TarFile, name: str, content: bytes, *, executable: bool) -> None:
    import tarfile

    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o755 if executable else 0o644
    tar.addfile(info, io.BytesIO(content))


def read(packed: bytes, where: str) -> tuple[bytes, dict[str, tuple[bytes, bool]]]:
    """Give an archive's description and contents. Raises RegistryError; nothing is written."""
    import tarfile

    intake = Intake(where)
    description: bytes | None = None
    found: dict[str, tuple[bytes, bool]] = {}
    source = _Unpacked(packed, where)
    try:
        with tarfile.open(fileobj=source, mode="r|", errorlevel=2) as tar:
            for count, member in enumerate(tar):
                if count > _MOST_MEMBERS:
                    raise intake.refused(f"it has more than {MOST} files")
                name = member.name
                if member.type == tarfile.DIRTYPE and not member.size:
                    _inside(name, intake)
                    continue
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
                    raise intake.link(name)
                stream = cast("BinaryIO", tar.extractfile(member))
                if name == DESCRIPTION:
                    if description is not None:
                        raise intake.refused(f"{DESCRIPTION!r} is there twice")
                    if member.size > LARGEST_DESCRIPTION:
                        raise intake.refused("its description is too large")
                    description = stream.read()
                    continue
                path = intake.path(_inside(name, intake), member.size)
                found[path] = intake.content(path, stream), bool(member.mode & 0o100)
        if len(source.read(_PADDING + 1)) > _PADDING or not source.whole:
            raise _damaged(where, "it goes on after its end")
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError) as exc:
        raise _damaged(where, str(exc)) from exc
    if description is None:
        raise _damaged(where, f"it holds no {DESCRIPTION}")
    return description, found


def _inside(name: str, intake: Intake) -> str:
    """Give a member's path below ``files/``."""
    top, _, path = name.rstrip("/").partition("/")
    if top != FILES:
        raise intake.refused(f"{name[:80]!r} lies outside of {FILES}/")
    if path:
        intake.check(path)
    return path


def _damaged(where: str, why: str) -> RegistryError:
    return RegistryError(
        f"this archive of an item cannot be read: {why[:200]}",
        where=where,
        remedy="nothing was written; tell those who keep the registry",
    )


class _Unpacked(io.RawIOBase):
    """What a gzip stream holds, as it is asked for, and never more than an item may have."""

    def __init__(self, packed: bytes, where: str) -> None:
        self._rest = packed
        self._where = where
        self._inflate = zlib.decompressobj(31)
        self._left = LARGEST + _MOST_MEMBERS * _PER_FILE + LARGEST_DESCRIPTION

    @property
    def whole(self) -> bool:
        """Whether all of it was read, and its checksum was right."""
        return self._inflate.eof and not self._inflate.unused_data

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Give up to ``size`` bytes. Raises RegistryError past the bound, zlib.error for noise."""
        pieces: list[bytes] = []
        missing = size if size >= 0 else self._left + 1
        while missing > 0 and not self._inflate.eof:
            piece = self._inflate.decompress(self._rest, min(missing, 1 << 20))
            self._rest = self._inflate.unconsumed_tail
            if not piece and not self._rest and not self._inflate.eof:
                raise EOFError("it ends in the middle")
            self._left -= len(piece)
            if self._left < 0:
                raise RegistryError(
                    f"this item is refused: unpacked it has more than {LARGEST // 2**20} MiB",
                    where=self._where,
                    remedy="nothing was written; tell those who keep the registry",
                )
            missing -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

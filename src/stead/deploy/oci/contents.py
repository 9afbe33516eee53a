"""What an image to make others upon has: which shared libraries and programs, and which glibc."""

from __future__ import annotations

import json
import re
import tarfile
import zlib
from contextlib import suppress
from typing import cast

from stead.deploy.oci.model import damaged
from stead.deploy.tar import CHUNK
from stead.values.frozen import dataclass
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from stead.deploy.cache import Cache
    from stead.deploy.oci.model import Base, Chunks, Layer

_LIBRARY = re.compile(r"(?:usr/)?lib(?:32|64)?/(?:[^/]+/)?([^/]+\.so(?:\.[0-9.]+)?)\Z")
_PROGRAM = re.compile(r"(?:usr/)?(?:local/)?s?bin/([^/]+)\Z")
_VERSION = re.compile(rb"GNU C Library[^\0\n]*version (\d+\.\d+)")
_GLIBC = "libc.so.6"
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Contents:
    """Where it is empty, the base has no C library, or one of another kind."""

    libraries: frozenset[str] = frozenset()
    glibc: str = ""
    known: bool = True
    """False where the layers are compressed in a way that is not read here."""
    programs: frozenset[str] = frozenset()
    """What lies where programs are looked for."""


def contents(base: Base, cache: Cache) -> Contents:
    """Look through a base's layers, once for each. Raises DeployError, NetworkError, StoreError."""
    found = [_of_layer(base, layer, cache) for layer in base.layers]
    versions = [f.glibc for f in found if f.glibc]
    return Contents(
        frozenset(name for f in found for name in f.libraries),
        versions[-1] if versions else "",
        all(f.known for f in found),
        frozenset(name for f in found for name in f.programs),
    )


def _of_layer(base: Base, layer: Layer, cache: Cache) -> Contents:
    name = sha256(f"contents 2 {layer.blob.digest}".encode()).hexdigest()
    path = cache.path("parts", f"{name}.json")
    with suppress(OSError, ValueError, TypeError), open(path, "rb") as file:
        libraries, glibc, known, programs = json.loads(file.read())
        return Contents(frozenset(libraries), glibc, known, frozenset(programs))
    found = _read(base, layer)
    value = [sorted(found.libraries), found.glibc, found.known, sorted(found.programs)]
    cache.keep(path, json.dumps(value).encode())
    return found


def _read(base: Base, layer: Layer) -> Contents:
    libraries: set[str] = set()
    programs: set[str] = set()
    glibc = ""
    try:
        with base.blobs.open(layer.blob) as file:
            unpacked = _Unpacked(file)
            if not unpacked.known:
                return Contents(known=False)
            with tarfile.open(fileobj=cast("IO[bytes]", unpacked), mode="r|") as opened:
                for member in opened:
                    name = member.name.removeprefix("./")
                    if (program := _PROGRAM.match(name)) and not member.isdir():
                        programs.add(program[1])
                    match = _LIBRARY.match(name)
                    if not match or not (member.isfile() or member.issym()):
                        continue
                    libraries.add(match[1])
                    content = opened.extractfile(member) if match[1] == _GLIBC else None
                    if content is not None and member.isfile():
                        said = _VERSION.search(content.read())
                        glibc = said[1].decode() if said else glibc
                    elif match[1].startswith("libc-2."):
                        glibc = match[1][len("libc-") : -len(".so")]
    except (tarfile.TarError, zlib.error, EOFError) as exc:
        raise damaged(base.name) from exc
    return Contents(frozenset(libraries), glibc, programs=frozenset(programs))


class _Unpacked:
    """A layer without its compression, read forwards."""

    def __init__(self, file: Chunks) -> None:
        self._file = file
        self._start = file.read(4)
        self._packer = zlib.decompressobj(31) if self._start.startswith(b"\x1f\x8b") else None
        self.known = not self._start.startswith(_ZSTD)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size or size < 0:
            data, self._start = self._start, b""
            data = data or self._file.read(CHUNK)
            if not data:
                break
            while self._packer is not None and self._packer.eof:
                # Some writers put one gzip stream behind another.
                data, self._packer = self._packer.unused_data + data, zlib.decompressobj(31)
            self._rest += self._packer.decompress(data) if self._packer else data
        size = len(self._rest) if size < 0 else size
        result, self._rest = self._rest[:size], self._rest[size:]
        return result

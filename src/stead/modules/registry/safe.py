"""What a registry may bring: the one place that refuses hostile paths and sizes.

Nothing of an item is written, nor even kept, before its paths have passed here, and contents are
counted while they arrive.
"""

from __future__ import annotations

from stead.values.errors import RegistryError
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

MOST = 10_000
"""Files of one item."""
LARGEST = 256 * 1024 * 1024
"""Bytes of one item's files together."""
LONGEST = 240
"""Characters of a path."""

_DEVICE = regex(r"(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\..*)?\Z")
_FORBIDDEN = regex(r'[\x00-\x1f\x7f<>:"|?*\\]')
_RESERVED = frozenset({".git", ".stead", ".stead-module"})
_CHUNK = 1 << 20


class Intake:
    """Takes one item's files in, path by path. Raises RegistryError for what must not come in."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._seen: dict[str, str] = {}
        self._directories: dict[str, str] = {}
        self._bytes = 0

    def path(self, path: str, size: int = 0) -> str:
        """Admit a path, and the size that is claimed for its file."""
        self.check(path)
        folded = _folded(path)
        if folded in self._seen:
            raise self.refused(
                f"{path!r} and {self._seen[folded]!r} are one file where case does not count"
                if path != self._seen[folded]
                else f"{path!r} is there twice"
            )
        parts = path.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            known = self._directories.setdefault(_folded(above), above)
            if known != above:
                raise self.refused(
                    f"{above!r} and {known!r} are one directory where case does not count"
                )
            if _folded(above) in self._seen:
                raise self.refused(f"{above!r} is a file and a directory")
        if folded in self._directories:
            raise self.refused(f"{path!r} is a file and a directory")
        self._seen[folded] = path
        if len(self._seen) > MOST:
            raise self.refused(f"it has more than {MOST} files")
        if self._bytes + size > LARGEST:
            raise self._too_large(path)
        return path

    def content(self, path: str, stream: BinaryIO) -> bytes:
        """Read an admitted file to its end, or to the bound."""
        pieces = []
        while piece := stream.read(_CHUNK):
            self._bytes += len(piece)
            if self._bytes > LARGEST:
                raise self._too_large(path)
            pieces.append(piece)
        return b"".join(pieces)

    def link(self, path: str) -> RegistryError:
        """Give the error for what is neither a file nor a directory."""
        return self.refused(f"{path!r} is a link or a device, and items hold plain files")

    def check(self, path: str) -> None:
        """Refuse a path that leads out of a directory, or that some system cannot have."""
        if len(path) > LONGEST:
            raise self.refused(f"the path {path[:40]!r}… is too long")
        if not path or path.startswith("/"):
            raise self.refused(f"the path {path!r} is absolute" if path else "a path is empty")
        if found := _FORBIDDEN.search(path):
            raise self.refused(f"the path {path!r} holds {found[0]!r}")
        try:
            path.encode()
        except UnicodeEncodeError:
            raise self.refused(f"the path {path!r} is not Unicode text") from None
        for part in path.split("/"):
            if part in ("", ".", ".."):
                raise self.refused(f"the path {path!r} holds {part!r}" if part else f"{path!r}")
            if _DEVICE.match(part):
                raise self.refused(f"the path {path!r} names a device of Windows")
            if part.endswith((".", " ")):
                raise self.refused(f"{part!r} in {path!r} ends with what Windows drops")
            if part.casefold() in _RESERVED:
                raise self.refused(f"the path {path!r} lies in {part}, which is not the item's")

    def _too_large(self, path: str) -> RegistryError:
        return self.refused(
            f"with {path!r} its files hold more than {LARGEST // (1024 * 1024)} MiB"
        )

    def refused(self, why: str) -> RegistryError:
        """Give the error for an item that must not come in."""
        return RegistryError(
            f"this item is refused: {why}",
            where=self._where,
            remedy="nothing was written; tell those who keep the registry",
        )


def _folded(path: str) -> str:
    """Give what two paths share that are one file on some system."""
    if path.isascii():
        return path.casefold()
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())

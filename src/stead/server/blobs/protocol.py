"""The one interface to the artifact store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stead.server.values import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class BlobError(ServerError):
    """The artifact store did not do what it was asked."""


class MissingBlobError(BlobError):
    """There is nothing of this key in the artifact store."""


class DamagedBlobError(BlobError):
    """What was put is not what its digest says."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a blob without reading it."""

    key: str
    size: int
    etag: str | None = None


class Blobs(Protocol):
    """Keeps bytes by key. The database says which keys count; nothing is decided here.

    Keys are paths of ASCII words with ``/``. All functions may be called by several
    threads at once, and raise BlobError once their retries are used up.
    """

    def put(self, key: str, content: bytes | Iterable[bytes], *, sha256: str = "") -> str:
        """Keep content, whole or not at all, in place of what is there; gives its sha256.

        Raises DamagedBlobError, and keeps nothing, where it is not the one expected.
        """

    def get(self, key: str) -> bytes:
        """Give a small blob's content. Raises MissingBlobError."""

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Give a blob's content, or the bytes of a range, in pieces. Raises MissingBlobError."""

    def head(self, key: str) -> Head:
        """Tell of a blob. Raises MissingBlobError."""

    def delete(self, key: str) -> None:
        """Remove a blob; one that is not there is no error."""

    def keys(self, prefix: str = "") -> Iterator[Head]:
        """List what is kept below a prefix, which ends in ``/`` or is empty."""

    def url(self, key: str, seconds: int = 300) -> str | None:
        """Give an address from which anybody can have the blob for a while; None where there is none."""

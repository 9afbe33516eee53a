"""The artifact store through obstore: a directory, S3, Google's, Azure's, or memory.

What the store is not to do by itself: give up early. Its own defaults gave up on a
service that answered 503 after 2.4 seconds; here it goes on for minutes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store, from_url

from stead.server.blobs.protocol import BlobError, DamagedBlobError, Head, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from obstore.store import ObjectStore, RetryConfig

RETRIES: RetryConfig = {
    "max_retries": 60,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=10),
        "base": 2,
    },
}

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a stream that are kept in memory until it is known whole."""

PIECE = 1024 * 1024

_KEY = re.compile(r"[A-Za-z0-9_+=.\-]+(/[A-Za-z0-9_+=.\-]+)*\Z")


class BlobStore:
    """A :class:`~stead.server.blobs.protocol.Blobs` in one of obstore's."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, key: str, content: bytes | Iterable[bytes], *, sha256: str = "") -> str:
        path = _checked(key)
        if isinstance(content, bytes):
            digest = hashlib.sha256(content).hexdigest()
            _compare(key, digest, sha256)
            self._put(key, path, content)
            return digest
        # The whole first: what is sent in parts could not be sent again.
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            hashing = hashlib.sha256()
            for piece in content:
                hashing.update(piece)
                file.write(piece)
            digest = hashing.hexdigest()
            _compare(key, digest, sha256)
            file.seek(0)
            self._put(key, path, file)
            return digest

    def _put(self, key: str, path: str, content: bytes | IO[bytes]) -> None:
        with _translated(key):
            obstore.put(self._store, path, content)

    def get(self, key: str) -> bytes:
        with _translated(key):
            return bytes(obstore.get(self._store, _checked(key)).bytes())

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        path = _checked(key)
        size = self.head(key).size
        stop = size if end is None else min(end, size)
        # In ranges: each is asked for again by itself where it fails.
        for at in range(start, stop, PIECE):
            with _translated(key):
                yield bytes(
                    obstore.get_range(self._store, path, start=at, end=min(at + PIECE, stop))
                )

    def head(self, key: str) -> Head:
        with _translated(key):
            found = obstore.head(self._store, _checked(key))
        return Head(key, found["size"], found["e_tag"])

    def delete(self, key: str) -> None:
        with contextlib.suppress(MissingBlobError), _translated(key):
            obstore.delete(self._store, _checked(key))

    def keys(self, prefix: str = "") -> Iterator[Head]:
        with _translated(prefix):
            for batch in obstore.list(self._store, prefix.rstrip("/") or None):
                for one in batch:
                    yield Head(one["path"], one["size"], one["e_tag"])

    def url(self, key: str, seconds: int = 300) -> str | None:
        if not isinstance(self._store, (S3Store, AzureStore, GCSStore)):
            return None
        with _translated(key):
            return obstore.sign(self._store, "GET", _checked(key), timedelta(seconds=seconds))


def open_blobs(
    url: str, options: Mapping[str, Any] | None = None, *, retries: RetryConfig = RETRIES
) -> BlobStore:
    """Open an artifact store by URL: ``file:///DIR``, ``memory:``, ``s3://BUCKET/PREFIX``, …

    A path is a directory too, which is made. ``options`` are obstore's for the service:
    ``endpoint``, ``region``, credentials. Raises BlobError for what cannot be opened.
    """
    if url.startswith(("memory:", "mem:")):
        return BlobStore(MemoryStore())
    if "://" not in url or url.startswith("file:"):
        directory = os.path.abspath(url.removeprefix("file://"))
        try:
            return BlobStore(LocalStore(directory, automatic_cleanup=True, mkdir=True))
        except (BaseError, OSError) as exc:
            raise BlobError(f"{directory} cannot hold artifacts: {exc}") from exc
    given = dict(options or {})
    plain = str(given.get("endpoint", "")).startswith("http:")
    try:
        store: Any = from_url(
            url, retry_config=retries, client_options={"allow_http": plain}, **given
        )
    except (BaseError, ValueError, TypeError) as exc:
        reason = _shown(str(exc).partition("\n")[0])
        # Not from it: it shows the address as it is.
        raise BlobError(f"the artifact store {_shown(url)} cannot be opened: {reason}") from None
    return BlobStore(store)


def _shown(url: str) -> str:
    """Leave out the user and password that a URL may have."""
    return re.sub(r"//[^/@]*@", "//", url)


def _checked(key: str) -> str:
    """Give a key back. Raises BlobError for what could leave its directory, or be spelt twice."""
    if _KEY.match(key) is None or any(set(part) == {"."} for part in key.split("/")):
        raise BlobError(f"{key!r} cannot be a key of the artifact store")
    return key


def _compare(key: str, digest: str, expected: str) -> None:
    if expected and digest != expected:
        raise DamagedBlobError(f"{key} has the sha256 {digest}, and should have {expected}")


@contextlib.contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise MissingBlobError(f"the artifact store has no {key}") from exc
    except (BaseError, OSError) as exc:
        reason = str(exc).partition("\n")[0]
        raise BlobError(
            f"the artifact store failed at {key}: {reason}", remedy="check that it answers"
        ) from exc

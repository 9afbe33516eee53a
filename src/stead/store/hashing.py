"""sha256 of many files at once."""

from __future__ import annotations

import os

from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from hashlib import _Hash

_MANY = 200
_CHUNK = 1024 * 1024


def hash_file(path: str, new: Callable[[bytes], _Hash] = sha256) -> str:
    """Give the sha256 of a file's contents, in hexadecimal. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        data = file.read(_CHUNK)
        digest = new(data)
        while len(data) == _CHUNK:
            data = file.read(_CHUNK)
            digest.update(data)
    return digest.hexdigest()


def hash_files(
    root: str,
    paths: Sequence[str],
    advance: Callable[[int], None] | None = None,
    errors: dict[str, OSError] | None = None,
) -> dict[str, str]:
    """Hash ``paths`` below ``root``, in threads when they are many.

    ``advance`` is told of each file done, as a count. What cannot be read goes
    into ``errors``; without it, the OSError is raised.
    """

    def one(path: str, new: Callable[[bytes], _Hash] = sha256) -> str:
        try:
            digest = hash_file(os.path.join(root, path), new)
        except OSError as exc:
            if errors is None:
                raise
            errors[path] = exc
            digest = ""
        if advance is not None:
            advance(1)
        return digest

    if len(paths) <= _MANY:
        return _read({path: one(path) for path in paths})
    # hashlib lets other threads run while it works on more than 2 KiB.
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial
    from hashlib import sha256 as fast

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return _read(dict(zip(paths, pool.map(partial(one, new=fast), paths), strict=True)))


def _read(hashes: dict[str, str]) -> dict[str, str]:
    return {path: digest for path, digest in hashes.items() if digest}

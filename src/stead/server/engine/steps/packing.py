"""A build taken apart and packed, part by part."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from stead.deploy.closure import tree_of_build
from stead.deploy.oci.packing import blocks, cores, packed
from stead.deploy.tar import stream
from stead.store.atomic import storage, temporary_name
from stead.store.builds import Builds
from stead.store.layout import Layout, key_of
from stead.values.errors import StoreError
from stead.values.parts import ROOT, Closure, PackedPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from stead.values.deployment import Part

LEVEL = 4
"""Of gzip: nearly as small as the usual one in half its time."""

_OF_STORE = frozenset({"key", "path", "created", "by", "format", "files_sha256", "digest"})
"""What a store says of its own copy of a build."""


def taken_apart(build: Path, home: Path) -> tuple[Closure, tuple[Part, ...]]:
    """Say what a build consists of; ``home`` is the STEAD_HOME that it lies in. Raises StoreError."""
    parts = tree_of_build(build, ROOT, home).parts
    meta = Builds(Layout(home)).meta(build)
    closure = Closure(
        key_of(build.name) or "",
        {name: value for name, value in meta.items() if name not in _OF_STORE},
        tuple(PackedPart(p.name, p.digest, p.size) for p in parts),
    )
    return closure, parts


def pack(parts: Iterable[Part], directory: str) -> None:
    """Write parts to ``<sha256>.tar.gz`` in a directory, each whole or not at all.

    Raises StoreError, also where a file of the build changed meanwhile.
    """
    with storage(directory):
        os.makedirs(directory, exist_ok=True)
    with ThreadPoolExecutor(cores()) as pool:
        for part in parts:
            path = packed_path(directory, part.digest)
            if os.path.exists(path):
                continue
            temporary = temporary_name(path)
            with storage(path):
                with open(temporary, "wb") as file:
                    file.writelines(packed(blocks(_pieces(part)), LEVEL, pool))
                os.rename(temporary, path)


def packed_path(directory: str, sha256: str) -> str:
    """Give where a packed part lies."""
    return os.path.join(directory, f"{sha256}.tar.gz")


def _pieces(part: Part) -> Iterator[bytes]:
    """Give a part's bytes, compared with its digest at their end. Raises StoreError."""
    digest = hashlib.sha256()
    for data in stream(part.members):
        digest.update(data)
        yield data
    if digest.hexdigest() != part.digest:
        raise StoreError(f"files of {part.name} changed while they were read")

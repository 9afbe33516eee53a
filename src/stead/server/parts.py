"""Builds as others take them: what one consists of, the bytes of its parts, a directory made of it.

::

    found = closure(database, blobs, build_id)       # what the build consists of
    stream(blobs, part)                              # compressed bytes of one part
    materialize(found, "/srv/envs/KEY-NAME", blobs)  # the whole, right for that path

Needs neither the build itself nor the worker that made it, no channel and no solver.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stead.server.database import builds, packages
from stead.server.engine.publishing import CLOSURE
from stead.server.values import MissingError
from stead.store.parts import make_directory
from stead.values.parts import closure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.store.relocation import Relocated
    from stead.values.parts import Closure, PackedPart


def closure(database: Database, blobs: Blobs, build_id: int) -> Closure:
    """Say what a completed build consists of.

    Raises MissingError for a build that has no parts: it has no packages, or is not completed,
    or was deleted; BlobError; StoreError where what was kept cannot be read.
    """
    with database.read() as connection:
        build = builds.find(connection, build_id)
        found = packages.artifacts(connection, build_id, CLOSURE)
    if not found or build is None or build.deleted_on is not None:
        raise MissingError(f"build id={build_id} has no parts")
    return closure_of(json.loads(blobs.get(found[-1].key)), found[-1].key)


def stream(
    blobs: Blobs, part: PackedPart, start: int = 0, end: int | None = None
) -> Iterator[bytes]:
    """Give a part's compressed bytes, or a range of them. Raises BlobError."""
    return blobs.stream(part.blob, start, end)


def materialize(found: Closure, directory: str, blobs: Blobs) -> Relocated:
    """Make a directory of a build's parts: whole or not at all, and right for where it stands.

    The directory must not exist. Each part is compared with its hash: PartError names one that is
    not what it should be, and nothing is left. Raises StoreError too where the build uses an
    interpreter outside the store which this machine has not, BlobError.
    """
    return make_directory(found, lambda part: blobs.stream(part.blob), directory)

"""Builds as others take them: what one consists of, the bytes of its parts, a directory made of it.

::

    found = closure(database, blobs, build_id)       # what the build consists of
    stream(blobs, part)                              # compressed bytes of one part
    materialize(found, "/srv/envs/KEY-NAME", blobs)  # the whole, right for that path

    interpreter_here(database, blobs, build_id, found, context)  # the one to put under it here

Needs neither the build itself nor the worker that made it, no channel and no solver.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

from stead.server.database import builds, packages
from stead.server.engine.publishing import CLOSURE, STEAD_LOCK
from stead.server.values import MissingError
from stead.store.parts import make_directory
from stead.values.parts import closure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.store.relocation import Relocated
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.lock import LockedEnvironment
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


def interpreter_here(
    database: Database, blobs: Blobs, build_id: int, found: Closure, context: Context
) -> Interpreter | None:
    """Find what a build is to stand on here, where the interpreter that it was made with is not.

    That is one that its specification asks for, of the minor version that is locked, as it is for
    everybody who takes the build. None where the build stands as it is. Raises InterpreterError
    where there is none and none can be fetched, NetworkError, BlobError.
    """
    if not found.interpreter or os.access(found.interpreter, os.X_OK):
        return None
    from stead.pipeline import seating

    locked = _locked(database, blobs, build_id, str(found.meta.get("platform", "")))
    python = locked.python if locked else str(found.meta.get("python") or "")
    return seating.choose_for(locked.requests if locked else (), python, context)


def _locked(
    database: Database, blobs: Blobs, build_id: int, platform: str
) -> LockedEnvironment | None:
    from stead.formats import stead_lock

    with database.read() as connection:
        kept = packages.artifacts(connection, build_id, STEAD_LOCK)
    if not kept:
        return None
    text = blobs.get(kept[-1].key).decode()
    environments = stead_lock.read(text, kept[-1].key).environments
    return next((one for one in environments if one.platform == platform), None)


def materialize(
    found: Closure, directory: str, blobs: Blobs, interpreter: Interpreter | None = None
) -> Relocated:
    """Make a directory of a build's parts: whole or not at all, and right for where it stands.

    The directory must not exist. Each part is compared with its hash: PartError names one that is
    not what it should be, and nothing is left. With ``interpreter`` it stands on that one. Raises
    StoreError too where the build uses an interpreter outside the store which this machine has not,
    BlobError.
    """
    from stead.pipeline import seating

    seat = partial(seating.seat, interpreter=interpreter) if interpreter is not None else None
    return make_directory(found, lambda part: blobs.stream(part.blob), directory, seat)

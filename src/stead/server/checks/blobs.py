"""The artifact store has what the database says, and nothing of ours that it does not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from stead.server.blobs.protocol import BlobError, MissingBlobError
from stead.server.checks.values import Finding, rows
from stead.server.database import builds, parts, specifications
from stead.server.engine import publishing
from stead.server.values import instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.server.checks.values import Checked

_FILES = (
    "SELECT a.id, a.build_id, a.artifact_type, a.key, a.sha256, a.size FROM build_artifact a "
    "JOIN build b ON b.id = a.build_id WHERE b.deleted_on IS NULL ORDER BY a.id"
)
_PARTS = (
    "SELECT p.id, p.sha256, p.packed, (SELECT min(h.build_id) FROM build_part h "
    "WHERE h.part_id = p.id) FROM part p ORDER BY p.id"
)
_KNOWN = (
    "SELECT 1 FROM build_artifact WHERE key = :key UNION ALL SELECT 1 FROM removal WHERE key = :key"
)
_TWINS = "SELECT key FROM build_artifact WHERE sha256 = :sha256 AND key <> :key ORDER BY id"

SETTLED = 3600.0
"""Seconds after a build's end until which its last files may still come."""


def check(checked: Checked) -> Iterator[Finding]:
    """Compare rows with files both ways. Raises BlobError where the artifact store does not answer."""
    with checked.database.read() as connection:
        files = rows(connection, _FILES)
        held = rows(connection, _PARTS)
    # After the rows: a file is there before its row is.
    sizes = {head.key: head.size for head in checked.blobs.keys()}  # noqa: SIM118 - no mapping
    for row in files:
        yield from _file(checked, row, sizes)
    known = {row.key for row in files}
    for part_id, sha256, packed, build_id in held:
        key = parts.key_of(part_id, sha256)
        known.add(key)
        if packed is not None and sizes.get(key) != packed and not _is_there(checked, key, packed):
            told = (
                f"build {build_id} and others consist of it, and it is missing or cut short; "
                "restore it, or delete those builds and ask for them anew"
            )
            yield Finding("blobs", key, told, repaired=False)
    for key in sorted(sizes.keys() - known):
        yield from _stray(checked, key)


def _file(checked: Checked, row: Any, sizes: dict[str, int]) -> Iterator[Finding]:
    _, build_id, kind, key, sha256, size = row
    there = sizes.get(key)
    if there is None and _is_there(checked, key, size):
        return
    if there is None:
        wrong = "is missing"
    elif size is not None and there != size:
        wrong = f"has {there} bytes, and should have {size}"
    elif checked.contents and sha256 and _digest(checked, key) != sha256:
        wrong = "is not what was kept"
    else:
        return
    if _mend(checked, build_id, kind, key, sha256):
        yield Finding("blobs", key, f"{wrong}; it is there again", repaired=True)
        return
    told = f"{wrong}; restore it, or ask for build {build_id} anew"
    yield Finding("blobs", key, told, repaired=False)


def _mend(checked: Checked, build_id: int, kind: str, key: str, sha256: str | None) -> bool:
    """Put a file back: from another of the same content, a log from the database."""
    with checked.database.read() as connection:
        twins = rows(connection, _TWINS, sha256=sha256, key=key) if sha256 else ()
        found = builds.find(connection, build_id)
        assert found is not None
        specification = specifications.get(connection, found.specification_id)
    for (other,) in twins:
        try:
            checked.blobs.put(key, checked.blobs.stream(other), sha256=sha256 or "")
        except BlobError:
            continue
        return True
    if kind == publishing.LOGS:
        return publishing.keep_log(checked.database, checked.blobs, found, specification)
    return False


def _is_there(checked: Checked, key: str, size: int | None) -> bool:
    try:
        head = checked.blobs.head(key)
    except MissingBlobError:
        return False
    return size is None or head.size == size


def _digest(checked: Checked, key: str) -> str:
    hashing = hashlib.sha256()
    for piece in checked.blobs.stream(key):
        hashing.update(piece)
    return hashing.hexdigest()


def _stray(checked: Checked, key: str) -> Iterator[Finding]:
    """Tell of a file that no row counts on; it is removed where it is certainly of this store."""
    with checked.database.read() as connection:
        if rows(connection, _KNOWN, key=key):
            return
        part_id = parts.id_of(key)
        if part_id and rows(connection, "SELECT 1 FROM part WHERE id = :id", id=part_id):
            return
        build_id = publishing.build_named(key)
        found = builds.find(connection, build_id) if build_id is not None else None
        if found is not None:
            specification = specifications.get(connection, found.specification_id)
            same = publishing.is_of(key, found, specification)
            ended = found.deleted_on or found.ended_on
            age = (
                (instant(checked.database.now()) - instant(ended)).total_seconds() if ended else 0.0
            )
            if same and (found.status.is_live or age < SETTLED):
                return  # its row may be about to come
            if same:
                checked.blobs.delete(key)
                yield Finding("blobs", key, "no build counts on it; it is removed", repaired=True)
                return
    told = "nothing counts on it; remove it if no other store keeps files here"
    yield Finding("blobs", key, told, repaired=False)

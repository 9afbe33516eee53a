"""What a build leaves: files in the artifact store, rows in the database, all at once or not."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from stead.server.blobs.protocol import BlobError
from stead.server.database import builds, logs, packages, parts
from stead.server.database.tables import build as build_table
from stead.server.database.tables import build_artifact, environment
from stead.server.values import BuildStatus, NewArtifact, NewPackage, canonical, instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.server.blobs.protocol import Blobs
    from stead.server.database.opening import Database
    from stead.server.engine.keeping import Kept
    from stead.server.values import Build, Specification

LOCKFILE = "LOCKFILE"
YAML = "YAML"
LOGS = "LOGS"
STEAD_LOCK = "STEAD_LOCK"
CLOSURE = "CLOSURE"

_PLACES = {
    LOCKFILE: ("lockfile", "yml"),
    YAML: ("yaml", "yml"),
    LOGS: ("logs", "log"),
    STEAD_LOCK: ("stead-lock", "toml"),
    CLOSURE: ("closure", "json"),
}


_KEY = re.compile(
    rf"(?:{'|'.join(directory for directory, _ in _PLACES.values())})"
    r"/(?:\d+/)?([0-9a-f]{8})-(\d+)-(\d+)-.+"
)


def key_of(kind: str, build: Build, specification: Specification) -> str:
    """Give the key of a build's file, of one attempt alone.

    Files are put before it is known whether the attempt still counts: one that was taken for dead
    and comes back must not write over what another has published.
    """
    directory, suffix = _PLACES[kind]
    if build.attempt > 1:
        directory = f"{directory}/{build.attempt}"
    at = int(instant(build.scheduled_on).timestamp())
    return f"{directory}/{specification.sha256[:8]}-{at}-{build.id}-{specification.name}.{suffix}"


def build_named(key: str) -> int | None:
    """Give the id of the build whose file a key of this form would be; None for another key."""
    found = _KEY.fullmatch(key)
    return int(found[3]) if found else None


def is_of(key: str, build: Build, specification: Specification) -> bool:
    """Say whether a key is that of a file of this build, whatever its kind."""
    found = _KEY.fullmatch(key)
    at = int(instant(build.scheduled_on).timestamp())
    mine = (specification.sha256[:8], str(at), str(build.id))
    return found is not None and found.groups() == mine


def put(
    blobs: Blobs, kind: str, build: Build, specification: Specification, text: str
) -> NewArtifact:
    """Put one of a build's files into the artifact store; gives what the database keeps of it."""
    content = text.encode()
    digest = hashlib.sha256(content).hexdigest()
    key = key_of(kind, build, specification)
    blobs.put(key, content, sha256=digest)
    return NewArtifact(kind, key, digest, len(content))


def former_lock(database: Database, build: Build) -> str | None:
    """Give the key of the lock of its environment's current build, if that is of other words."""
    query = (
        select(build_artifact.c.key)
        .join(environment, environment.c.current_build_id == build_artifact.c.build_id)
        .join(build_table, build_table.c.id == build_artifact.c.build_id)
        .where(
            environment.c.id == build.environment_id,
            build_table.c.specification_id != build.specification_id,
            build_artifact.c.artifact_type == STEAD_LOCK,
        )
    )
    with database.read() as connection:
        return connection.execute(query).scalar()


def lockfile_of(text: str) -> str:
    """Write conda-lock's YAML as the API gives it: JSON, which is YAML too, naming its source."""
    from stead.formats import _yaml

    data = _yaml.load(text, "conda-lock.yml")
    data["metadata"]["sources"] = ["environment.yaml"]
    return json.dumps(data, indent=4)


def publish(
    database: Database,
    blobs: Blobs,
    build: Build,
    specification: Specification,
    results: Mapping[str, Any],
    *,
    kept: Kept | None = None,
) -> bool:
    """Complete a build and make it current; say whether this attempt still counts.

    The files come first: whoever sees the build completed can have them. ``kept`` are its parts,
    which :func:`stead.server.engine.keeping.keep` has put where they belong. Done again, it
    changes nothing. Of an attempt that does not count no file is left.
    """
    made = []
    described, linked = results["activate"], results["link"]
    if described["lockfile"]:
        made.append(put(blobs, LOCKFILE, build, specification, lockfile_of(described["lockfile"])))
    if described["yaml"]:
        made.append(put(blobs, YAML, build, specification, described["yaml"]))
    if lock := results["solve"]["lock"]:
        made.append(put(blobs, STEAD_LOCK, build, specification, lock))
    if kept is not None:
        text = canonical(kept.closure.to_json(blobs=True))
        made.append(put(blobs, CLOSURE, build, specification, text))
    with database.begin() as connection:
        if kept is not None:
            parts.arrived(connection, kept.arrived)
        for question in filter(None, (linked.get("question"), linked.get("kin"))):
            parts.answers(connection, build.id, build.attempt, question)
        done = builds.finish(
            connection,
            build.id,
            build.attempt,
            database.now(),
            size=linked["size"],
            store_key=linked["store_key"],
            artifacts=made,
            packages=[NewPackage(**one) for one in linked["packages"]],
        )
        counted = done is not None or counts(builds.find(connection, build.id), build)
    if not counted:
        _take_back(database, blobs, build, made)
    return counted


def _take_back(database: Database, blobs: Blobs, build: Build, made: Iterable[NewArtifact]) -> None:
    """Remove files of an attempt that is over; what a row names stays, and goes with the row."""
    with database.read() as connection:
        named = {one.key for one in packages.artifacts(connection, build.id)}
    for one in made:
        if one.key not in named:
            # One that stays here takes room, and is found by a check.
            with contextlib.suppress(BlobError):
                blobs.delete(one.key)


def counts(now: Build | None, held: Build) -> bool:
    """Say whether a build is completed by the attempt that somebody holds."""
    return (
        now is not None
        and now.status is BuildStatus.COMPLETED
        and now.attempt == held.attempt
        and now.deleted_on is None
    )


def keep_log(database: Database, blobs: Blobs, build: Build, specification: Specification) -> bool:
    """Put the whole log into the artifact store, and tell the database, for a build that ended.

    Says whether it did: not for an attempt that another has followed, of which no file is left.
    """
    with database.read() as connection:
        text, end = logs.read(connection, build.id)
        parts = [text]
        while text:
            text, end = logs.read(connection, build.id, end)
            parts.append(text)
    made = put(blobs, LOGS, build, specification, "".join(parts))
    with database.begin() as connection:
        now = builds.find(connection, build.id)
        over = now is None or now.attempt != build.attempt
        ended = now is not None and not over and not now.status.is_live
        if ended:
            packages.put_artifacts(connection, build.id, [made])
    if over:
        _take_back(database, blobs, build, [made])
    return ended

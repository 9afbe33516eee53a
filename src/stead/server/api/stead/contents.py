"""What builds consist of, and how two of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from stead.server import parts
from stead.server.api.errors import BadRequest
from stead.server.api.requests import LARGEST, Asked, Caller, ok
from stead.server.api.stead import models
from stead.server.api.v1 import shapes
from stead.server.api.v1.builds import build_for
from stead.server.api.v1.models import Answer
from stead.server.blobs.protocol import MissingBlobError
from stead.server.database import packages
from stead.server.values import BuildStatus, MissingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.server.values import Build, Environment

router = APIRouter(prefix="/api/stead/v1", tags=["contents"])

Number = Annotated[int, Path(ge=0, le=LARGEST)]
Asking = Annotated[int, Query(ge=0, le=LARGEST)]

MANY = 1_000_000
"""More packages than any build has."""


@router.get("/build/{build_id}/closure/", responses={200: {"model": Answer[models.Closure]}})
def closure(asked: Caller, build_id: Number) -> Response:
    """Give all that a completed build consists of: packages with hashes and sizes, files, parts."""
    found, environment = _completed(asked, build_id)
    services = asked.services
    with services.database.read() as connection:
        files = packages.artifacts(connection, build_id)
    try:
        held = parts.closure(services.database, services.blobs, build_id).parts
    except (MissingError, MissingBlobError):
        held = ()
    return ok(
        {
            "build_id": build_id,
            "namespace": environment.namespace,
            "name": environment.name,
            "store_key": found.store_key,
            "size": found.size,
            "packages": packages_of(asked, build_id),
            "artifacts": [
                {"artifact_type": f.artifact_type, "sha256": f.sha256, "size": f.size}
                for f in files
                if f.artifact_type in shapes.ARTIFACTS or f.artifact_type in models.OWN_ARTIFACTS
            ],
            "parts": [{"name": p.name, "sha256": p.sha256, "size": p.size} for p in held],
        }
    )


@router.get("/difference/", responses={200: {"model": Answer[models.BuildDifference]}})
def difference(asked: Caller, before: Asking, after: Asking) -> Response:
    """Say how the packages of two completed builds differ, of any environments."""
    for each in (before, after):
        _completed(asked, each)
    found = compared(packages_of(asked, before), packages_of(asked, after))
    return ok({"before": before, "after": after, **found})


def packages_of(asked: Asked, build_id: int) -> list[dict[str, Any]]:
    """Give a build's packages with their hashes and sizes, in order of their names."""
    with asked.services.database.read() as connection:
        found = packages.page(connection, build_id=build_id, order=("name", "version"), size=MANY)
    return [
        {
            "channel": each.channel.name,
            "name": each.name,
            "version": each.version,
            "build": each.build,
            "sha256": each.sha256,
            "size": each.size,
            "license": each.license,
            "summary": each.summary,
        }
        for each in found.items
    ]


def compared(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Say which packages were added, removed, and changed, by their names.

    A package is the same while channel, version and build are. Of a name that stands for one
    package before and one after, these are taken for the same, changed.
    """
    old, new = _by_name(before), _by_name(after)
    found: dict[str, list[dict[str, Any]]] = {"added": [], "removed": [], "changed": []}
    for name in sorted(old.keys() | new.keys()):
        gone = [each for each in old.get(name, []) if each not in new.get(name, [])]
        come = [each for each in new.get(name, []) if each not in old.get(name, [])]
        if len(gone) == len(come) == 1:
            found["changed"].append({"name": name, "before": gone[0], "after": come[0]})
            continue
        found["removed"] += [{"name": name, **each} for each in gone]
        found["added"] += [{"name": name, **each} for each in come]
    return found


def _by_name(held: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in held:
        which = {key: each[key] for key in ("version", "build", "channel")}
        found.setdefault(each["name"], []).append(which)
    return found


def _completed(asked: Asked, build_id: int) -> tuple[Build, Environment]:
    found, environment = build_for(asked, "environment::read", build_id)
    if found.status is not BuildStatus.COMPLETED:
        raise BadRequest(f"build id={build_id} is not completed: {found.status}", status=409)
    return found, environment

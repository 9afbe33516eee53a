"""Locking: from requests to records, with rattler's gateway and solver."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stead.ecosystems.conda.cache import Places, is_cached
from stead.ecosystems.conda.channels import Located, locate
from stead.ecosystems.conda.engine import (
    cache_directory,
    failures,
    gateway,
    is_unchanged,
    translated,
)
from stead.ecosystems.conda.records import artifact_to_record, records_to_artifacts
from stead.ecosystems.conda.specs import match_spec
from stead.ecosystems.conda.virtual import virtual_packages
from stead.values.errors import ManifestError
from stead.values.manifest import Channel
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rattler import Gateway as RattlerGateway
    from rattler import MatchSpec, PackageName, RepoDataRecord, Subdir

    from stead.ecosystems.protocol import LockRequest
    from stead.values.context import Context
    from stead.values.lock import Artifact
    from stead.values.requirement import Requirement

_TAKEN = ("conda", PYTHON)


def lock(request: LockRequest, context: Context) -> tuple[Artifact, ...]:
    """Choose conda packages for ``request``; sorted by name.

    Raises UnsatisfiableError, ManifestError (a spec that means nothing),
    NetworkError, ArtifactError.
    """
    asked = tuple(r for r in request.requirements if r.ecosystem in _TAKEN)
    if not asked:
        return ()
    channels = channels_of(request)
    # The specs are checked before anything is fetched.
    specs = [_spec(r, channels, request.root) for r in asked]
    limits = [
        _spec(r, channels, request.root) for r in request.constraints if r.ecosystem in _TAKEN
    ]
    with context.progress.task("Solving conda packages"):
        records = asyncio.run(_solve(request, context, channels, specs, limits))
    return records_to_artifacts(records, channels)


def channels_of(request: LockRequest) -> tuple[Located, ...]:
    """Give the channels to ask, in order: the manifests', then those that requirements name."""
    named = [
        Channel(r.index, os.path.dirname(r.origin.file), r.origin)
        for r in (*request.requirements, *request.constraints)
        if r.index
        and r.ecosystem in _TAKEN
        and not any(c.name == r.index for c in request.channels)
    ]
    return locate((*request.channels, *named), request.root)


async def _solve(
    request: LockRequest,
    context: Context,
    channels: tuple[Located, ...],
    specs: list[MatchSpec],
    limits: list[MatchSpec],
    *,
    anew: bool = False,
) -> list[RepoDataRecord]:
    from rattler import ChannelPriority, Subdir, solve
    from rattler.exceptions import SolverError

    source = gateway(context, anew=anew)
    subdirs = [Subdir(request.platform.name), Subdir("noarch")]
    try:
        sources: list[Any] = [c.url for c in channels]
        if context.offline:
            sources = await _cached_sources(source, channels, subdirs, [*specs, *limits], context)
        return await solve(
            sources,
            specs,
            gateway=source,
            platforms=subdirs,
            locked_packages=_kept(request, context, channels),
            virtual_packages=virtual_packages(request.platform, context.environ),
            channel_priority=ChannelPriority[request.channel_priority.capitalize()],
            exclude_newer=_moment(request.exclude_newer),
            constraints=limits,
            channel_relations="disabled",
        )
    except SolverError as exc:
        from stead.ecosystems.conda.explain import explained

        raise await explained(exc, request, channels, source, context) from exc
    except failures() as exc:
        if not anew and is_unchanged(exc):
            return await _solve(request, context, channels, specs, limits, anew=True)
        shown = ", ".join(c.shown for c in channels)
        raise translated(exc, f"the packages of {shown} could not be listed") from exc


def _spec(requirement: Requirement, channels: tuple[Located, ...], root: str) -> MatchSpec:
    url = ""
    if requirement.index:
        from stead.ecosystems.conda.channels import address

        url = next((c.url for c in channels if c.written == requirement.index), "") or address(
            requirement.index, os.path.dirname(requirement.origin.file) or root
        )
    return match_spec(requirement, url)


def _kept(
    request: LockRequest, context: Context, channels: tuple[Located, ...]
) -> list[RepoDataRecord]:
    """Give what the old lock has, unless it is to be taken afresh or its channel is gone."""
    if "*" in context.upgrade:
        return []
    known = {name for c in channels for name in (c.written, c.shown)}
    return [
        artifact_to_record(a, channels, request.root)
        for a in request.old
        if a.ecosystem == "conda"
        and a.index in known
        and a.name not in context.upgrade
        and dict(a.extra).get("subdir") in ("noarch", request.platform.name)
    ]


def _moment(text: str) -> datetime | None:
    """Read ``exclude-newer``: a date (its end, in UTC) or a time."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ManifestError(
            f"exclude-newer is no time: {text!r}",
            remedy="write it as 2026-01-31 or 2026-01-31T12:00:00Z",
        ) from exc
    if len(text) == len("2026-01-31"):
        return moment.replace(hour=23, minute=59, second=59, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


async def _cached_sources(
    source: RattlerGateway,
    channels: tuple[Located, ...],
    subdirs: list[Subdir],
    specs: list[MatchSpec],
    context: Context,
) -> list[Any]:
    """Give sources that hold only packages that need no network: cached, or of local channels."""
    if all(c.is_local for c in channels):
        return [c.url for c in channels]
    # One query for all, for a package of one channel may need one of another.
    lists = await source.query(
        [c.url for c in channels], subdirs, specs, channel_relations="disabled"
    )
    places = Places.of(cache_directory(context))
    held: dict[str, list[RepoDataRecord]] = {c.url: [] for c in channels}
    for record in (r for records in lists for r in records):
        if is_cached(places.package(record.file_name), record.sha256, record.md5):
            held[record.channel.rstrip("/") + "/"].append(record)
    return [c.url if c.is_local else _Held(held[c.url]) for c in channels]


class _Held:
    """A source of records at hand, as rattler's gateway asks for them."""

    def __init__(self, records: Iterable[RepoDataRecord]) -> None:
        self._records: dict[tuple[str, str], list[RepoDataRecord]] = {}
        for record in records:
            key = (record.subdir, record.name.normalized)
            self._records.setdefault(key, []).append(record)

    async def fetch_package_records(
        self, platform: Subdir, name: PackageName
    ) -> list[RepoDataRecord]:
        return self._records.get((str(platform), name.normalized), [])

    def package_names(self, platform: Subdir) -> list[str]:
        return sorted(name for subdir, name in self._records if subdir == str(platform))

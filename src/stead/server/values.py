"""What the server's rooms hand to one another: rows as frozen values, and why something is refused.

A row becomes a value in exactly one function, which stands beside the table's
other functions in :mod:`stead.server.database`. Moments are text of one width in
UTC, ``2026-11-21T00:14:01.817103``: they sort as time runs, are the same in both
databases, and are what the API answers.
"""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Mapping

Item = TypeVar("Item")

Moment = str
"""UTC, ``YYYY-MM-DDTHH:MM:SS.ffffff``, always with microseconds and never with a zone."""


def moment(at: datetime) -> Moment:
    """Write a point in time; one without a zone is taken as UTC."""
    if at.tzinfo is not None:
        at = at.astimezone(UTC).replace(tzinfo=None)
    return at.isoformat(timespec="microseconds")


def instant(at: Moment) -> datetime:
    """Read a moment as a point in time in UTC."""
    return datetime.fromisoformat(at).replace(tzinfo=UTC)


def later(at: Moment, seconds: float) -> Moment:
    """Give the moment so many seconds after another; before it where they are negative."""
    return moment(instant(at) + timedelta(seconds=seconds))


def canonical(value: object) -> str:
    """Write JSON in the one form that digests are made of: sorted, tight, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def sha256_of(text: str) -> str:
    """Digest a text's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


class BuildStatus(enum.StrEnum):
    """Where a build stands; the words are the API's."""

    QUEUED = "QUEUED"
    BUILDING = "BUILDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def is_live(self) -> bool:
        """Whether a build with this status may still be worked on."""
        return self in (BuildStatus.QUEUED, BuildStatus.BUILDING)


class SpecificationKind(enum.StrEnum):
    """What a specification's text is written in."""

    CONDA = "conda"
    LOCK = "lock"
    STEAD = "stead"


class SettingLevel(enum.StrEnum):
    """Where a setting stands; the later ones win."""

    GLOBAL = "global"
    NAMESPACE = "namespace"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class RoleMapping:
    """That an entity (a glob ``namespace/name``) has a role in a namespace."""

    id: int
    entity: str
    role: str


@dataclass(frozen=True, slots=True)
class Namespace:
    id: int
    name: str
    metadata: Mapping[str, Any]
    roles: tuple[RoleMapping, ...]
    created_on: Moment


@dataclass(frozen=True, slots=True)
class Environment:
    """A name under which builds are published; ``namespace`` is its namespace's name."""

    id: int
    namespace_id: int
    namespace: str
    name: str
    description: str
    current_build_id: int | None
    tags: tuple[str, ...]
    created_on: Moment


@dataclass(frozen=True, slots=True)
class Specification:
    """What an environment is asked to be.

    ``spec`` is what the API shows, ``text`` what was handed in. Before it is kept
    (:func:`stead.server.database.specifications.put`) the id is 0.
    """

    kind: SpecificationKind
    name: str
    spec: Mapping[str, Any]
    text: str
    sha256: str
    id: int = 0
    created_on: Moment = ""


@dataclass(frozen=True, slots=True)
class Build:
    """One making of an environment.

    ``attempt`` counts how often it was handed out to be worked on: what an older
    attempt reports is not taken. ``asked`` is the newest submission attached to it,
    by which it is decided whether it is newer than what is current.
    """

    id: int
    environment_id: int
    namespace_id: int
    specification_id: int
    key: str
    status: BuildStatus
    status_info: str | None
    reason: str | None
    priority: int
    attempt: int
    retries: int
    deaths: int
    asked: int
    worker_id: int | None
    workflow_id: str | None
    admitted_on: Moment | None
    not_before: Moment | None
    deadline: Moment | None
    size: int
    store_key: str | None
    scheduled_on: Moment
    started_on: Moment | None
    ended_on: Moment | None
    deleted_on: Moment | None
    cancel_asked: Moment | None

    @property
    def is_admitted(self) -> bool:
        """Whether it waits for a worker or has one."""
        return self.status.is_live and self.admitted_on is not None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file made of a build, and where the artifact store has it."""

    id: int
    build_id: int
    artifact_type: str
    key: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """A file made of a build, as the build's end reports it."""

    artifact_type: str
    key: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    id: int
    name: str
    last_update: Moment | None = None


@dataclass(frozen=True, slots=True)
class NewPackage:
    """A package that a build holds; ``channel`` is the channel's name."""

    channel: str
    name: str
    version: str
    build: str
    sha256: str | None = None
    license: str | None = None
    summary: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Package:
    id: int
    channel: Channel
    name: str
    version: str
    build: str
    sha256: str | None
    license: str | None
    summary: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to one request to build.

    ``attached`` tells that a build of the same key was there; ``completed`` that it
    is done already, so nothing will be built.
    """

    id: int
    build_id: int
    attached: bool
    completed: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """The bounds of a namespace; None where there is none."""

    builds: int | None = None
    bytes: int | None = None
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a namespace holds, deleted things left out."""

    environments: int
    builds: int
    bytes: int
    by_status: Mapping[BuildStatus, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Part of a build's log; ``start`` is its offset in bytes of UTF-8."""

    build_id: int
    seq: int
    attempt: int
    start: int
    at: Moment
    text: str

    @property
    def end(self) -> int:
        """The offset of what follows."""
        return self.start + len(self.text.encode())


@dataclass(frozen=True, slots=True)
class Token:
    """A token's row. The token itself is not kept, only its digest.

    ``grants`` gives roles by globs over ``namespace/name``.
    """

    id: int
    sha256: str
    name: str
    who: str
    grants: Mapping[str, tuple[str, ...]]
    created_on: Moment
    expires_on: Moment | None = None
    revoked_on: Moment | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    id: int
    name: str
    host: str
    pid: int
    state: str
    capacity: int
    started_on: Moment
    seen_on: Moment


@dataclass(frozen=True, slots=True)
class Source:
    """A place from which specifications come: watched files, or a git repository."""

    id: int
    namespace_id: int
    kind: str
    location: Mapping[str, Any]
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for those who follow along; ids ascend as events were committed."""

    id: int
    at: Moment
    kind: str
    namespace_id: int | None
    environment_id: int | None
    build_id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Part of a list, and how long the whole is; ``page`` counts from 1."""

    items: tuple[Item, ...]
    page: int
    size: int
    count: int


@dataclass(frozen=True, slots=True)
class Visible:
    """What somebody may see: globs ``namespace/name`` (``*`` and ``?``), any of which suffices."""

    globs: tuple[str, ...] = ("*/*",)

    @property
    def everything(self) -> bool:
        """Whether nothing is hidden."""
        return "*/*" in self.globs or "*" in self.globs


EVERYTHING = Visible()


class ServerError(SteadError):
    """The server cannot do this."""


class MissingError(ServerError):
    """There is no such thing here."""


class ExistsError(ServerError):
    """There is one of this name already."""


class QuotaError(ServerError):
    """The namespace has used up its quota."""

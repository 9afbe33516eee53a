"""The shapes of this API, as its OpenAPI text tells of them; bodies are checked against them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stead.server.api.v1 import models
from stead.server.api.v1.models import BuildStatusWord, Status

Tag = Annotated[str, Field(pattern="^[A-Za-z0-9_][A-Za-z0-9_.:+=-]{0,63}$")]

KindWord = Literal["conda", "lock", "stead"]


class NewSpecification(BaseModel):
    """A specification for an environment; ``lock`` is the text of its ``stead.lock``.

    Of builds that wait in a namespace the one with the highest ``priority`` comes first.
    """

    model_config = ConfigDict(extra="forbid")

    namespace: str = Field(max_length=255)
    name: str = Field(max_length=255)
    kind: KindWord
    specification: str
    lock: str = ""
    description: models.Description | None = None
    priority: int = Field(default=0, ge=-1000, le=1000)


class Description(BaseModel):
    """What is said of an environment; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    description: models.Description | None = None
    tags: list[Tag] | None = Field(default=None, max_length=50)


class Described(BaseModel):
    """An environment; ``current_build_id`` is that of a completed build, or null."""

    id: int
    namespace: str
    name: str
    description: str
    tags: list[str]
    current_build_id: int | None
    created_on: datetime


class PlannedSpecification(NewSpecification):
    """``solve``: say which packages it would become, too."""

    solve: bool = False


class Submitted(BaseModel):
    """``attached``: somebody had asked for the same already."""

    build_id: int
    attached: bool


class File(BaseModel):
    name: Literal["environment.yml", "conda-lock.yml", "stead.toml", "stead.lock"]
    text: str


class Files(BaseModel):
    build_id: int
    namespace: str
    name: str
    kind: KindWord
    files: list[File]


class LogPart(BaseModel):
    """Part of a log; ``offset`` is where what follows begins, in bytes."""

    build_id: int
    text: str
    offset: int
    status: BuildStatusWord
    reason: str | None
    whole: bool


class Event(BaseModel):
    """Something that happened; ``data`` has more of it, by its kind."""

    id: int
    at: datetime
    kind: str
    namespace: str | None
    environment: str | None
    build_id: int | None
    data: dict[str, Any]


class Events(BaseModel):
    """What happened; ``last`` is after which event to go on."""

    status: Status
    data: list[Event]
    message: str | None = None
    last: int


class About(BaseModel):
    """``compatible`` is the version of conda-store whose API is served beside this one."""

    version: str
    compatible: str
    nouns: list[str]


class Health(BaseModel):
    """Workers, how many builds they take at once, how many builds wait or are at work.

    ``event`` is the newest.
    """

    workers: int
    places: int
    queued: int
    building: int
    event: int


OWN_ARTIFACTS = ("STEAD_LOCK",)
"""Files of builds that clients of the compatible API are not told of."""


class HeldPackage(BaseModel):
    channel: str
    name: str
    version: str
    build: str
    sha256: str | None
    size: int | None
    license: str | None
    summary: str | None


class HeldFile(BaseModel):
    artifact_type: str
    sha256: str | None
    size: int | None


class HeldPart(BaseModel):
    """Files of one package; ``sha256`` and ``size`` are of what is not compressed."""

    name: str
    sha256: str
    size: int


class Closure(BaseModel):
    """All that a build consists of; no ``parts`` where they are not kept."""

    build_id: int
    namespace: str
    name: str
    store_key: str | None
    size: int
    packages: list[HeldPackage]
    artifacts: list[HeldFile]
    parts: list[HeldPart]


class Which(BaseModel):
    version: str
    build: str
    channel: str


class Named(Which):
    name: str


class Changed(BaseModel):
    name: str
    before: Which
    after: Which


class Difference(BaseModel):
    added: list[Named]
    removed: list[Named]
    changed: list[Changed]


class BuildDifference(Difference):
    before: int
    after: int


class PlannedBuild(BaseModel):
    id: int
    status: BuildStatusWord


class Plan(BaseModel):
    """What a specification would become.

    ``refused`` has all reasons why it may not be built. ``spec`` is as the settings make it.
    ``build`` is the one that it would be attached to, or that would be current again. ``key``
    is null where the environment is not there yet.
    """

    namespace: str
    name: str
    kind: KindWord
    spec: dict[str, Any]
    sha256: str
    allowed: bool
    refused: list[str]
    key: str | None
    build: PlannedBuild | None
    current_build_id: int | None
    packages: list[HeldPackage] | None
    difference: Difference | None


class PackedPart(BaseModel):
    """A package's files; ``sha256`` and ``size`` are those of the tar before it is compressed."""

    name: str
    sha256: str
    size: int


class PackedClosure(BaseModel):
    """A build taken apart, as other machines make it again; ``digest`` is of all that it says."""

    format: int
    key: str
    meta: dict[str, Any]
    parts: list[PackedPart]
    digest: str


class Consists(BaseModel):
    build_id: int
    closure: PackedClosure


class LockText(BaseModel):
    build_id: int
    lock: str

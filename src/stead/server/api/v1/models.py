"""The shapes of this API, as its OpenAPI text tells of them; bodies are checked against them.

Answers are written by :mod:`stead.server.api.v1.shapes` without these models, which
would take longer than all else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

Data = TypeVar("Data")

Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$")]
"""UTC, without a zone: as clients know it, and no ``date-time`` of the standard."""

Text = Annotated[str | None, Query(max_length=1000)]
"""A short text of a query."""

Description = Annotated[str, Field(max_length=100_000, pattern="^[^\\x00]*$")]
"""A longer text; no database takes the character NUL."""

Status = Literal["ok", "error"]
BuildStatusWord = Literal["QUEUED", "BUILDING", "COMPLETED", "FAILED", "CANCELED"]
ArtifactWord = Literal[
    "DIRECTORY",
    "LOCKFILE",
    "LOGS",
    "YAML",
    "CONDA_PACK",
    "DOCKER_MANIFEST",
    "CONSTRUCTOR_INSTALLER",
    "CONTAINER_REGISTRY",
    "DOCKER_BLOB",
]
SolveFormat = Literal["yaml", "lockfile"]
RoleWord = Literal["viewer", "developer", "editor", "admin"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """An error; ``detail`` lists what of the request is wrong, ``remedy`` says what to do."""

    status: Literal["error"]
    message: str
    detail: list[dict[str, Any]] | None = None
    remedy: str | None = None


class Done(BaseModel):
    status: Status
    message: str | None = None


class Answer(BaseModel, Generic[Data]):
    status: Status
    data: Data
    message: str | None = None


class Listed(BaseModel, Generic[Data]):
    status: Status
    data: list[Data]
    message: str | None = None
    page: int
    size: int
    count: int


class Following(BaseModel, Generic[Data]):
    """Part of a list; ``cursor`` asks for what follows."""

    status: Status
    data: list[Data]
    message: str | None = None
    cursor: str | None
    count: int


class Version(BaseModel):
    version: str


class Permission(BaseModel):
    authenticated: bool
    primary_namespace: str
    entity_permissions: dict[str, list[str]]
    entity_roles: dict[str, list[str]]
    expiration: datetime | None = None


class NewToken(BaseModel):
    """A wish for a token. ``exp`` is what the ``conda-store`` program calls ``expiration``."""

    primary_namespace: str | None = None
    expiration: datetime | None = None
    exp: datetime | None = None
    role_bindings: dict[str, list[str]] | None = None


class Login(BaseModel):
    """A token; ``password`` is what programs call it that send a user's name with it."""

    token: str | None = None
    username: str | None = None
    password: str | None = None


class TokenData(BaseModel):
    token: str


class RoleMapping(BaseModel):
    id: int
    entity: str
    role: str


class Role(BaseModel):
    id: int
    namespace: str
    other_namespace: str
    role: str


class WantedRole(_Body):
    other_namespace: str = Field(max_length=255)
    role: RoleWord


class RoleOfOther(_Body):
    other_namespace: str = Field(max_length=255)


class Namespace(BaseModel):
    id: int
    name: str
    metadata_: dict[str, Any] | None = None
    role_mappings: list[RoleMapping] = []


class NamespaceChange(_Body):
    metadata: dict[str, Any] | None = None
    role_mappings: dict[str, list[RoleWord]] | None = None


class Specification(BaseModel):
    id: int
    name: str
    spec: dict[str, Any]
    sha256: str
    created_on: Moment


class Channel(BaseModel):
    id: int
    name: str
    last_update: Moment | None = None


class Package(BaseModel):
    id: int
    channel: Channel
    license: str | None = None
    name: str
    version: str
    summary: str | None = None


class Artifact(BaseModel):
    id: int
    artifact_type: ArtifactWord
    key: str


class Build(BaseModel):
    id: int
    environment_id: int
    specification: Specification | None = None
    packages: list[Package] | None = None
    status: BuildStatusWord
    status_info: str | None = None
    size: int
    scheduled_on: Moment
    started_on: Moment | None = None
    ended_on: Moment | None = None
    build_artifacts: list[Artifact] | None = None


class Environment(BaseModel):
    id: int
    namespace: Namespace
    name: str
    current_build_id: int | None
    current_build: Build | None = None
    description: str | None = None


class EnvironmentChange(_Body):
    build_id: int | None = None
    description: Description | None = None


class NewSpecification(_Body):
    namespace: str | None = None
    specification: str = ""
    is_lockfile: bool | None = False
    environment_name: str | None = ""
    environment_description: Description | None = ""


class BuildNumber(BaseModel):
    build_id: int


class Usage(BaseModel):
    num_environments: int
    num_builds: int
    storage: int


class SolvedPackage(BaseModel):
    """A package that would be chosen; ``channel_id`` where a build took packages from there."""

    channel_id: int | None
    channel: str
    name: str
    version: str
    build: str
    sha256: str | None
    size: int | None
    license: str | None = None
    summary: str | None = None


class Solved(BaseModel):
    solve: list[SolvedPackage]

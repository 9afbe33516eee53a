"""The shapes of this API, as its OpenAPI text tells of them; bodies are checked against them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stead.server.api.v1.models import BuildStatusWord, Status

KindWord = Literal["conda", "lock", "stead"]


class NewSpecification(BaseModel):
    """A specification for an environment; ``lock`` is the text of its ``stead.lock``."""

    model_config = ConfigDict(extra="forbid")

    namespace: str = Field(max_length=255)
    name: str = Field(max_length=255)
    kind: KindWord
    specification: str
    lock: str = ""
    description: str | None = Field(default=None, max_length=100_000)


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

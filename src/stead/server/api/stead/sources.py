"""Sources: which there are and how far each was read, and having one read now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from stead.server.api.requests import LARGEST, Caller, done, ok
from stead.server.api.v1.models import Answer, Done
from stead.server.auth import EVERYWHERE
from stead.server.database import namespaces, sources
from stead.server.sources.declared import repository
from stead.server.values import MissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.server.api.requests import Asked
    from stead.server.values import Source

router = APIRouter(prefix="/api/stead/v1/source", tags=["sources"])

Number = Annotated[int, Path(ge=0, le=LARGEST)]


class NewSource(BaseModel):
    """A git repository, with the words that the configuration has for it."""

    model_config = ConfigDict(extra="forbid")

    namespace: str = Field(max_length=255)
    url: str = Field(max_length=4000)
    branch: str | None = Field(default=None, max_length=255)
    tag: str | None = Field(default=None, max_length=255)
    directory: str | None = Field(default=None, max_length=4000)
    glob: str | None = Field(default=None, max_length=255)
    interval: float | None = Field(default=None, ge=1, le=1_000_000)


class SourceFile(BaseModel):
    """``reason``: why the text that is there now was not taken; ``gone``: there is none any more."""

    path: str
    name: str | None
    build_id: int | None
    reason: str | None
    gone: bool


class SourceState(BaseModel):
    """``error``: why it cannot be read; ``held``: a server works on it."""

    id: int
    namespace: str
    kind: Literal["watch", "git"]
    location: dict[str, Any]
    commit: str | None
    error: str | None
    held: bool
    files: list[SourceFile]


@router.get("/", responses={200: {"model": Answer[list[SourceState]]}})
def listed(asked: Caller) -> Response:
    """List the sources of the namespaces of which the one that asks may see everything."""
    who = asked.who()
    with asked.services.database.read() as connection:
        found = [
            _shown(each, name, sources.files(connection, each.id))
            for each in sources.listed(connection)
            if who.may(
                "environment::read", name := namespaces.name_of(connection, each.namespace_id)
            )
        ]
    return ok(found)


@router.post("/", responses={200: {"model": Answer[SourceState]}})
def create(asked: Caller, body: NewSource) -> Response:
    """Fill a namespace from a git repository; for those with rights to everything.

    Directories are a matter of the server's machine: its configuration names them.
    """
    asked.authorize("namespace::update", EVERYWHERE)
    wanted = repository(body.model_dump(exclude_none=True), remote=True)
    with asked.services.database.begin() as connection:
        home = namespaces.get(connection, wanted.namespace)
        made = sources.put(connection, home.id, wanted.kind, wanted.location)
        if not made.state.get("called"):
            sources.set_state(connection, made.id, {**made.state, "called": True})
        known = sources.files(connection, made.id)
    return ok(_shown(made, home.name, known))


@router.post("/{source_id}/fetch/", responses={200: {"model": Done}})
def fetch(asked: Caller, source_id: Number) -> Response:
    """Have a source looked at now; for those who may create environments in its namespace."""
    _authorized(asked, source_id, "environment:create")
    with asked.services.database.begin() as connection:
        if not sources.ask(connection, source_id):
            raise MissingError("source does not exist")
    return done("it is looked at now")


@router.delete("/{source_id}/", responses={200: {"model": Done}})
def remove(asked: Caller, source_id: Number) -> Response:
    """Forget a source; its environments stay. One that a configuration names is back at the next start."""
    asked.authorize("namespace::update", EVERYWHERE)
    with asked.services.database.begin() as connection:
        if not sources.remove(connection, source_id):
            raise MissingError("source does not exist")
    return done()


def _authorized(asked: Asked, source_id: int, action: str) -> None:
    with asked.services.database.read() as connection:
        found = sources.find(connection, source_id)
        name = namespaces.name_of(connection, found.namespace_id) if found else ""
    if found is None or not asked.who().may("environment::read", name):
        raise MissingError("source does not exist")
    asked.authorize(action, name)


def _shown(
    source: Source, namespace: str, files: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    state = source.state
    return {
        "id": source.id,
        "namespace": namespace,
        "kind": source.kind,
        "location": dict(source.location),
        "commit": state.get("commit"),
        "error": state.get("error"),
        "held": bool(state.get("lease")),
        "files": [
            {
                "path": path,
                "name": entry.get("name"),
                "build_id": entry.get("build"),
                "reason": entry.get("reason"),
                "gone": "gone" in entry,
            }
            for path, entry in files.items()
        ],
    }

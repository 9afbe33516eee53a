"""Specifications: handing one in is asking for a build."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Asked, Caller, json_answer, ok
from stead.server.api.v1 import models
from stead.server.auth import Refused, home_of
from stead.server.database import namespaces, packages, settings
from stead.server.specs import addresses, known, policy
from stead.server.specs.reading import read
from stead.server.submitting import hand_in, look_up
from stead.server.values import Specification, SpecificationKind

router = APIRouter(prefix="/api/v1/specification", tags=["specifications"])


@dataclass(frozen=True, slots=True)
class _ToSolve:
    wanted: Specification
    seconds: float
    """How long a solve may take."""
    private: bool
    """Whether it may reach private addresses."""


Texts = Annotated[list[str], Query(max_length=1000)]


@router.get("/", responses={200: {"model": models.Solved}})
async def solve(
    request: Request,
    asked: Caller,
    channel: Texts = [],  # noqa: B006 - FastAPI copies it
    channels: Texts = [],  # noqa: B006
    conda: Texts = [],  # noqa: B006
    pip: Texts = [],  # noqa: B006
    format: models.SolveFormat = "yaml",  # noqa: A002, ARG001 - the clients' word, which changes nothing
    namespace: models.Text = None,
) -> Response:
    """Give the packages that would be chosen now, on the server's platform; nothing is kept.

    The settings of ``namespace`` apply, by default of one in which the one that asks may
    solve. ``channels`` is the ``conda-store`` program's word for ``channel``.
    """
    asked_for = [*conda, *([{"pip": pip}] if pip else [])]
    text = json.dumps(
        {"name": "solve", "channels": [*channel, *channels], "dependencies": asked_for}
    )
    to_solve = await run_in_threadpool(_to_solve, asked, text, namespace)
    if not to_solve.wanted.spec["dependencies"]:
        return json_answer({"solve": []})
    solving = request.app.state.solving
    found = await solving.packages(
        to_solve.wanted,
        to_solve.seconds,
        request.is_disconnected,
        guarded=not to_solve.private,
    )
    return json_answer({"solve": await run_in_threadpool(_with_channels, asked, found)})


def _to_solve(asked: Asked, text: str, namespace: str | None) -> _ToSolve:
    """Give a specification as the settings make it, and what they say of its solve."""
    home = namespace or home_of(asked.who(), "environment::solve")
    asked.authorize("environment::solve", home)
    with asked.services.database.read() as connection:
        held = namespaces.find(connection, home)
        layers = settings.layers(connection, namespace_id=held.id if held else 0)
    rules = policy.policy_of(policy.merged(layers))
    wanted = read(text)
    wanted = policy.applied(wanted, rules, addresses.look_up(policy.names(wanted, rules)))
    return _ToSolve(
        wanted, float(known.merged(layers)["conda_max_solve_time"]), rules.allow_private_addresses
    )


def _with_channels(asked: Asked, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the channels' ids, of those that builds took packages from."""
    with asked.services.database.read() as connection:
        ids = packages.channel_ids(connection, {each["channel"] for each in found})
    return [{**each, "channel_id": ids.get(each["channel"])} for each in found]


@router.post("/", responses={200: {"model": models.Answer[models.BuildNumber]}})
def create(asked: Caller, body: models.NewSpecification) -> Response:
    """Ask for a build of a specification, in an environment that is made where it is missing.

    The same again gives the same build.
    """
    who = asked.who()
    if not who.authenticated:
        # Before anything is read: whoever may not ask shall not make work either.
        raise Refused
    namespace = body.namespace or who.primary_namespace
    kind = SpecificationKind.LOCK if body.is_lockfile else SpecificationKind.CONDA
    if body.is_lockfile and not body.environment_name:
        raise BadRequest("a lock file needs environment_name, because it has none itself")
    wanted = read(body.specification, kind, name=body.environment_name or "")
    asked.authorize("environment:create", namespace, wanted.name)
    services = asked.services
    answers = look_up(services.database, namespace, [wanted])
    with services.database.begin() as connection:
        submitted = hand_in(
            connection,
            services.queue,
            namespace,
            wanted,
            who=who.name,
            now=services.database.now(),
            answers=answers,
            description=body.environment_description or "",
        )
    return ok({"build_id": submitted.build_id})

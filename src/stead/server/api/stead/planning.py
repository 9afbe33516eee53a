"""What a specification would become, with nothing kept and nothing built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Asked, Caller, ok
from stead.server.api.stead import models
from stead.server.api.stead.contents import compared, packages_of
from stead.server.api.v1.models import Answer
from stead.server.auth import Refused
from stead.server.database import admission, environments, namespaces, settings
from stead.server.specs import known, policy
from stead.server.specs.checks import SpecError
from stead.server.specs.reading import read
from stead.server.submitting import look_up
from stead.server.values import QuotaError

if TYPE_CHECKING:
    from stead.server.values import Specification

router = APIRouter(prefix="/api/stead/v1", tags=["planning"])


@dataclass(frozen=True, slots=True)
class _Plan:
    told: dict[str, Any]
    wanted: Specification
    seconds: float
    """How long a solve may take."""
    private: bool
    """Whether it may reach private addresses."""


@router.post("/plan/", responses={200: {"model": Answer[models.Plan]}})
async def plan(request: Request, asked: Caller, body: models.PlannedSpecification) -> Response:
    """Say what a specification would become if it were handed in.

    ``solve`` asks for the packages too, and how they differ from those of the current build.
    """
    made = await run_in_threadpool(_plan, asked, body)
    told = made.told
    if body.solve and told["allowed"]:
        solving = request.app.state.solving
        found = await solving.packages(
            made.wanted, made.seconds, request.is_disconnected, guarded=not made.private
        )
        told["packages"] = found
        if told["current_build_id"] is not None:
            now = await run_in_threadpool(packages_of, asked, told["current_build_id"])
            told["difference"] = compared(now, found)
    return ok(told)


def _plan(asked: Asked, body: models.PlannedSpecification) -> _Plan:
    who = asked.who()
    if not who.authenticated:
        # Before anything is read: whoever may not ask shall not make work either.
        raise Refused
    asked.authorize("environment:create", body.namespace, body.name)
    if body.solve:
        asked.authorize("environment::solve", body.namespace, body.name)
    try:
        wanted = read(body.specification, body.kind, name=body.name, lock=body.lock)
    except SpecError as exc:
        raise BadRequest("; ".join((exc.message, *exc.details)), remedy=exc.remedy) from exc
    answers = look_up(asked.services.database, body.namespace, [wanted], name=body.name)
    refused: list[str] = []
    key = found = current = None
    with asked.services.database.read() as connection:
        home = namespaces.find(connection, body.namespace)
        environment = environments.find(connection, body.namespace, body.name) if home else None
        ids = {"namespace_id": home.id} if home else {}
        if environment is not None:
            ids["environment_id"] = environment.id
        layers = settings.layers(connection, **ids)
        rules = policy.policy_of(policy.merged(layers))
        try:
            wanted = policy.applied(wanted, rules, answers)
        except policy.ForbiddenError as exc:
            refused += [exc.message, *exc.details]
        if environment is not None:
            current = environment.current_build_id
            order = admission.Order(who.name, settings=rules.digest)
            key = admission.key_of(environment.id, wanted, order)
            found = admission.alike(connection, key)
        if home is not None and found is None:
            try:
                admission.check_quota(connection, home.id)
            except QuotaError as exc:
                refused.append(exc.message)
    told = {
        "namespace": body.namespace,
        "name": body.name,
        "kind": wanted.kind.value,
        "spec": wanted.spec,
        "sha256": wanted.sha256,
        "allowed": not refused,
        "refused": refused,
        "key": None if refused else key,
        "build": None
        if refused or found is None
        else {"id": found.id, "status": found.status.value},
        "current_build_id": current,
        "packages": None,
        "difference": None,
    }
    seconds = float(known.merged(layers)["conda_max_solve_time"])
    return _Plan(told, wanted, seconds, rules.allow_private_addresses)

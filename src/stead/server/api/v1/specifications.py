"""Specifications: handing one in is asking for a build."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import Caller, ok
from stead.server.api.v1 import models
from stead.server.auth import Refused
from stead.server.database import admission, environments, namespaces, settings, specifications
from stead.server.specs import policy
from stead.server.specs.reading import read
from stead.server.values import SpecificationKind

router = APIRouter(prefix="/api/v1/specification", tags=["specifications"])


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
    description = body.environment_description or str(wanted.spec.get("description") or "")
    asked.authorize("environment:create", namespace, wanted.name)
    services = asked.services
    with services.database.begin() as connection:
        now = services.database.now()
        home = namespaces.ensure(connection, namespace, now)
        environment = environments.ensure(connection, home, wanted.name, now)
        layers = settings.layers(connection, namespace_id=home.id, environment_id=environment.id)
        rules = policy.policy_of(policy.merged(layers))
        kept = specifications.put(connection, policy.applied(wanted, rules), now)
        if description and description != environment.description:
            environments.describe(connection, environment.id, now, description=description)
        submitted = admission.submit_within(
            connection,
            services.queue,
            environment,
            kept,
            order=admission.Order(who=who.name, settings=rules.digest),
            now=now,
        )
    return ok({"build_id": submitted.build_id})

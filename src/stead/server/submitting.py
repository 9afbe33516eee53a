"""Handing in a specification: the one way to a build, whoever asks and from wherever it comes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stead.server.database import admission, environments, namespaces, settings, specifications
from stead.server.specs import addresses, policy
from stead.server.specs.checks import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from stead.server.database.opening import Database
    from stead.server.database.queue import Enqueue
    from stead.server.specs.policy import Answers
    from stead.server.values import Moment, Specification, Submission


def look_up(
    database: Database, namespace: str, wanted: Iterable[Specification], *, name: str = ""
) -> Answers:
    """Ask what the names in specifications resolve to, where settings want to know it.

    It may take two seconds, so it is done in no transaction and not in the server's loop.
    ``answers`` are those of :func:`look_up`. ``name`` is the environment's where it is not the one that a specification has.
    """
    found: list[str] = []
    with database.read() as connection:
        if not settings.is_set(connection, "allow_private_addresses"):
            return {}  # most stores: nobody pays for what is not asked
        home = namespaces.find(connection, namespace)
        for one in wanted:
            environment = environments.find(connection, namespace, name or one.name)
            layers = settings.layers(
                connection,
                namespace_id=home.id if home else 0,
                environment_id=environment.id if environment else 0,
            )
            with contextlib.suppress(SpecError):  # whoever hands it in is told
                found += policy.names(one, policy.policy_of(policy.merged(layers)))
    return addresses.look_up(found)


def hand_in(
    connection: Connection,
    queue: Enqueue,
    namespace: str,
    wanted: Specification,
    *,
    who: str,
    now: Moment,
    answers: Answers,
    name: str = "",
    description: str = "",
    priority: int = 0,
) -> Submission:
    """Ask for a build of a specification under the settings in effect, within a transaction.

    ``answers`` are those of :func:`look_up`. ``name`` is the environment's where it is not the one that the specification has. Of
    builds that wait in a namespace the one with the highest ``priority`` comes first.
    Namespace and environment are made where they are missing. Whether ``who`` may do this
    was asked before. Raises SpecError for what the settings forbid, QuotaError where the
    namespace holds enough: the caller's transaction must not be kept then.
    """
    home = namespaces.ensure(connection, namespace, now)
    environment = environments.ensure(connection, home, name or wanted.name, now)
    layers = settings.layers(connection, namespace_id=home.id, environment_id=environment.id)
    rules = policy.policy_of(policy.merged(layers))
    kept = specifications.put(connection, policy.applied(wanted, rules, answers), now)
    description = description or str(wanted.spec.get("description") or "")
    if description and description != environment.description:
        environments.describe(connection, environment.id, now, description=description)
    return admission.submit_within(
        connection,
        queue,
        environment,
        kept,
        order=admission.Order(who=who, settings=rules.digest, priority=priority),
        now=now,
    )

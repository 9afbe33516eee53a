"""Admission: who is built next.

A build is asked for with :func:`submit` and let through by :func:`admit`, which hands
it to be run in the same transaction. What may be let through:

- no more at once than there are places for (by default those of all running workers);
- of a namespace no more at once than its setting ``quota_concurrent``;
- of a namespace nothing while what it holds reaches its setting ``quota_bytes``;
- nothing before its ``not_before``.

Who comes first: the namespace with the fewest builds let through, and among equals
the one that was served longest ago. So each one progresses, however much another asks
for. Within a namespace the higher priority comes first, then the older.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, or_, select, text, update

from stead.server.database import (
    builds,
    counters,
    environments,
    namespaces,
    specifications,
    workers,
)
from stead.server.database.opening import take_turn
from stead.server.database.tables import build, counter, namespace, setting, submission
from stead.server.values import BuildStatus, Quota, QuotaError, Submission

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from stead.server.database.opening import Database
    from stead.server.database.queue import Enqueue
    from stead.server.values import Build, Environment, Moment, Specification

QUOTAS = ("quota_builds", "quota_bytes", "quota_concurrent")
"""The settings, global or of a namespace, that bound what a namespace may have."""

_PUT_BUILD = text(
    "INSERT INTO build (environment_id, namespace_id, specification_id, key, status, priority, "
    "scheduled_on) VALUES (:environment_id, :namespace_id, :specification_id, :key, 'QUEUED', "
    ":priority, :now) RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Order:
    """How a build is asked for.

    ``settings`` is the digest of the settings in effect, which are part of what is
    asked for. ``force`` is any text that was not used before: the same is built anew.
    """

    who: str
    priority: int = 0
    settings: str = ""
    force: str = ""


def key_of(environment_id: int, specification: Specification, order: Order) -> str:
    """Give the key that everybody has who asks for the same."""
    parts = (str(environment_id), specification.sha256, order.settings, order.force)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def submit(
    database: Database,
    queue: Enqueue,
    namespace_name: str,
    name: str,
    specification: Specification,
    *,
    order: Order,
    slots: int | None = None,
) -> Submission:
    """Ask for a build of an environment, which is made where it is missing.

    All in one transaction: specification, environment, build, admission, enqueue. Raises
    :class:`MissingError` where there is no such namespace, :class:`QuotaError` where the
    namespace has used up what it may hold; nothing is kept then.
    """
    with database.begin() as connection:
        take_turn(connection)
        now = database.now()
        home = namespaces.get(connection, namespace_name)
        kept = specifications.put(connection, specification, now)
        environment = environments.ensure(connection, home, name, now)
        return submit_within(
            connection, queue, environment, kept, order=order, now=now, slots=slots
        )


def submit_within(
    connection: Connection,
    queue: Enqueue,
    environment: Environment,
    specification: Specification,
    *,
    order: Order,
    now: Moment,
    slots: int | None = None,
) -> Submission:
    """Ask for a build within the caller's transaction, and let through what may be.

    A build of the same key that waits or is being built is attached to. One that is
    completed is made current again and nothing is built.
    """
    take_turn(connection)
    key = key_of(environment.id, specification, order)
    found = alike(connection, key)
    attached = found is not None
    if found is None:
        check_quota(connection, environment.namespace_id)
        values = {
            "environment_id": environment.id,
            "namespace_id": environment.namespace_id,
            "specification_id": specification.id,
            "key": key,
            "priority": order.priority,
            "now": now,
        }
        made = int(connection.execute(_PUT_BUILD, values).scalar_one())
        counters.add(connection, environment.namespace_id, BuildStatus.QUEUED, builds=1)
        counters.add_to_block(connection, made, 1)
        found = builds.find(connection, made)
        assert found is not None
    asked = connection.execute(
        submission.insert().returning(submission.c.id),
        {"build_id": found.id, "who": order.who, "at": now},
    ).scalar_one()
    priority = max(found.priority, order.priority)
    connection.execute(
        update(build).where(build.c.id == found.id).values(asked=asked, priority=priority)
    )
    completed = found.status is BuildStatus.COMPLETED
    if completed:
        builds.publish(connection, builds.get(connection, found.id), now)
    elif not attached:
        builds.tell(connection, "build.status", found, now)
        admit_within(connection, queue, now, slots=slots)
    return Submission(asked, found.id, attached, completed)


def admit(database: Database, queue: Enqueue, *, slots: int | None = None) -> tuple[int, ...]:
    """Let through what may be, each handed to be run; gives the builds' ids in that order.

    ``slots`` is how many may be let through and not ended at once; None for as many as
    the running workers take.
    """
    with database.read() as connection:
        if not _waiting(connection):
            return ()
    with database.begin() as connection:
        return admit_within(connection, queue, database.now(), slots=slots)


def admit_within(
    connection: Connection, queue: Enqueue, now: Moment, *, slots: int | None = None
) -> tuple[int, ...]:
    """Let through what may be, within the caller's transaction."""
    take_turn(connection)
    if slots is None:
        slots = workers.places(connection)
    running = _running(connection)
    free = slots - sum(running.values())
    if free <= 0:
        return ()
    waiting = _waiting(connection)
    if not waiting:
        return ()
    quotas = quotas_of(connection, waiting)
    served = max(waiting.values())
    lines: dict[int, Iterator[Build]] = {}
    order: list[tuple[int, int, int]] = []
    for namespace_id, last in waiting.items():
        if _has_room(connection, namespace_id, quotas[namespace_id]):
            lines[namespace_id] = _line(connection, namespace_id, now, free)
            order.append((running.get(namespace_id, 0), last, namespace_id))
    heapq.heapify(order)
    admitted: list[int] = []
    latest: dict[int, int] = {}
    while order and len(admitted) < free:
        at_once, _, namespace_id = heapq.heappop(order)
        bound = quotas[namespace_id].concurrent
        if bound is not None and at_once >= bound:
            continue
        following = next(lines[namespace_id], None)
        if following is None:
            continue
        _admit(connection, queue, following, now)
        admitted.append(following.id)
        served += 1
        latest[namespace_id] = served
        heapq.heappush(order, (at_once + 1, served, namespace_id))
    for namespace_id, last in latest.items():
        connection.execute(
            update(namespace).where(namespace.c.id == namespace_id).values(served=last)
        )
    return tuple(admitted)


def quotas_of(connection: Connection, namespace_ids: Iterable[int]) -> dict[int, Quota]:
    """Give the quotas of namespaces: each bound is the namespace's own, else the global one."""
    ids = list(namespace_ids)
    query = select(setting.c.namespace_id, setting.c.name, setting.c.value).where(
        setting.c.namespace_id.in_([0, *ids]),
        setting.c.environment_id == 0,
        setting.c.name.in_(QUOTAS),
    )
    found: dict[int, dict[str, int | None]] = {}
    for namespace_id, name, value in connection.execute(query):
        found.setdefault(namespace_id, {})[name.removeprefix("quota_")] = orjson.loads(value)
    common = found.get(0, {})
    return {each: Quota(**{**common, **found.get(each, {})}) for each in ids}


def alike(connection: Connection, key: str) -> Build | None:
    """Give the build of a key that is not ended, else the newest that is completed."""
    live = build.c.status.in_(("QUEUED", "BUILDING"))
    done = (build.c.status == "COMPLETED") & build.c.deleted_on.is_(None)
    for condition in (live, done):
        query = select(*builds.COLUMNS).where(build.c.key == key, condition)
        row = connection.execute(query.order_by(build.c.id.desc()).limit(1)).first()
        if row is not None:
            return builds.build_of(row)
    return None


def check_quota(connection: Connection, namespace_id: int) -> None:
    """Raise :class:`QuotaError` where a namespace may not hold another build."""
    quota = quotas_of(connection, [namespace_id])[namespace_id]
    if quota.builds is None and quota.bytes is None:
        return
    number, size = _held(connection, namespace_id)
    if quota.builds is not None and number >= quota.builds:
        raise QuotaError(
            f"the namespace holds {number} builds, and may hold {quota.builds}",
            remedy="delete builds that are not needed, or ask for a higher quota",
        )
    if quota.bytes is not None and size >= quota.bytes:
        raise QuotaError(
            f"the namespace holds {size} bytes, and may hold {quota.bytes}",
            remedy="delete builds that are not needed, or ask for a higher quota",
        )


def _has_room(connection: Connection, namespace_id: int, quota: Quota) -> bool:
    """Say whether a namespace's bytes allow for another build; where not, tell those that wait."""
    if quota.bytes is None:
        return True
    _, size = _held(connection, namespace_id)
    if size < quota.bytes:
        return True
    why = f"waits: the namespace holds {size} bytes, and may hold {quota.bytes}"
    connection.execute(
        update(build)
        .where(
            build.c.namespace_id == namespace_id,
            build.c.status == "QUEUED",
            build.c.admitted_on.is_(None),
            or_(build.c.status_info.is_(None), build.c.status_info.like("waits: %")),
        )
        .values(status_info=why)
    )
    return False


def _held(connection: Connection, namespace_id: int) -> tuple[int, int]:
    total = func.coalesce(func.sum(counter.c.builds), 0)
    size = func.coalesce(func.sum(counter.c.bytes), 0)
    row = connection.execute(
        select(total, size).where(counter.c.namespace_id == namespace_id)
    ).one()
    return int(row[0]), int(row[1])


def _running(connection: Connection) -> dict[int, int]:
    """Count what is let through and not ended, by namespace."""
    query = (
        select(build.c.namespace_id, func.count())
        .where(build.c.status.in_(("QUEUED", "BUILDING")), build.c.admitted_on.is_not(None))
        .group_by(build.c.namespace_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _waiting(connection: Connection) -> dict[int, int]:
    """Give the namespaces with queued builds, and when each was served last."""
    query = (
        select(counter.c.namespace_id, namespace.c.served)
        .join(namespace, namespace.c.id == counter.c.namespace_id)
        .where(counter.c.status == "QUEUED", counter.c.builds > 0)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _line(connection: Connection, namespace_id: int, now: Moment, most: int) -> Iterator[Build]:
    """Give a namespace's builds that wait, in their order; asked for only when needed."""
    query = (
        select(*builds.COLUMNS)
        .where(
            build.c.namespace_id == namespace_id,
            build.c.status == "QUEUED",
            build.c.admitted_on.is_(None),
            or_(build.c.not_before.is_(None), build.c.not_before <= now),
        )
        .order_by(build.c.priority.desc(), build.c.id)
        .limit(most)
    )
    yield from map(builds.build_of, connection.execute(query).all())


def _admit(connection: Connection, queue: Enqueue, waiting: Build, now: Moment) -> None:
    attempt = waiting.attempt + 1
    changes: dict[str, Any] = {
        "attempt": attempt,
        "admitted_on": now,
        "workflow_id": f"build-{waiting.id}-{attempt}",
        "not_before": None,
        "status_info": None,
    }
    connection.execute(update(build).where(build.c.id == waiting.id).values(**changes))
    admitted = replace(waiting, **changes)
    queue.enqueue(connection, admitted)
    builds.tell(connection, "build.status", admitted, now)

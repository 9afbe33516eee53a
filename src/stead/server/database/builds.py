"""Builds: what they are, and the steps from one status to the next.

    QUEUED ──admit──▸ QUEUED, admitted ──begin──▸ BUILDING ──finish──▸ COMPLETED
      ▴                    │                        ├──────fail──────▸ FAILED
      └───────retry────────┴────────────────────────┘
    cancel: from QUEUED and BUILDING to CANCELED.   delete: in every status.

Each step is one transaction's part: it waits for its turn, looks at the row, and
changes the row, the counters and the list of events together. The steps of a worker
carry the attempt that the build was handed out with; where the row's is another
one, or the build has ended, they change nothing and give None. That is how a worker
that was taken for dead learns that its work is no longer wanted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from stead.server.database import counters, events, parts, shares
from stead.server.database.build_pages import page
from stead.server.database.build_rows import COLUMNS, build_of, find, get
from stead.server.database.opening import take_turn
from stead.server.database.packages import put_artifacts, put_packages
from stead.server.database.tables import build as table
from stead.server.database.tables import environment
from stead.server.values import BuildStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from stead.server.values import Build, Moment, NewArtifact, NewPackage

__all__ = [
    "COLUMNS",
    "DEATHS",
    "begin",
    "build_of",
    "cancel",
    "delete",
    "delete_all",
    "fail",
    "find",
    "finish",
    "get",
    "is_current",
    "page",
    "publish",
    "recover",
    "retry",
    "tell",
]

DEATHS = 3
"""So many workers may a build kill before it is not handed out any more."""


def begin(
    connection: Connection,
    build_id: int,
    attempt: int,
    now: Moment,
    *,
    worker_id: int | None = None,
    deadline: Moment | None = None,
) -> Build | None:
    """Take an admitted build to work on it; the same attempt may begin again."""
    found = _of_attempt(connection, build_id, attempt)
    if found is None:
        return None
    return _move(
        connection,
        found,
        now,
        status=BuildStatus.BUILDING,
        status_info=None,
        worker_id=worker_id,
        started_on=found.started_on or now,
        deadline=deadline or found.deadline,
    )


def finish(
    connection: Connection,
    build_id: int,
    attempt: int,
    now: Moment,
    *,
    size: int = 0,
    store_key: str | None = None,
    artifacts: Iterable[NewArtifact] = (),
    packages: Iterable[NewPackage] = (),
) -> Build | None:
    """Complete a build that was begun, and publish it unless something newer was asked for.

    Newer is what was asked for later, or decided later by hand: an older build that
    ends later is completed, and does not become current (:func:`is_current` tells).
    """
    found = _of_attempt(connection, build_id, attempt)
    if found is None or found.status is not BuildStatus.BUILDING:
        return None
    put_artifacts(connection, build_id, artifacts)
    put_packages(connection, build_id, packages)
    done = _move(
        connection,
        found,
        now,
        status=BuildStatus.COMPLETED,
        status_info=None,
        size=size,
        store_key=store_key,
        ended_on=now,
    )
    publish(connection, done, now)
    return done


def publish(connection: Connection, done: Build, now: Moment) -> bool:
    """Make a completed build current unless something newer is; say whether it did."""
    became = connection.execute(
        update(environment)
        .where(
            environment.c.id == done.environment_id,
            environment.c.deleted_on.is_(None),
            environment.c.decided < done.asked,
        )
        .values(current_build_id=done.id, decided=done.asked)
    ).rowcount
    if became:
        events.append(
            connection,
            "environment.current",
            now,
            namespace_id=done.namespace_id,
            environment_id=done.environment_id,
            build_id=done.id,
        )
    return bool(became)


def is_current(connection: Connection, build_id: int) -> bool:
    """Say whether a build is its environment's current one."""
    query = select(environment.c.id).where(
        environment.c.current_build_id == build_id, environment.c.deleted_on.is_(None)
    )
    joined = query.join(table, table.c.environment_id == environment.c.id)
    return connection.execute(joined.where(table.c.id == build_id)).first() is not None


def fail(
    connection: Connection,
    build_id: int,
    attempt: int,
    now: Moment,
    *,
    reason: str,
    status_info: str | None = None,
    artifacts: Iterable[NewArtifact] = (),
) -> Build | None:
    """End a build that cannot be made; ``reason`` in plain words, ``status_info`` what was told."""
    found = _of_attempt(connection, build_id, attempt)
    if found is None:
        return None
    put_artifacts(connection, build_id, artifacts)
    return _move(
        connection,
        found,
        now,
        status=BuildStatus.FAILED,
        reason=reason,
        status_info=status_info or reason,
        ended_on=now,
    )


def retry(
    connection: Connection,
    build_id: int,
    attempt: int,
    now: Moment,
    *,
    not_before: Moment,
    why: str,
) -> Build | None:
    """Put a build back to wait, to be admitted again as a new attempt, not before a moment."""
    found = _of_attempt(connection, build_id, attempt)
    if found is None:
        return None
    return _move(
        connection,
        found,
        now,
        status=BuildStatus.QUEUED,
        status_info=why,
        retries=found.retries + 1,
        not_before=not_before,
        admitted_on=None,
        worker_id=None,
        deadline=None,
    )


def recover(
    connection: Connection,
    build_id: int,
    attempt: int,
    now: Moment,
    *,
    died: bool = True,
    limit: int = DEATHS,
) -> Build | None:
    """Take a build from the worker that had it, to be gone on with elsewhere.

    It stays admitted and known by the same ``workflow_id``, with the next attempt: what
    the worker still reports is not taken. A build whose workers died ``limit`` times
    fails, and until then its ``status_info`` tells of it; ``died`` is False where a worker
    that stops hands it back.
    """
    found = _of_attempt(connection, build_id, attempt)
    if found is None:
        return None
    deaths = found.deaths + died
    if deaths >= limit:
        reason = f"{deaths} workers died while they built it"
        return _move(
            connection,
            found,
            now,
            status=BuildStatus.FAILED,
            deaths=deaths,
            reason=reason,
            status_info=reason,
            ended_on=now,
        )
    told = (
        f"the worker that made this is gone ({deaths} of {limit}); "
        f"another one goes on (attempt {attempt + 1})"
    )
    return _move(
        connection,
        found,
        now,
        status=BuildStatus.QUEUED,
        status_info=told if died else found.status_info,
        attempt=attempt + 1,
        deaths=deaths,
        worker_id=None,
        deadline=None,
    )


def cancel(connection: Connection, build_id: int, now: Moment) -> Build | None:
    """Cancel a build that has not ended; gives it as it was, or None where it has ended.

    It is canceled from now on. Where it was BUILDING, ``cancel_asked`` tells the worker
    to end what it runs; where it was admitted, its workflow is of no use any more.
    """
    take_turn(connection)
    found = find(connection, build_id)
    if found is None or not found.status.is_live:
        return None
    begun = found.status is BuildStatus.BUILDING
    _move(
        connection,
        found,
        now,
        status=BuildStatus.CANCELED,
        # What it waited for, it waits for no more.
        reason=None,
        status_info=None,
        ended_on=now,
        cancel_asked=now if begun else None,
    )
    return found


def delete(connection: Connection, build_id: int, now: Moment) -> Build | None:
    """Delete a build in whatever status; gives it as it was, or None where it is gone already.

    One that has not ended is canceled first. The environment whose current build it was
    has none then.
    """
    take_turn(connection)
    found = find(connection, build_id)
    if found is None or found.deleted_on is not None:
        return None
    cancel(connection, build_id, now)
    left = find(connection, build_id)
    assert left is not None
    connection.execute(update(table).where(table.c.id == build_id).values(deleted_on=now))
    size = shares.alone(connection, build_id, left.size)
    counters.add(connection, left.namespace_id, left.status, builds=-1, size=-size)
    counters.add_to_block(connection, build_id, -1)
    parts.release(connection, build_id, now)
    connection.execute(
        update(environment)
        .where(environment.c.id == left.environment_id, environment.c.current_build_id == build_id)
        .values(current_build_id=None)
    )
    tell(connection, "build.deleted", left, now)
    return found


def delete_all(connection: Connection, environment_id: int, now: Moment) -> None:
    """Delete all builds of an environment."""
    query = select(table.c.id).where(
        table.c.environment_id == environment_id, table.c.deleted_on.is_(None)
    )
    for build_id in connection.execute(query).scalars().all():
        delete(connection, build_id, now)


def _of_attempt(connection: Connection, build_id: int, attempt: int) -> Build | None:
    """Give a build that is admitted and handed out with this attempt."""
    take_turn(connection)
    found = find(connection, build_id)
    if found is None or not found.is_admitted or found.attempt != attempt:
        return None
    return found


def _move(connection: Connection, found: Build, now: Moment, **changes: Any) -> Build:
    """Change a build's row, with the counters and the event that go with it."""
    moved: Build = replace(found, **changes)
    connection.execute(update(table).where(table.c.id == found.id).values(**changes))
    if (moved.status, moved.size) != (found.status, found.size):
        before, after = (shares.alone(connection, b.id, b.size) for b in (found, moved))
        counters.add(connection, found.namespace_id, found.status, builds=-1, size=-before)
        counters.add(connection, found.namespace_id, moved.status, builds=1, size=after)
    if moved.status in (BuildStatus.FAILED, BuildStatus.CANCELED):
        parts.release(connection, moved.id, now)
    tell(connection, "build.status", moved, now)
    return moved


def tell(connection: Connection, kind: str, told: Build, now: Moment) -> None:
    """Add an event about a build to the list."""
    events.append(
        connection,
        kind,
        now,
        namespace_id=told.namespace_id,
        environment_id=told.environment_id,
        build_id=told.id,
        data={
            "status": told.status.value,
            "attempt": told.attempt,
            "reason": told.reason,
            "info": told.status_info,
        },
    )

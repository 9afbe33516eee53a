"""Names, and what environments and namespaces refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from stead.server.checks.values import Finding, rows
from stead.server.database import builds, environments, events
from stead.server.database import names as index
from stead.server.database.opening import take_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from stead.server.checks.values import Checked
    from stead.server.values import Moment

    Told = tuple[str, str]
    """What was wrong, and in words how and what is done about it."""

_NAMESPACE = (
    "SELECT e.id, e.namespace, e.name, n.name FROM environment e "
    "JOIN namespace n ON n.id = e.namespace_id WHERE e.namespace <> n.name"
)
_ELSEWHERE = (
    "SELECT b.id, e.namespace_id FROM build b JOIN environment e ON e.id = b.environment_id "
    "WHERE b.namespace_id <> e.namespace_id"
)


def names(checked: Checked) -> Iterator[Finding]:
    """Compare the names and namespaces that rows repeat, so that lists are fast."""
    return _mended(checked, "names", (_NAMESPACE, _ELSEWHERE), _rename)


def _rename(connection: Connection, now: Moment) -> Iterator[Told]:
    for each, wrong, name, right in rows(connection, _NAMESPACE):
        statement = "UPDATE environment SET namespace = :right WHERE id = :id"
        connection.execute(text(statement), {"right": right, "id": each})
        # Those who remember names follow the events.
        for kind, namespace in (("deleted", wrong), ("created", right)):
            events.append(
                connection,
                f"environment.{kind}",
                now,
                environment_id=each,
                data={"namespace": namespace, "name": name},
            )
        yield f"{right}/{name}", f"was listed in the namespace {wrong}"
    for each, right in rows(connection, _ELSEWHERE):
        statement = "UPDATE build SET namespace_id = :right WHERE id = :id"
        connection.execute(text(statement), {"right": right, "id": each})
        yield f"build {each}", "was listed in a namespace that is not its own"
    index.bump(connection)


_IN_DELETED = (
    "SELECT e.id, e.namespace || '/' || e.name FROM environment e "
    "JOIN namespace n ON n.id = e.namespace_id "
    "WHERE n.deleted_on IS NOT NULL AND e.deleted_on IS NULL ORDER BY e.id"
)
_OF_DELETED = (
    "SELECT b.id FROM build b JOIN environment e ON e.id = b.environment_id "
    "WHERE e.deleted_on IS NOT NULL AND b.deleted_on IS NULL ORDER BY b.id"
)


def deleted(checked: Checked) -> Iterator[Finding]:
    """Look for what is left of what was deleted."""
    return _mended(checked, "deleted", (_IN_DELETED, _OF_DELETED), _delete)


def _delete(connection: Connection, now: Moment) -> Iterator[Told]:
    for each, path in rows(connection, _IN_DELETED):
        environments.delete(connection, each, now)
        yield path, "was left though its namespace was deleted"
    for (each,) in rows(connection, _OF_DELETED):
        builds.delete(connection, each, now)
        yield f"build {each}", "was left though its environment was deleted"


_DANGLING = (
    "SELECT e.id, e.namespace || '/' || e.name, e.current_build_id, "
    "CASE WHEN b.id IS NULL THEN 'there is not' "
    "WHEN e.deleted_on IS NOT NULL THEN 'it has no more' "
    "WHEN b.deleted_on IS NOT NULL THEN 'was deleted' "
    "WHEN b.environment_id <> e.id THEN 'is of another environment' "
    "ELSE 'is ' || b.status END "
    "FROM environment e LEFT JOIN build b ON b.id = e.current_build_id "
    "WHERE e.current_build_id IS NOT NULL AND (b.id IS NULL OR b.deleted_on IS NOT NULL "
    "OR b.status <> 'COMPLETED' OR b.environment_id <> e.id OR e.deleted_on IS NOT NULL) "
    "ORDER BY e.id"
)
_UNPUBLISHED = (
    "SELECT b.id, e.namespace || '/' || e.name FROM environment e "
    "JOIN build b ON b.environment_id = e.id "
    "WHERE e.deleted_on IS NULL AND b.deleted_on IS NULL AND b.status = 'COMPLETED' "
    "AND b.asked > e.decided ORDER BY b.asked"
)
_BEST = (
    "SELECT id FROM build WHERE environment_id = :id AND status = 'COMPLETED' "
    "AND deleted_on IS NULL ORDER BY asked DESC, id DESC LIMIT 1"
)


def current(checked: Checked) -> Iterator[Finding]:
    """Look whether each environment's current build is one, and the one that was asked for last."""
    return _mended(checked, "links", (_DANGLING, _UNPUBLISHED), _link)


def _link(connection: Connection, now: Moment) -> Iterator[Told]:
    for each, path, build_id, why in rows(connection, _DANGLING):
        best = _relink(connection, each, now)
        instead = f"build {best} is current now" if best else "it has none now"
        yield path, f"its current build {build_id} {why}; {instead}"
    for build_id, path in rows(connection, _UNPUBLISHED):
        if builds.publish(connection, builds.get(connection, build_id), now):
            yield path, f"build {build_id} was completed and is current only now"


def _relink(connection: Connection, environment_id: int, now: Moment) -> int | None:
    """Make the completed build that was asked for last the current one, if there is any."""
    best = rows(connection, _BEST, id=environment_id)
    statement = text(
        "UPDATE environment SET current_build_id = "
        "CASE WHEN deleted_on IS NULL THEN CAST(:best AS BIGINT) END WHERE id = :id RETURNING current_build_id, namespace_id"
    )
    values = {"best": best[0][0] if best else None, "id": environment_id}
    build_id, namespace_id = connection.execute(statement, values).one()
    events.append(
        connection,
        "environment.current",
        now,
        namespace_id=namespace_id,
        environment_id=environment_id,
        build_id=build_id,
    )
    return None if build_id is None else int(build_id)


def _mended(
    checked: Checked,
    kind: str,
    wrong: Sequence[str],
    mend: Callable[[Connection, Moment], Iterable[Told]],
) -> Iterator[Finding]:
    """Look for rows that are wrong; where there are any, take a turn, mend them and tell of each."""
    with checked.database.read() as connection:
        if not any(rows(connection, statement) for statement in wrong):
            return
    with checked.database.begin() as connection:
        take_turn(connection)
        found = list(mend(connection, checked.database.now()))
    for subject, told in found:
        yield Finding(kind, subject, told, repaired=True)

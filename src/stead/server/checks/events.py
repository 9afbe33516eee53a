"""What is told to those who follow along is where builds and environments stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from sqlalchemy import text

from stead.server.checks.values import Finding, rows
from stead.server.database import builds, events
from stead.server.database.opening import take_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from stead.server.checks.values import Checked

_BUILDS = (
    "SELECT b.id, b.status, e.data FROM build b "
    "LEFT JOIN (SELECT build_id, max(id) AS id FROM event WHERE kind = 'build.status' "
    "GROUP BY build_id) last ON last.build_id = b.id LEFT JOIN event e ON e.id = last.id "
    "WHERE b.deleted_on IS NULL AND "
    "coalesce(b.ended_on, b.started_on, b.admitted_on, b.scheduled_on) >= :since ORDER BY b.id"
)
_CURRENT = (
    "SELECT n.id, n.namespace_id, n.current_build_id, n.namespace || '/' || n.name, e.build_id "
    "FROM environment n JOIN (SELECT environment_id, max(id) AS id FROM event "
    "WHERE kind = 'environment.current' GROUP BY environment_id) last "
    "ON last.environment_id = n.id JOIN event e ON e.id = last.id "
    "WHERE n.deleted_on IS NULL AND n.current_build_id IS NOT NULL "
    "AND (e.build_id IS NULL OR e.build_id <> n.current_build_id) ORDER BY n.id"
)
_OLDEST = "SELECT min(id), min(at) FROM event"
_NEWEST = "SELECT coalesce(max(id), 0) FROM event"
_LAST = {
    "sqlite": "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'",
    "postgresql": "SELECT last_value FROM event_id_seq",
}
_SET = {
    "sqlite": "UPDATE sqlite_sequence SET seq = :last WHERE name = 'event'",
    "postgresql": "SELECT setval('event_id_seq', :last)",
}


def check(checked: Checked) -> Iterator[Finding]:
    """Compare the last events with the rows, as far back as events are kept."""
    dialect = checked.database.dialect
    with checked.database.read() as connection:
        behind = _is_behind(connection, dialect)
        if not behind and not _untold(connection) and not rows(connection, _CURRENT):
            return
    found = []
    with checked.database.begin() as connection:
        take_turn(connection)
        now = checked.database.now()
        if _is_behind(connection, dialect):
            newest = rows(connection, _NEWEST)[0][0]
            connection.execute(text(_SET[dialect]), {"last": newest})
            found.append(("events", "new ones would have had numbers of older ones"))
        for build_id, status in _untold(connection):
            builds.tell(connection, "build.status", builds.get(connection, build_id), now)
            found.append((f"build {build_id}", f"nobody was told that it is {status}"))
        for each, namespace_id, build_id, path, _ in rows(connection, _CURRENT):
            events.append(
                connection,
                "environment.current",
                now,
                namespace_id=namespace_id,
                environment_id=each,
                build_id=build_id,
            )
            found.append((path, f"nobody was told that build {build_id} is current"))
    for subject, told in found:
        yield Finding("events", subject, told, repaired=True)


def _untold(connection: Connection) -> list[tuple[int, str]]:
    """Give the builds whose last event says something else than their row, and where they stand."""
    oldest, since = rows(connection, _OLDEST)[0]
    # Where none was dropped yet, every build has told of itself.
    found = rows(connection, _BUILDS, since=since if oldest and oldest > 1 else "")
    return [
        (build_id, status)
        for build_id, status, data in found
        if data is None or orjson.loads(data).get("status") != status
    ]


def _is_behind(connection: Connection, dialect: str) -> bool:
    return bool(rows(connection, _LAST[dialect])[0][0] < rows(connection, _NEWEST)[0][0])

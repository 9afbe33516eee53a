"""Logs follow on without gaps: readers go on from where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from stead.server.checks.values import Finding, rows
from stead.server.database.opening import take_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.server.checks.values import Checked

_SIZE = {"sqlite": "length(cast(text AS blob))", "postgresql": "octet_length(text)"}
_GAPS = (
    "SELECT DISTINCT build_id FROM (SELECT build_id, start, "
    "coalesce(sum({size}) OVER (PARTITION BY build_id ORDER BY seq "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS right_start FROM log_chunk) found "
    "WHERE start <> right_start ORDER BY build_id"
)
_CHUNKS = "SELECT seq, {size} FROM log_chunk WHERE build_id = :id ORDER BY seq"
_MOVE = text("UPDATE log_chunk SET start = :start WHERE build_id = :id AND seq = :seq")


def check(checked: Checked) -> Iterator[Finding]:
    """Look for logs of which a part is missing; the rest is made to follow on."""
    size = _SIZE[checked.database.dialect]
    gaps, chunks = _GAPS.format(size=size), _CHUNKS.format(size=size)
    with checked.database.read() as connection:
        if not rows(connection, gaps):
            return
    found = []
    with checked.database.begin() as connection:
        take_turn(connection)
        for (build_id,) in rows(connection, gaps):
            at = 0
            moved = []
            for seq, length in rows(connection, chunks, id=build_id):
                moved.append({"start": at, "id": build_id, "seq": seq})
                at += length
            # Out of the way first: no two may begin at one place, not even in between.
            connection.execute(_MOVE, [{**one, "start": -1 - one["seq"]} for one in moved])
            connection.execute(_MOVE, moved)
            found.append(build_id)
    for build_id in found:
        told = "a part of its log is missing; what is left follows on"
        yield Finding("logs", f"build {build_id}", told, repaired=True)

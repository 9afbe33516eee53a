"""What a worker lets builds use, and what becomes of one that needs more."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from stead.server.values import BuildStatus, instant


def moves(store, build_id):
    """Give where a build came to stand: when, its status, its attempt, and what was told of it."""
    query = text(
        "SELECT at, data FROM event WHERE build_id = :id AND kind = 'build.status' ORDER BY id"
    )
    with store.database.read() as connection:
        found = connection.execute(query, {"id": build_id}).all()
    told = [(instant(at), json.loads(data)) for at, data in found]
    return [(at, one["status"], one["attempt"], one["info"]) for at, one in told]


@pytest.mark.parametrize("limits", [{"step": 0.0}, {"build": 0.0}], ids=["of a step", "of a build"])
def test_a_build_that_takes_too_long_fails_at_once(store, limits):
    store.worker(limits=limits)
    failed = store.ended(store.submit("tiny"))
    assert failed.status is BuildStatus.FAILED
    assert "took longer than the 0 seconds that it may" in failed.reason
    assert (failed.attempt, failed.retries) == (1, 0)
    store.eventually(lambda: not store.scratch())


def test_one_that_needs_too_much_memory_is_tried_again_and_says_so(store):
    store.worker(limits={"memory": 64 * 2**20})
    failed = store.ended(store.submit("tiny"))
    assert failed.status is BuildStatus.FAILED
    assert "more than 64 MiB of memory" in failed.reason
    assert (failed.attempt, failed.retries) == (3, 2)
    waits = [one for one in moves(store, failed.id) if (one[3] or "").startswith("waits")]
    assert [(status, attempt) for _, status, attempt, _ in waits] == [("QUEUED", 1), ("QUEUED", 2)]
    for number, (_, _, _, told) in enumerate(waits, 1):
        assert told.startswith(f"waits to be tried again ({number} of 2): ")
        assert "64 MiB of memory" in told
    log = store.log(failed.id)
    assert "; again in 0 s (1 of 2)" in log
    assert "; again in " in log.partition("(1 of 2)")[2]
    # Longer each time, and no sooner: half of 0.2 seconds at least, then of 0.6.
    for (at, _, attempt, _), least in zip(waits, (0.1, 0.3), strict=True):
        again = next(when for when, *_, of, _ in moves(store, failed.id) if of == attempt + 1)
        assert (again - at).total_seconds() >= least

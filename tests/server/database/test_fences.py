"""An attempt that was taken for dead and comes back changes nothing of what others go on with."""

from __future__ import annotations

import pytest

from stead.server.database import counters, packages, parts
from stead.server.values import BuildStatus, NewArtifact, NewPackage, later
from stead.values.parts import PackedPart

MADE = {
    "size": 7,
    "store_key": "late",
    "artifacts": [NewArtifact("YAML", "late.yml", "0" * 64, 1)],
    "packages": [NewPackage("http://127.0.0.1:1", "late", "1.0", "0")],
}


@pytest.fixture
def handed_on(bench):
    """A build whose first attempt was taken for dead while it was at work; another goes on."""
    made = bench.submit().build_id
    bench.step("begin", made, 1)
    bench.step("recover", made, 1)
    return made


def published(bench, build_id):
    with bench.database.read() as connection:
        return (
            packages.artifacts(connection, build_id),
            packages.page(connection, build_id=build_id).items,
            bench.rows("SELECT current_build_id FROM environment"),
            bench.rows("SELECT count(*) FROM event WHERE kind = 'environment.current'"),
        )


NOTHING = ((), (), [(None,)], [(0,)])


@pytest.mark.parametrize("begun", [False, True], ids=["nobody goes on yet", "another goes on"])
def test_one_that_comes_back_does_not_publish(bench, handed_on, begun):
    if begun:
        bench.step("begin", handed_on, 2)
    before = bench.get(handed_on)
    assert bench.step("finish", handed_on, 1, **MADE) is None
    assert bench.get(handed_on) == before
    assert published(bench, handed_on) == NOTHING
    # The one that goes on does, once.
    bench.step("begin", handed_on, 2)
    done = bench.step("finish", handed_on, 2, store_key="right", size=3)
    assert (done.status, done.store_key, done.size) == (BuildStatus.COMPLETED, "right", 3)
    assert bench.step("finish", handed_on, 1, **MADE) is None
    assert bench.get(handed_on) == done
    assert published(bench, handed_on) == ((), (), [(handed_on,)], [(1,)])


def test_one_that_comes_back_ends_and_begins_nothing(bench, handed_on):
    bench.step("begin", handed_on, 2)
    before = bench.get(handed_on)
    soon = later(bench.database.now(), 60)
    assert bench.step("begin", handed_on, 1, worker_id=4711) is None
    assert bench.step("fail", handed_on, 1, reason="late") is None
    assert bench.step("retry", handed_on, 1, not_before=soon, why="late") is None
    assert bench.step("recover", handed_on, 1) is None
    assert bench.get(handed_on) == before


def test_one_that_comes_back_holds_no_parts_and_answers_nothing(bench, handed_on):
    bench.step("begin", handed_on, 2)
    with bench.database.begin() as connection:
        late = [PackedPart("late", "0" * 64, 1)]
        assert parts.claim(connection, handed_on, 1, late, bench.database.now()) is None
        parts.answers(connection, handed_on, 1, "late")
    bench.step("finish", handed_on, 2)
    assert bench.rows("SELECT count(*) FROM build_part") == [(0,)]
    with bench.database.read() as connection:
        assert parts.answering(connection, "late") == ()


@pytest.mark.parametrize("status", ["waiting", "admitted", "building"])
def test_what_is_deleted_before_its_end_is_canceled(bench, status):
    made = bench.submit(slots=0 if status == "waiting" else 9).build_id
    if status == "building":
        bench.step("begin", made, 1)
    assert bench.step("delete", made).status is not BuildStatus.CANCELED
    gone = bench.get(made)
    assert (gone.status, gone.deleted_on is None) == (BuildStatus.CANCELED, False)
    assert (gone.cancel_asked is not None) == (status == "building")
    assert gone.ended_on is not None
    # It takes no place, and counts as nothing.
    assert bench.admit() == ()
    assert bench.step("begin", made, 1) is None
    with bench.database.read() as connection:
        assert counters.stored(connection) == counters.recount(connection)
    another = bench.submit("another", slots=1).build_id
    assert (another, 1) in bench.enqueued()


@pytest.mark.parametrize("step", ["retry", "cancel", "delete"])
def test_what_was_put_back_canceled_or_deleted_is_not_published(bench, step):
    made = bench.submit().build_id
    bench.step("begin", made, 1)
    soon = later(bench.database.now(), 60)
    given = {"not_before": soon, "why": "the network failed"} if step == "retry" else {}
    bench.step(step, made, *([1] if step == "retry" else []), **given)
    before = bench.get(made)
    assert bench.step("finish", made, 1, **MADE) is None
    assert bench.get(made) == before
    assert published(bench, made) == NOTHING

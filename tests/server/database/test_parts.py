"""Parts of builds: who holds which, and what goes when nobody does."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import select

from stead.server.database import builds, parts
from stead.server.database.tables import part as table
from stead.server.values import BuildStatus
from stead.values.parts import PackedPart

PARTS = [PackedPart(f"package {n}", f"{n:064x}", 100 + n) for n in range(6)]
KEY = "a" * 20
QUESTION = "q" * 20


def begun(bench, number):
    """Give a build that is at work."""
    build_id = bench.submit(environment=f"env-{number}", force=str(number)).build_id
    with bench.database.begin() as connection:
        now = bench.database.now()
        assert builds.begin(connection, build_id, bench.get(build_id).attempt, now) is not None
    return build_id


def claim(bench, build_id, wanted, attempt=None):
    with bench.database.begin() as connection:
        attempt = bench.get(build_id).attempt if attempt is None else attempt
        now = bench.database.now()
        return parts.claim(connection, build_id, attempt, wanted, now)


def finish(bench, build_id, held):
    with bench.database.begin() as connection:
        now, attempt = bench.database.now(), bench.get(build_id).attempt
        parts.arrived(connection, [(one.id, 7) for one in held.values()])
        parts.answers(connection, build_id, attempt, QUESTION)
        assert builds.finish(connection, build_id, attempt, now, store_key=f"{KEY}-env")


def end(bench, build_id, how):
    with bench.database.begin() as connection:
        now, attempt = bench.database.now(), bench.get(build_id).attempt
        if how == "delete":
            builds.delete(connection, build_id, now)
        elif how == "cancel":
            builds.cancel(connection, build_id, now)
        else:
            builds.fail(connection, build_id, attempt, now, reason="", status_info="")


def kept(bench):
    """Give what is kept, and what is to be removed: keys in the artifact store."""
    with bench.database.read() as connection:
        rows = connection.execute(select(table.c.id, table.c.sha256)).all()
        return {parts.key_of(*row) for row in rows}, set(parts.to_remove(connection))


def test_whoever_ends_in_whatever_way_holds_nothing_but_what_is_completed(bench):
    chance = random.Random(7)
    held: dict[int, set[str]] = {}
    gone: set[str] = set()
    for number in range(24):
        build_id = begun(bench, number)
        mine: dict[str, parts.Claimed] = {}
        for _ in range(chance.randint(1, 2)):  # the second claim is that of another machine
            found = claim(bench, build_id, chance.sample(PARTS, chance.randint(0, 4)))
            assert found is not None
            mine = found
        how = chance.choice(["finish", "finish", "finish", "fail", "cancel", "delete"])
        if how == "finish":
            finish(bench, build_id, mine)
            held[build_id] = {one.key for one in mine.values()}
        else:
            end(bench, build_id, how)
        if held and chance.random() < 0.4:
            other = chance.choice(sorted(held))
            end(bench, other, "delete")
            del held[other]
        there, removed = kept(bench)
        assert there == set().union(*held.values())
        # What was once let go of is never counted on again.
        gone |= removed
        assert not there & gone
    assert gone
    with bench.database.begin() as connection:
        parts.removed(connection, sorted(gone))
    assert kept(bench)[1] == set()


def test_only_the_attempt_that_counts_claims(bench):
    build_id = begun(bench, 1)
    attempt = bench.get(build_id).attempt
    assert claim(bench, build_id, PARTS[:2], attempt + 1) is None
    held = claim(bench, build_id, PARTS[:2])
    assert [one.packed for one in held.values()] == [None, None]
    finish(bench, build_id, held)
    assert claim(bench, build_id, PARTS) is None
    again = claim(bench, begun(bench, 2), PARTS[1:3])
    assert {sha256: one.packed for sha256, one in again.items()} == {
        PARTS[1].sha256: 7,
        PARTS[2].sha256: None,
    }


@pytest.mark.parametrize("look", ["key", "question"])
def test_builds_are_found_until_they_are_deleted(bench, look):
    def found():
        with bench.database.read() as connection:
            if look == "key":
                return parts.by_store_key(connection, KEY)
            return parts.answering(connection, QUESTION)

    first, second, waits = (begun(bench, number) for number in range(3))
    for one in (first, second):
        finish(bench, one, claim(bench, one, PARTS[:1]))
    assert bench.get(waits).status is BuildStatus.BUILDING
    assert found() == (second, first)
    end(bench, second, "delete")
    assert found() == (first,)
    end(bench, first, "delete")
    assert found() == ()

"""Parts of builds: who holds which, and what goes when nobody does."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from stead.server.database import builds, counters, parts, shares
from stead.server.database.tables import part as table
from stead.server.values import BuildStatus, QuotaError
from stead.values.parts import PackedPart

PARTS = [PackedPart(f"package {n}", f"{n:064x}", 100 + n) for n in range(6)]
KEY = "a" * 20
QUESTION = "q" * 20


def begun(bench, number, namespace="team"):
    """Give a build that is at work."""
    build_id = bench.submit(
        namespace=namespace, environment=f"env-{number}", force=str(number)
    ).build_id
    with bench.database.begin() as connection:
        now = bench.database.now()
        assert builds.begin(connection, build_id, bench.get(build_id).attempt, now) is not None
    return build_id


def claim(bench, build_id, wanted, attempt=None):
    with bench.database.begin() as connection:
        attempt = bench.get(build_id).attempt if attempt is None else attempt
        now = bench.database.now()
        return parts.claim(connection, build_id, attempt, wanted, now)


def finish(bench, build_id, held, size=0):
    with bench.database.begin() as connection:
        now, attempt = bench.database.now(), bench.get(build_id).attempt
        parts.arrived(connection, [(one.id, 7) for one in held.values()])
        parts.answers(connection, build_id, attempt, QUESTION)
        assert builds.finish(connection, build_id, attempt, now, size=size, store_key=f"{KEY}-env")


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
        assert used(bench, "team") == 7 * len(there)
        # What was once let go of is never counted on again.
        gone |= removed
        assert not there & gone
    assert gone
    with bench.database.begin() as connection:
        parts.removed(connection, sorted(gone))
    assert kept(bench)[1] == set()


def used(bench, namespace):
    """Give the bytes that a namespace uses, once it is sure that they are counted rightly."""
    with bench.database.read() as connection:
        assert shares.stored(connection) == shares.recount(connection)
        assert counters.stored(connection) == counters.recount(connection)
        return counters.usage(connection)[namespace].bytes


def test_what_builds_of_a_namespace_share_is_used_once(bench):
    bench.namespace("other")
    again = [begun(bench, number) for number in range(4)]
    there = begun(bench, 4, "other")
    for build_id in again[:3]:  # built three times of the same
        finish(bench, build_id, claim(bench, build_id, PARTS[:3]), size=1_000)
        assert used(bench, "team") == 3 * 7
    # What another namespace holds too, counts in both.
    finish(bench, there, claim(bench, there, PARTS[2:4]), size=1_000)
    assert (used(bench, "team"), used(bench, "other")) == (3 * 7, 2 * 7)
    # A build that is not ended holds its parts as well, as far as they are there.
    claim(bench, again[3], PARTS[2:6])
    assert used(bench, "team") == 4 * 7
    end(bench, again[3], "fail")
    # Bytes come back when the last that holds them goes.
    for build_id, left in [(again[0], 3 * 7), (again[2], 3 * 7), (again[1], 0)]:
        end(bench, build_id, "delete")
        assert used(bench, "team") == left
    assert used(bench, "other") == 2 * 7


def test_a_part_that_is_put_again_counts_with_what_it_takes_now(bench):
    first, second = begun(bench, 1), begun(bench, 2)
    finish(bench, first, claim(bench, first, PARTS[:1]))
    held = claim(bench, second, PARTS[:1])
    with bench.database.begin() as connection:
        parts.arrived(connection, [(one.id, 9) for one in held.values()])
    assert used(bench, "team") == 9


def test_a_build_without_parts_counts_with_its_size(bench):
    build_id = begun(bench, 1)
    finish(bench, build_id, {}, size=1_000)
    assert used(bench, "team") == 1_000
    end(bench, build_id, "delete")
    assert used(bench, "team") == 0


def test_a_quota_in_bytes_is_not_used_up_by_building_the_same_again(bench):
    bench.namespace("small", quota_bytes=4 * 7)
    for number in range(3):
        build_id = begun(bench, number, "small")
        finish(bench, build_id, claim(bench, build_id, PARTS[:3]), size=1_000)
    build_id = begun(bench, 3, "small")
    finish(bench, build_id, claim(bench, build_id, PARTS[1:4]), size=1_000)
    with pytest.raises(QuotaError, match="holds 28 bytes"):
        begun(bench, 4, "small")
    end(bench, build_id, "delete")
    begun(bench, 4, "small")


def test_builds_that_claim_and_go_at_once_leave_bytes_counted_rightly(bench):
    bench.namespace("other")
    ids = [begun(bench, n, ("team", "other")[n % 2]) for n in range(12)]
    chance = random.Random(3)
    wanted = {build_id: chance.sample(PARTS, 4) for build_id in ids}

    def live(build_id):
        finish(bench, build_id, claim(bench, build_id, wanted[build_id]), size=50)
        if build_id % 3:
            end(bench, build_id, "delete")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(live, ids))
    for namespace, parity in (("team", 0), ("other", 1)):
        left = [each for n, each in enumerate(ids) if n % 2 == parity and not each % 3]
        held = {one.sha256 for each in left for one in wanted[each]}
        assert used(bench, namespace) == 7 * len(held)


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

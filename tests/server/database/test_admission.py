from __future__ import annotations

import os
import random
import threading
from collections import Counter

import pytest

from stead.server.database import (
    admission,
    builds,
    counters,
    environments,
    namespaces,
    settings,
    specifications,
    workers,
)
from stead.server.values import BuildStatus, MissingError, QuotaError, later


def in_threads(number, work):
    """Run something in so many threads that begin at once, and give what each gave."""
    barrier = threading.Barrier(number)
    results = []

    def run():
        barrier.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_what_50_ask_for_at_once_is_one_build_enqueued_once(bench):
    answers = in_threads(50, bench.submit)

    assert len({a.build_id for a in answers}) == 1
    assert Counter(a.attached for a in answers) == {False: 1, True: 49}
    assert bench.rows("SELECT count(*) FROM build") == [(1,)]
    assert bench.rows("SELECT count(*) FROM environment") == [(1,)]
    assert len({a.id for a in answers}) == 50
    assert bench.enqueued() == [(answers[0].build_id, 1)]
    with bench.database.read() as connection:
        assert counters.stored(connection) == counters.recount(connection)


def test_what_50_ask_for_at_once_is_one_build_though_all_but_the_build_is_there(bench):
    # Nobody waits for who keeps specification and environment: the turn alone holds this.
    former = bench.submit().build_id
    bench.step("cancel", former)
    answers = in_threads(50, bench.submit)

    assert Counter(a.attached for a in answers) == {False: 1, True: 49}
    (made,) = {a.build_id for a in answers}
    assert bench.rows("SELECT count(*) FROM build") == [(2,)]
    assert bench.enqueued() == [(former, 1), (made, 1)]
    with bench.database.read() as connection:
        assert counters.stored(connection) == counters.recount(connection)


def test_what_is_done_is_not_built_again(bench):
    first = bench.submit()
    bench.complete(first.build_id)
    second = bench.submit()
    assert (second.build_id, second.attached, second.completed) == (first.build_id, True, True)
    assert bench.enqueued() == [(first.build_id, 1)]


def test_what_is_done_becomes_current_when_it_is_asked_for_again(bench):
    old, new = bench.submit("old"), bench.submit("new")
    bench.complete(old.build_id)
    bench.complete(new.build_id)
    bench.submit("old")
    assert bench.rows("SELECT current_build_id FROM environment") == [(old.build_id,)]


@pytest.mark.parametrize("step", ["fail", "cancel", "delete"])
def test_what_was_not_made_is_built_when_it_is_asked_for_again(bench, step):
    first = bench.submit().build_id
    if step == "fail":
        bench.step("fail", first, 1, reason="no")
    else:
        bench.step(step, first)
    second = bench.submit()
    assert not second.attached
    assert second.build_id != first


def test_other_settings_or_force_make_another_build(bench):
    made = [bench.submit(), bench.submit(settings="x"), bench.submit(force="1")]
    assert len({s.build_id for s in made}) == 3
    assert bench.submit(environment="other").build_id not in {s.build_id for s in made}


def test_nothing_is_kept_of_what_is_refused(bench):
    bench.namespace("full", quota_builds=1)
    bench.submit(namespace="full")
    before = bench.rows("SELECT count(*) FROM specification")
    with pytest.raises(QuotaError, match="holds 1 builds, and may hold 1"):
        bench.submit("another", namespace="full", environment="another")
    with pytest.raises(MissingError):
        bench.submit("another", namespace="nowhere")
    assert bench.rows("SELECT count(*) FROM specification") == before
    assert bench.rows("SELECT count(*) FROM environment") == [(1,)]
    # Whoever asks for what is there already is not refused.
    assert bench.submit(namespace="full").attached


def test_a_namespace_whose_bytes_are_used_up_waits_and_says_so(bench):
    team = bench.namespace("heavy", quota_bytes=100)
    first = bench.submit("a", namespace="heavy")
    waiting = bench.submit("b", namespace="heavy", slots=0)
    bench.complete(first.build_id, size=100)
    with pytest.raises(QuotaError, match="holds 100 bytes"):
        bench.submit("c", namespace="heavy")
    assert bench.admit() == ()
    assert "holds 100 bytes" in bench.get(waiting.build_id).status_info
    with bench.database.begin() as connection:
        settings.put(connection, {"quota_bytes": 101}, namespace_id=team)
    assert bench.admit() == (waiting.build_id,)
    assert bench.get(waiting.build_id).status_info is None


def test_the_global_quota_holds_where_a_namespace_has_none(bench):
    bench.namespace("own", quota_concurrent=2)
    with bench.database.begin() as connection:
        settings.put(connection, {"quota_concurrent": 1})
    for name in "abc":
        bench.submit(name)
        bench.submit(name, namespace="own")
    assert bench.rows("SELECT namespace_id, count(*) FROM build WHERE admitted_on IS NOT NULL "
                      "GROUP BY namespace_id ORDER BY namespace_id") == [(1, 1), (2, 2)]  # fmt: skip


def test_builds_are_let_through_as_workers_have_places(bench):
    first = bench.submit("a", slots=None)
    assert bench.enqueued() == []
    with bench.database.begin() as connection:
        worker = workers.register(
            connection, "w", bench.database.now(), host="h", pid=1, capacity=1
        )
    second = bench.submit("b", slots=None)
    assert bench.enqueued() == [(first.build_id, 1)]
    with bench.database.begin() as connection:
        workers.set_state(connection, worker.id, workers.STOPPED)
    bench.complete(first.build_id)
    assert bench.admit(slots=0) == ()
    with bench.database.begin() as connection:
        workers.set_state(connection, worker.id, workers.RUNNING)
    assert bench.admit(slots=None) == (second.build_id,)


def test_within_a_namespace_the_urgent_comes_first_then_the_older(bench):
    made = {
        name: bench.submit(name, slots=0, priority=priority).build_id
        for name, priority in [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)]
    }
    # Who asks for the same more urgently hastens it.
    bench.submit("c", slots=0, priority=9)
    assert bench.admit() == tuple(made[name] for name in "cbdae")


def test_what_is_put_back_is_not_let_through_before_its_time(bench):
    made = bench.submit().build_id
    bench.step("begin", made, 1)
    soon = later(bench.database.now(), 3600)
    bench.step("retry", made, 1, not_before=soon, why="the network failed")
    assert bench.admit() == ()
    assert bench.get(made).status_info == "the network failed"
    past = later(bench.database.now(), -1)
    with bench.database.begin() as connection:
        connection.execute(builds.table.update().values(not_before=past))
    assert bench.admit() == (made,)
    assert bench.enqueued() == [(made, 1), (made, 2)]


def test_however_much_one_asks_for_each_namespace_progresses_and_quotas_hold(bench):
    total = int(os.environ.get("STEAD_SOAK", "0")) * 5 or 160
    chance = random.Random(7)
    names = [f"ns{n:02}" for n in range(20)]
    ids = {bench.namespace(name, quota_concurrent=1 + n % 4): n for n, name in enumerate(names)}
    priorities = {}
    # One asks for as much as all others together, and first.
    homes = [0] * (total // 2) + [1 + n % 19 for n in range(total // 2)]
    with bench.database.begin() as connection:
        now = bench.database.now()
        for number, home in enumerate(homes):
            namespace = namespaces.get(connection, names[home])
            environment = environments.ensure(connection, namespace, f"e{number % 7}", now)
            wanted = specifications.put(connection, bench.specification(f"p{number}"), now)
            priority = chance.choice([0, 0, 5])
            order = admission.Order("ann", priority)
            made = admission.submit_within(
                connection, bench.queue, environment, wanted, order=order, now=now, slots=0
            )
            priorities[made.build_id] = priority

    running: dict[int, int] = {}
    lines: dict[int, list[tuple[int, int]]] = {n: [] for n in ids}
    # When the last of those that asked for little was served.
    others_done = 0
    for turn in range(total):
        with bench.database.begin() as connection:
            for build_id in chance.sample(sorted(running), min(len(running), 4)):
                builds.begin(connection, build_id, 1, now)
                assert builds.finish(connection, build_id, 1, now) is not None
                del running[build_id]
            for build_id in admission.admit_within(connection, bench.queue, now, slots=8):
                found = builds.find(connection, build_id)
                running[build_id] = found.namespace_id
                lines[found.namespace_id].append((-priorities[build_id], build_id))
                if found.namespace_id != min(ids):
                    others_done = turn
        assert len(running) <= 8
        for namespace_id, at_once in Counter(running.values()).items():
            assert at_once <= 1 + ids[namespace_id] % 4
        if turn == 10:
            assert all(lines.values()), "each was served before any had much"
        if not running:
            break
    assert sum(map(len, lines.values())) == total
    assert others_done < turn * 0.9
    # All waited from the beginning: so each line is in its order, to the last.
    assert all(line == sorted(line) for line in lines.values())
    assert len(bench.enqueued()) == total
    with bench.database.read() as connection:
        assert counters.stored(connection) == counters.recount(connection)
        usage = counters.usage(connection, ["ns00"])
        assert usage["ns00"].by_status == {BuildStatus.COMPLETED: total // 2}

"""Which job begins when: random graphs, resources and failures, without threads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.matrix.limits import ranks
from stead.matrix.order import Circle
from stead.matrix.running import Job
from stead.matrix.waiting import PASSED, Waiting

KINDS = ("build", "environment", "cell")
STATUSES = ("passed", "flaky", "failed", "timeout", "skipped", "interrupted")


def job(name, needs=(), after=(), resources=(), kind="cell", seconds=0.0):
    return Job(name, kind, None, needs, after, resources, seconds=seconds)


@st.composite
def graphs(draw):
    """Draw jobs that wait for earlier ones only, in any order of listing."""
    names = [f"j{n}" for n in range(draw(st.integers(0, 12)))]
    made = []
    for at, name in enumerate(names):
        earlier = (
            st.lists(st.sampled_from(names[:at]), unique=True, max_size=3) if at else st.just([])
        )
        made.append(
            job(
                name,
                tuple(draw(earlier)),
                (*draw(earlier), *draw(st.sampled_from([(), ("elsewhere",)]))),
                tuple(draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3))),
                draw(st.sampled_from(KINDS)),
                draw(st.sampled_from([0.0, 1.0, 20.0])),
            )
        )
    return draw(st.permutations(made))


@given(jobs=graphs(), parallel=st.integers(1, 4), data=st.data())
def test_each_job_runs_once_behind_its_needs_within_the_bounds(jobs, parallel, data):
    known = {one.name: one for one in jobs}
    waiting = Waiting(jobs, parallel)
    status, running = {}, []
    while True:
        for one in waiting.begin():
            assert one.name not in status
            assert one.name not in running
            running.append(one.name)
            assert all(status[n] in PASSED for n in one.needs)
            assert all(n in status for n in one.after if n in known)
        assert len(running) <= parallel
        held = [r for name in running for r in known[name].resources]
        assert len(held) == len(set(held))
        if not running:
            break
        ended = data.draw(st.sampled_from(running))
        running.remove(ended)
        status[ended] = data.draw(st.sampled_from(STATUSES))
        for skip in waiting.ended(ended, status[ended]):
            assert skip.job.name not in status
            assert any(status.get(n) not in (*PASSED, None) for n in skip.job.needs)
            assert skip.reason
            status[skip.job.name] = "skipped"
    assert set(status) == set(known)


@given(jobs=graphs(), parallel=st.integers(1, 4))
def test_ranks_name_every_job_once(jobs, parallel):
    found = ranks(jobs, parallel)
    assert sorted(found.values()) == list(range(len(jobs)))


@given(jobs=graphs())
def test_one_at_a_time_nothing_stands_before_what_it_waits_for(jobs):
    found = ranks(jobs, 1)
    for one in jobs:
        for name in {*one.needs, *one.after} & found.keys():
            assert found[name] < found[one.name]


def order(jobs, parallel=1):
    found = ranks(jobs, parallel)
    return sorted(found, key=found.__getitem__)


def test_one_at_a_time_a_build_comes_just_before_its_first_cell():
    jobs = [
        job("wheel", kind="build"),
        job("conda", kind="build"),
        job("env1", kind="environment", needs=("wheel",)),
        job("env2", kind="environment", needs=("conda",)),
        job("cell1", needs=("env1",)),
        job("cell2", needs=("env2",)),
    ]
    assert order(jobs) == ["wheel", "env1", "cell1", "conda", "env2", "cell2"]


def test_side_by_side_the_longest_way_begins_first():
    jobs = [
        job("short", seconds=1),
        job("build", kind="build", seconds=2),
        job("long", needs=("build",), seconds=9),
        job("middle", seconds=5),
        job("unknown"),
    ]
    assert order(jobs, 2) == ["build", "long", "middle", "unknown", "short"]


def test_side_by_side_the_order_given_counts_where_no_time_is_known():
    assert order([job("b"), job("a"), job("c")], 3) == ["b", "a", "c"]


def test_a_job_of_two_resources_is_not_passed_over_for_ever():
    jobs = [
        job("a1", resources=("a",)),
        job("both", resources=("a", "b")),
        job("b1", resources=("b",)),
        job("free"),
    ]
    waiting = Waiting(jobs, 4)
    assert [one.name for one in waiting.begin()] == ["a1", "free"]
    waiting.ended("a1", "passed")
    assert [one.name for one in waiting.begin()] == ["both"]
    waiting.ended("both", "passed")
    assert [one.name for one in waiting.begin()] == ["b1"]


def test_what_waits_for_a_failure_says_whose_it_was_all_the_way_down():
    jobs = [
        job("wheel", kind="build"),
        job("env", kind="environment", needs=("wheel",)),
        job("cell", needs=("env",)),
        job("later", after=("cell",)),
    ]
    waiting = Waiting(jobs, 1)
    waiting.begin()
    skips = waiting.ended("wheel", "failed")
    assert [(s.job.name, s.reason) for s in skips] == [
        ("env", "wheel, which it needs, failed"),
        ("cell", "wheel, which it needs, failed"),
    ]
    assert [one.name for one in waiting.begin()] == ["later"]


def test_jobs_that_wait_for_each_other_are_refused():
    jobs = [job("a", after=("b",)), job("b", needs=("a",))]
    with pytest.raises(Circle, match="a → b → a"):
        Waiting(jobs, 1)

"""Several nodes: bounds, batches, and the first failure."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.deploy.recipes import nodes_of
from stead.deploy.rollout import batches, roll_out, together
from stead.deploy.targets import Applied
from stead.values.errors import DeployError
from stead.values.kinds import Target


def nodes(count, name="t", **options):
    hosts = tuple(f"h{n}" for n in range(count))
    return nodes_of([Target(name, "ssh", hosts, **options)])


def test_batches_are_as_the_targets_say():
    made = (*nodes(5, serial=2), *nodes(2, "u", parallel=1))
    sizes = [(most, [[n.address for n in one] for one in own]) for most, own in batches(made)]
    assert sizes == [(4, [["h0", "h1"], ["h2", "h3"], ["h4"]]), (1, [["h0", "h1"]])]
    assert roll_out((), lambda _: Applied(True, 1)) == ()


@given(
    count=st.integers(1, 8),
    parallel=st.integers(1, 4),
    serial=st.integers(0, 3),
    bad=st.sets(st.integers(0, 7)),
)
def test_no_more_than_may_run_at_once_and_none_begins_after_a_failure(count, parallel, serial, bad):
    made = nodes(count, parallel=parallel, serial=serial)
    lock = threading.Lock()
    running = most = 0
    begun = []
    failed = threading.Event()
    late = []

    def apply(where):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            begun.append(where.address)
            if failed.is_set():
                late.append(where.address)
        try:
            if int(where.address[1:]) in bad:
                raise DeployError("bad")
            return Applied(True, 1)
        finally:
            with lock:
                running -= 1

    def said(outcome):
        if outcome.state == "failed":
            failed.set()

    outcomes = roll_out(made, apply, said)
    assert [o.where for o in outcomes] == list(made)
    assert most <= min(parallel, serial or count)
    assert not late
    for outcome in outcomes:
        address = outcome.where.address
        if address not in begun:
            assert outcome.state == "not begun"
        else:
            assert outcome.state == ("failed" if int(address[1:]) in bad else "done")
    if not bad & set(range(count)):
        assert len(begun) == count


def test_targets_go_side_by_side_each_within_its_own_bounds():
    made = (*nodes(4, "a", serial=2), *nodes(3, "b", parallel=1), *nodes(1, "c"))
    meet = threading.Barrier(4)
    lock = threading.Lock()
    running = {"a": 0, "b": 0, "c": 0}
    most = dict(running)
    order = []

    def apply(where):
        name = where.target.name
        with lock:
            running[name] += 1
            most[name] = max(most[name], running[name])
            order.append(where.name)
            first = order.index(where.name) < 4
        if first:
            # Two of a's first batch, one of b's, and c's.
            meet.wait(90)
        with lock:
            running[name] -= 1
        return Applied(True, 1)

    outcomes = roll_out(made, apply)
    assert {o.state for o in outcomes} == {"done"}
    assert set(order[:4]) == {"a (h0)", "a (h1)", "b (h0)", "c (h0)"}
    assert most == {"a": 2, "b": 1, "c": 1}


def test_a_failure_of_one_target_ends_all():
    made = (*nodes(1, "a"), *nodes(3, "b", parallel=1))
    begun = threading.Event()
    failed = threading.Event()

    def apply(where):
        if where.target.name == "a":
            begun.wait(90)
            raise DeployError("bad")
        begun.set()
        failed.wait(90)
        return Applied(True, 1)

    def said(outcome):
        if outcome.state == "failed":
            failed.set()

    states = {o.where.name: o.state for o in roll_out(made, apply, said)}
    assert states == {
        "a (h0)": "failed",
        "b (h0)": "done",
        "b (h1)": "not begun",
        "b (h2)": "not begun",
    }


def test_what_is_asked_together_keeps_its_order_and_its_errors():
    def act(number):
        if number == 2:
            raise DeployError("two")
        return number * 10

    found = together([1, 2, 3], act)
    assert [(n, value, error and error.message) for n, value, error in found] == [
        (1, 10, None),
        (2, None, "two"),
        (3, 30, None),
    ]


def test_who_interrupts_has_no_further_node_begin():
    begun = []

    def apply(where):
        begun.append(where.address)
        if len(begun) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.wait(90)
        elif len(begun) > 2:
            threading.Event().wait(0.5)  # what began before the interrupt was heard of
        return Applied(True, 1)

    interrupted = threading.Event()

    def interrupt(_number, _frame):
        interrupted.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            roll_out(nodes(6, parallel=1), apply)
    finally:
        signal.signal(signal.SIGINT, before)
    assert begun[:2] == ["h0", "h1"]
    assert "h5" not in begun


def test_no_further_node_begins_where_nobody_can_be_told():
    begun = []
    told = threading.Event()

    def apply(where):
        begun.append(where.address)
        if len(begun) == 2:
            told.wait(90)
        elif len(begun) > 2:
            threading.Event().wait(0.5)
        return Applied(True, 1)

    def said(_outcome):
        told.set()
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        roll_out(nodes(6, parallel=1), apply, said)
    assert "h5" not in begun

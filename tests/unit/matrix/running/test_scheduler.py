"""Jobs in threads: order, bounds, failures, tries, and being stopped."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.matrix.limits import Limits
from stead.matrix.running import Job, Stop
from stead.matrix.scheduler import run
from stead.values.errors import TaskError
from stead.values.suite import Result


def ends(status="passed", **fields):
    """Give what a job does that ends so at once."""
    return lambda turn: Result(turn.job, "cell", status, **fields)


class Record:
    """Keeps the events of a run."""

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)

    def of(self, what):
        return [e.job for e in self.events if e.what == what]

    def texts(self, what):
        return [e.text for e in self.events if e.what == what]


def statuses(results):
    return {name: one.status for name, one in results.items()}


@st.composite
def plans(draw):
    """Draw jobs that wait for earlier ones, what becomes of each, and limits."""
    names = [f"j{n}" for n in range(draw(st.integers(0, 10)))]
    some = [st.lists(st.sampled_from(names[:at] or [""]), unique=True) for at in range(len(names))]
    fates = {n: draw(st.sampled_from(["passed", "failed", "raises", "retry"])) for n in names}
    shapes = {
        n: (
            tuple(filter(None, draw(one))),
            tuple(filter(None, draw(one))),
            tuple(draw(st.lists(st.sampled_from("ab"), unique=True))),
        )
        for n, one in zip(names, some, strict=True)
    }
    limits = Limits(draw(st.integers(1, 4)), 1, draw(st.booleans()))
    return fates, shapes, limits


@settings(max_examples=60, deadline=None)
@given(plan=plans())
def test_every_job_ends_once_and_the_bounds_hold(plan):
    fates, shapes, limits = plan
    lock, running, held, seen = threading.Lock(), [], Counter(), Counter()
    most = [0]

    def work(turn):
        _, _, resources = shapes[turn.job]
        with lock:
            running.append(turn.job)
            most[0] = max(most[0], len(running))
            held.update(resources)
            assert max(held.values(), default=0) <= 1
        with lock:
            running.remove(turn.job)
            held.subtract(resources)
            seen[turn.job] += 1
        if fates[turn.job] == "raises":
            raise TaskError("no")
        if fates[turn.job] == "retry" and turn.attempt == 1:
            return Result(turn.job, "cell", "failed")
        return Result(turn.job, "cell", "failed" if fates[turn.job] == "failed" else "passed")

    jobs = [Job(n, "cell", work, *shape, retries=1) for n, shape in shapes.items()]
    record = Record()
    results = run(jobs, limits, record)
    assert list(results) == list(shapes)
    assert Counter(record.of("queued")) == Counter(record.of("done")) == Counter([*shapes])
    assert most[0] <= limits.parallel
    expected = {"passed": "passed", "failed": "failed", "raises": "failed", "retry": "flaky"}
    for name, (needs, _, _) in shapes.items():
        status = results[name].status
        assert status in (expected[fates[name]], "skipped")
        assert seen[name] == (0 if status == "skipped" else 2 if status != "passed" else 1)
        if any(results[n].status not in ("passed", "flaky") for n in needs):
            assert status == "skipped"
        elif not limits.fail_fast:
            assert status != "skipped"
    order = [(e.job, e.what) for e in record.events]
    for name, (needs, after, _) in shapes.items():
        if (name, "started") in order:
            begun = order.index((name, "started"))
            assert all(order.index((n, "done")) < begun for n in {*needs, *after})


def test_an_error_is_a_failure_with_its_remedy_in_the_output():
    def work(turn):
        raise TaskError("it is broken", where="file:1", remedy="mend it")

    record = Record()
    results = run([Job("a", "build", work)], Limits(), record)
    assert (results["a"].status, results["a"].reason) == ("failed", "it is broken")
    assert record.texts("line") == ["file:1: it is broken", "  → mend it"]


def test_a_fault_of_a_job_is_shown_and_ends_no_other():
    def work(turn):
        raise ZeroDivisionError("oh")

    record = Record()
    results = run([Job("a", "cell", work), Job("b", "cell", ends())], Limits(), record)
    assert statuses(results) == {"a": "failed", "b": "passed"}
    assert results["a"].reason == "ZeroDivisionError: oh"
    assert record.texts("line")[0].startswith("Traceback")


def test_results_bear_what_the_job_is_of():
    job = Job("(wheel) py312", "cell", ends(), environment="py312", definition="wheel")
    result = run([job], Limits(), Record())["(wheel) py312"]
    assert (result.environment, result.definition, result.kind) == ("py312", "wheel", "cell")


def test_what_passes_at_a_later_attempt_is_flaky():
    def work(turn):
        return Result(turn.job, "cell", "passed" if turn.attempt == 3 else "timeout", reason="slow")

    record = Record()
    result = run([Job("a", "cell", work, retries=5)], Limits(), record)["a"]
    assert (result.status, result.attempts) == ("flaky", 3)
    assert record.texts("retry") == ["slow", "slow"]


def test_fail_fast_lets_what_runs_finish_and_begins_nothing_more():
    failed = threading.Event()

    def goes_on(turn):
        failed.wait()
        return Result(turn.job, "cell", "passed")

    def emit(event):
        if (event.job, event.what) == ("a", "done"):
            failed.set()

    jobs = [Job("a", "cell", ends("failed")), Job("b", "cell", goes_on), Job("c", "cell", ends())]
    results = run(jobs, Limits(2, 1, fail_fast=True), emit)
    assert statuses(results) == {"a": "failed", "b": "passed", "c": "skipped"}
    assert results["c"].reason == "a failed before it"


def test_one_job_alone_may_ask_for_fail_fast():
    jobs = [Job("a", "cell", ends("failed"), fail_fast=True), Job("b", "cell", ends())]
    assert statuses(run(jobs, Limits(), Record())) == {"a": "failed", "b": "skipped"}


def test_a_failure_of_no_consequence_ends_nothing():
    jobs = [Job("a", "cell", ends("failed", ignored=True)), Job("b", "cell", ends())]
    results = run(jobs, Limits(fail_fast=True), Record())
    assert statuses(results) == {"a": "failed", "b": "passed"}


def test_when_stopped_nothing_more_begins():
    def work(turn):
        turn.stop.ask(15)
        return Result(turn.job, "cell", "interrupted")

    stop = Stop()
    jobs = [Job("a", "build", work), Job("b", "cell", ends(), ("a",)), Job("c", "cell", ends())]
    results = run(jobs, Limits(), Record(), stop)
    assert statuses(results) == dict.fromkeys("abc", "interrupted")
    assert stop.signal == 15


def test_what_raises_while_all_is_stopped_was_interrupted():
    def work(turn):
        turn.stop.ask()
        raise SystemExit

    assert run([Job("a", "cell", work)], Limits(), Record())["a"].status == "interrupted"


def test_a_job_that_does_not_hear_is_left_to_itself():
    free = threading.Event()

    def deaf(turn):
        turn.stop.ask()
        free.wait()
        turn.line("nobody hears this")
        return Result(turn.job, "cell", "passed")

    record = Record()
    result = run([Job("a", "cell", deaf)], Limits(), record)["a"]
    free.set()
    assert (result.status, result.reason) == ("interrupted", "had not ended when all was stopped")
    assert record.of("line") == []


def test_who_was_told_last_began_first():
    stop, told = Stop(), []
    with stop.telling(lambda n: told.append("a")), stop.telling(lambda n: told.append("b")):
        stop.ask()
        with stop.telling(lambda n: told.append("late")):
            stop.ask()
    stop.ask()
    assert told == ["b", "a", "late", "late", "b", "a"]


def test_a_listener_that_fails_ends_the_run_and_is_heard_of():
    begun = []

    def emit(event):
        if event.what == "started":
            raise BrokenPipeError

    def work(turn):
        begun.append(turn.job)
        return Result(turn.job, "cell", "passed")

    with pytest.raises(BrokenPipeError):
        run([Job("a", "cell", work), Job("b", "cell", work)], Limits(), emit)
    assert begun in ([], ["a"])

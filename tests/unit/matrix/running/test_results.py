"""What is kept of results, and what it decides."""

from __future__ import annotations

import multiprocessing
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.matrix.results import Choice, Known, Results, choose, facts
from stead.values.suite import Result, Work
from stead.values.testenv import TestCommand

FACTS = {"environment": "e", "sources": "s", "commands": "c", "variables": "v"}


def result(job="a", status="passed", **fields):
    return Result(job, "cell", status, **fields)


@pytest.fixture
def place(tmp_path):
    return Results(tmp_path / "home", str(tmp_path / "project"))


def test_what_is_kept_is_known(place, tmp_path):
    assert place.known() == {}
    place.keep([(result("(wheel) ä", seconds=1.25), FACTS)], 1000.0)
    again = Results(tmp_path / "home", str(tmp_path / "project"))
    assert again.known() == {"(wheel) ä": Known("passed", FACTS, 1.25, 1000.0)}
    assert Results(tmp_path / "home", str(tmp_path / "other")).known() == {}


@pytest.mark.parametrize("status", ["skipped", "interrupted"])
def test_what_did_not_come_to_its_end_changes_nothing(place, status):
    place.keep([(result(), FACTS)], 1.0)
    place.keep([(result(status=status), {**FACTS, "sources": "new"})], 2.0)
    place.keep([(result(reused=True), FACTS)], 3.0)
    assert place.known()["a"].when == 1.0


def test_cells_that_have_not_run_for_long_are_forgotten(place):
    place.keep([(result("old"), FACTS)], 0.0)
    place.keep([(result("new"), FACTS)], 365 * 86_400.0)
    assert list(place.known()) == ["new"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 2, "cells": {"a": 1}}',
        b'{"version": 1, "cells": [1]}',
        b'{"version": 1, "cells": {"a": 1, "b": {"status": "passed"}}}',
        b'{"version": 1, "cells": {"a": {"status": "x", "facts": {}, "seconds": 1, "when": 1}}}',
    ],
)
def test_a_damaged_file_means_nothing_and_is_replaced(place, text):
    place.keep([(result(), FACTS)], 1.0)
    with open(place._path, "wb") as file:
        file.write(text)
    assert place.known() == {}
    place.keep([(result("b"), FACTS)], 2.0)
    assert list(place.known()) == ["b"]


def _keep_many(home, project, name):
    for number in range(20):
        Results(home, project).keep([(result(f"{name}{number}"), FACTS)], 1.0)


def test_runs_at_the_same_time_lose_nothing(tmp_path):
    where = os.fspath(tmp_path / "home"), os.fspath(tmp_path / "project")
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_keep_many, args=(*where, name)) for name in "ab"]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert len(Results(*where).known()) == 40


def test_others_cannot_read_it(place):
    place.keep([(result(), FACTS)], 1.0)
    assert os.stat(place._path).st_mode & 0o077 == 0


@given(
    now=st.dictionaries(st.sampled_from([*FACTS]), st.sampled_from("ab")),
    then=st.dictionaries(st.sampled_from([*FACTS]), st.sampled_from("ab")),
    status=st.sampled_from(["passed", "flaky", "failed", "timeout"]),
)
def test_a_cell_rests_only_if_it_passed_with_the_same(now, then, status):
    choice = choose(now, Known(status, then, 1, 1))
    assert choice.run == (status not in ("passed", "flaky") or not then or now != then)
    assert choice.reason


def test_reasons_name_what_changed():
    known = Known("passed", FACTS, 1, 0)
    assert choose(FACTS, Known("passed", {}, 1, 0)).reason.startswith("nobody noted what")
    assert choose(FACTS, None) == Choice(run=True, reason="it has not run before")
    assert choose(FACTS, Known("failed", FACTS, 1, 0)).reason == "it failed last time"
    assert choose(FACTS, Known("timeout", FACTS, 1, 0)).reason == "it took too long last time"
    assert choose(FACTS, known).reason.startswith("nothing that it depends on changed since")
    changed = choose({**FACTS, "sources": "x"}, known).reason
    assert changed == "its sources are not as when it passed"
    changed = choose({**FACTS, "environment": "x"}, known).reason
    assert changed == "its environment is not as when it passed"
    changed = choose({**FACTS, "environment": "x", "commands": "x", "sources": "x"}, known).reason
    assert changed == "its environment, sources and commands are not as when it passed"


def kept(caller=(), **work):
    return facts(Work(**work), "env", "sources", dict(caller))


def test_facts_change_with_what_matters_and_with_nothing_else():
    command = TestCommand(("pytest",))
    plain = kept(commands=(command,))
    assert kept(commands=(command,), timeout=5, retries=2, resources=("db",)) == plain
    assert kept(commands=(TestCommand(("pytest", "-x")),)) != plain
    assert kept(commands=(TestCommand(("pytest",), expect_failure=True),)) != plain
    assert kept(commands=(command,), set_env=(("A", "1"),)) != plain
    assert kept(commands=(command,), set_env=(("PYTHONHASHSEED", "1"),)) == plain
    assert kept({"A": "1"}, commands=(command,)) == plain


def test_only_variables_that_are_named_count():
    both = {"pass_env": ("URL", "HOME", "X_*")}
    assert kept({"URL": "1"}, **both) != kept({"URL": "2"}, **both)
    assert kept({"HOME": "1", "X_A": "1"}, **both) == kept({"HOME": "2", "X_A": "2"}, **both)

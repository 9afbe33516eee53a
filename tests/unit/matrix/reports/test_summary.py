"""The table at the end."""

from __future__ import annotations

import re

import pytest

from stead.matrix.reports import summary, text
from stead.values.suite import CommandResult, Result


def test_every_status_has_its_line_and_what_needs_attention_stands_last(results):
    lines = summary.table(results, 75)
    assert lines == [
        "packages: wheel-cpython312 built in 1.2 s, sdist reused",
        "environments: 1 made",
        "passed       (wheel) py312       3.2 s",
        "passed       lint                       nothing has changed",
        "flaky        (sdist) py312       6.0 s  passed at attempt 2",
        "skipped      py27                       no interpreter answers py27",
        "interrupted  docs                1.0 s  Ctrl-C",
        "timeout      slow           1 min 00 s  longer than 60 s",
        "failed       (wheel) py313       2.6 s  exit code 1: pytest -k 'a b'",
        "2 passed, 1 flaky, 1 skipped, 1 interrupted, 1 timeout, 1 failed in 1 min 15 s",
    ]


def test_a_run_of_nothing():
    assert summary.table([], 0) == ["nothing to run in 0.0 s"]


@pytest.mark.parametrize("width", [1, 5, 12, 20, 40, 80])
def test_no_line_is_wider_than_the_terminal(results, width):
    many = [
        Result(f"({d}) py3{n}-日本語-venv-with-a-rather-long-name", "cell", "failed", 1, reason="x" * 99)
        for n in range(5)
        for d in ("wheel", "sdist")
    ]  # fmt: skip
    for line in summary.table([*results, *many], 9, width=width, colour=True):
        assert text.columns(re.sub(r"\x1b\[\d*m", "", line)) <= width


def test_five_hundred_cells_have_five_hundred_lines():
    many = [Result(f"py{n}", "cell", "passed", n / 10) for n in range(500)]
    lines = summary.table(many, 9)
    assert len(lines) == 501
    assert lines[-1] == "500 passed in 9.0 s"


def test_colours_are_around_the_status_alone(results):
    plain, coloured = summary.table(results, 1), summary.table(results, 1, colour=True)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain
    assert coloured[-2].startswith("\x1b[31mfailed\x1b[0m ")


def test_the_reason_given_comes_before_the_command():
    failed = (CommandResult(("false",), 1, 0),)
    assert summary.remark(Result("a", "cell", "failed", reason="no such program", commands=failed)) == (
        "no such program"
    )  # fmt: skip


def test_a_failure_that_was_ignored_is_not_the_cause():
    ran = (CommandResult(("first",), 3, 0), CommandResult(("second",), 1, 0, ignored=True))
    assert summary.remark(Result("a", "cell", "failed", commands=ran)) == "exit code 3: first"


def test_a_signal_is_named():
    ran = (CommandResult(("py",), -9, 0),)
    assert summary.remark(Result("a", "cell", "failed", commands=ran)) == "ended by SIGKILL: py"
    unknown = (CommandResult(("py",), -99, 0),)
    assert "signal 99" in summary.remark(Result("a", "cell", "failed", commands=unknown))


def test_why_a_cell_ran_is_said():
    ran = Result("a", "cell", "passed", 1, reason="tests/test_a.py has changed")
    assert summary.table([ran], 1)[0] == "passed  a  1.0 s  tests/test_a.py has changed"


def test_attempts_are_counted_where_they_did_not_help():
    tried = Result("a", "cell", "failed", 1, attempts=3, reason="exit code 1")
    assert summary.remark(tried) == "3 attempts; exit code 1"


def test_a_long_command_is_cut():
    ran = (CommandResult(("pytest", "x" * 10_000), 1, 0),)
    assert len(summary.remark(Result("a", "cell", "failed", commands=ran))) < 200


def test_a_build_that_failed_is_in_the_table():
    lines = summary.table([Result("wheel", "build", "failed", 1, reason="no artifact")], 1)
    assert lines == ["failed  package wheel  1.0 s  no artifact", "nothing to run in 1.0 s"]

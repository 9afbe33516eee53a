"""All checks at once: side by side, each in its time, every failure named."""

from __future__ import annotations

import os
import threading
import time

import pytest

from stead.cli.runner import run
from stead.config.checks import evaluate, failure, is_live, static_paths
from stead.values.context import Completed
from stead.values.errors import CheckError, SteadError
from stead.values.kinds import Check
from stead.values.origin import Origin
from stead.values.secret import SecretReference
from stead.values.table import Definition, Entry, Table

ENVIRON = {"PATH": os.environ["PATH"]}


def check(kind, subject="", line=7, **rest):
    return Check(rest.pop("name", kind), kind, subject, origin=Origin("stead.toml", line), **rest)


def made(checks, here, **options):
    given = {"table": Table(), "environ": ENVIRON, "platform": here, "run": run, **options}
    return evaluate(checks, **given)


def test_results_come_in_the_order_of_the_checks(here):
    checks = [
        check("run", arguments=("sleep", "0.3")),
        check("path", "/no/such"),
        check("path", "/"),
    ]
    results = made(checks, here)
    assert [r.check for r in results] == checks
    assert [r.ok for r in results] == [True, False, True]
    assert results[0].took >= 0.3


def test_none_takes_nothing(here):
    assert made([], here) == ()


def test_they_are_made_side_by_side(here):
    """Each waits for all the others: one after the other, none would ever end."""
    barrier = threading.Barrier(8)

    def meet(_argv, **_options):
        barrier.wait(90)
        return Completed(0, "", "")

    checks = [check("run", arguments=("sh",), line=n) for n in range(8)]
    assert all(result.ok for result in made(checks, here, run=meet))


def test_more_than_are_made_at_one_time(here):
    checks = [check("path", "/", line=n) for n in range(100)]
    assert all(result.ok for result in made(checks, here))


def test_one_that_cannot_be_interrupted_is_left_to_itself(here, monkeypatch):
    from stead.config.checks import work

    monkeypatch.setattr(work, "_GRACE", 0.1)
    stop = threading.Event()

    def hang(_argv, **_options):
        stop.wait(60)
        return Completed(0, "", "")

    try:
        begun = time.monotonic()
        checks = [check("run", arguments=("sh",), timeout="200ms"), check("path", "/no/such")]
        results = made(checks, here, run=hang)
        assert time.monotonic() - begun < 30
    finally:
        stop.set()
    assert "no answer within 0.2 s" in results[0].message
    assert "is not there" in results[1].message


def test_one_that_breaks_does_not_hide_the_others(here):
    def broken(_argv, **_options):
        raise RuntimeError("planted")

    results = made([check("run", arguments=("sh",)), check("path", "/")], here, run=broken)
    assert [r.ok for r in results] == [False, True]
    assert "RuntimeError" in results[0].message
    assert "planted" not in results[0].message


class TestVariable:
    TABLE = Table(
        entries=(
            Entry(
                "PG_URL", value="x", definitions=(Definition("PG_URL", "x", "vars", by="[vars]"),)
            ),
            Entry("TOKEN", secret=True, parts=(SecretReference("env", "T", "/"),)),
            Entry("PG_SSL", required=True),
        )
    )

    @pytest.mark.parametrize("name", ["PG_URL", "TOKEN", "PATH"])
    def test_has_a_provider(self, here, name):
        (result,) = made([check("variable", name)], here, table=self.TABLE)
        assert result.ok

    @pytest.mark.parametrize(
        ("name", "remedy"), [("PG_SSL", "stead set PG_SSL"), ("PG_ULR", "mean PG_URL?")]
    )
    def test_has_none(self, here, name, remedy):
        needed = check("variable", name, by="client store", line=31)
        (result,) = made([needed], here, table=self.TABLE)
        assert str(result) == f"stead.toml:31: nothing provides {name} (needed by client store)"
        assert remedy in result.remedy


class TestFailure:
    def test_nothing_failed(self, here):
        assert failure(made([check("path", "/")], here)) is None

    def test_one(self, here):
        error = failure(made([check("path", "/no/such"), check("path", "/")], here))
        assert isinstance(error, CheckError)
        assert isinstance(error, SteadError)
        assert error.where == Origin("stead.toml", 7)
        assert "/no/such is not there" in error.message
        assert error.remedy

    def test_all_at_once(self, here):
        checks = [
            check("path", "/no/a", line=1, by="lib a"),
            check("path", "/no/b", line=2, message="run fetch.sh"),
            check("run", line=3, arguments=("sh", "-c", "echo no database >&2; exit 1")),
            check("path", "/"),
        ]
        error = failure(made(checks, here))
        said = str(error)
        assert error.message == "3 checks do not hold"
        assert "stead.toml:1: /no/a is not there (needed by lib a)" in said
        assert "stead.toml:2: /no/b is not there → run fetch.sh" in said
        assert "no database" in said


class TestWhen:
    @pytest.mark.parametrize("kind", ["port", "url", "run", "space", "gpu", "command"])
    def test_what_can_change_is_asked_at_each_run(self, kind):
        assert is_live(check(kind, arguments=("x",)))

    @pytest.mark.parametrize("kind", ["path", "variable", "glibc", "cpu"])
    def test_what_cannot_is_not(self, kind):
        assert not is_live(check(kind))

    def test_a_program_of_the_build_stays_what_it_is(self):
        psql = check("command", arguments=("psql",))
        assert not is_live(psql, build="/s/abc-x", program="/s/abc-x/bin/psql")
        assert is_live(psql, build="/s/abc-x", program="/usr/bin/psql")
        assert is_live(psql, build="/s/abc-x", program="/s/abc-xy/bin/psql")
        assert is_live(psql, build="/s/abc-x", program="/s/abc-x/../other/psql")

    def test_paths_are_known_without_looking(self):
        checks = [
            check("path", "data/raw", base="/p"),
            check("path", "/srv", base="/p"),
            check("port", "x:1"),
        ]
        assert static_paths(checks) == ("/p/data/raw", "/srv")

"""A clock that was set back, and a checkout that nobody may write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.history.conftest import World

DAY = 86400


def ok(world: World, *words: str, days: int) -> str:
    """Run a command on a day other than today."""
    done = world.run(*words, kind="clock", at=days * DAY)
    assert done.code == 0, done.said
    return done.out


def test_the_order_is_that_of_numbers_whatever_the_clock_says(old: World) -> None:
    newest = old.log()[0]["number"]
    begin = old.files()
    ok(old, "set", "A=5", days=-400)
    ok(old, "set", "A=6", days=-800)
    entries = old.log()
    assert [e["number"] for e in entries[:3]] == [newest + 2, newest + 1, newest]
    assert entries[0]["time"] < entries[1]["time"] < entries[2]["time"]
    ok(old, "undo", days=-400)
    assert b'A = "5"' in old.files()["stead.toml"]
    ok(old, "undo", days=-2000)
    assert old.files() == begin
    old.ok("redo")
    ok(old, "redo", days=300)
    assert b'A = "6"' in old.files()["stead.toml"]
    status = json.loads(old.ok("status", "--json"))["history"]
    assert (status["generation"], status["edited"]) == (newest + 6, False)


def test_collection_keeps_what_the_retention_needs_and_log_marks_the_rest(old: World) -> None:
    """Ten generations, and what is younger than 30 days; a clock set back takes nothing away."""
    built = {e["build"] for e in old.log()}
    assert len(built) == 2
    ok(old, "gc", days=-400)
    assert not any(e["rebuild"] for e in old.log())
    ok(old, "gc", days=100)  # few of them: the newest ten are all there are
    assert not any(e["rebuild"] for e in old.log())
    for number in range(10):
        old.ok("set", f"A={number + 10}")
    ok(old, "gc", days=20)
    assert not any(e["rebuild"] for e in old.log())
    old.ok("pin", "2")
    ok(old, "gc", days=100)
    assert not any(e["rebuild"] for e in old.log())
    old.ok("pin", "--remove", "2")
    ok(old, "gc", days=100)
    first = {e["number"]: e for e in old.log()}[1]
    gone = [e for e in old.log() if e["rebuild"]]
    assert first in gone
    assert {e["build"] for e in gone} == {first["build"]}
    assert "to be rebuilt" in old.ok("log", "-n", "100")
    old.ok("rollback", "1")
    old.ok("run", "true")
    assert not any(e["rebuild"] for e in old.log())


@pytest.mark.parametrize(
    "words",
    [("set", "A=5"), ("add", "leaf<2"), ("undo",), ("redo",), ("rollback", "1")],
    ids=lambda words: words[0],
)
def test_a_checkout_that_cannot_be_written(old: World, words: tuple[str, ...]) -> None:
    files, entries = old.files(), old.log()
    done = old.run(*words, kind="readonly")
    assert done.code == 1, done.said
    assert "read-only" in done.err
    assert str(old.place) in done.err
    assert "Traceback" not in done.said
    assert old.files() == files
    assert old.log() == entries
    for looking in (("log",), ("diff", "1"), ("status",), ("run", "true")):
        assert old.run(*looking, kind="readonly").code == 0
    old.ok(*words)

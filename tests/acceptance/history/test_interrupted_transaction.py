"""A transaction that ends at any point: the place is as before or as committed, and nothing between."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import random

    from tests.acceptance.history.conftest import World

SCRIPT = "stead set A=5 && stead add 'leaf<2' && stead unset B"
WORDS = ("shell", "-m", "all of it", "-c", SCRIPT)
DROPPED = {"time", "build", "rebuild", "who", "spec", "lock", "lock_file"}


@pytest.fixture
def staging(old: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A place with two variables, where scripts find the program."""
    program = Path(sys.prefix) / "bin"
    monkeypatch.setitem(old.environ, "PATH", f"{program}:{old.environ['PATH']}")
    old.ok("set", "B=1")
    old.keep("begin")
    return old


def state(world: World):
    """Files and history of the place; the log comes first, for it finishes what was begun."""
    entries = [{k: v for k, v in e.items() if k not in DROPPED} for e in world.log()]
    return world.files(), entries


def old_or_new(world: World, states: list) -> bool:
    status = json.loads(world.ok("status", "--json"))["history"]
    now = state(world)
    assert now in states
    if not status["unfinished"]:
        assert status["generation"] == now[1][0]["number"]
    # The next command works, the next transaction too, and so does going back.
    world.ok("run", "true")
    assert state(world) == now
    world.ok("shell", "--no-wait", "-c", "stead set C=1")
    assert b'C = "1"' in world.files()["stead.toml"]
    world.ok("undo")
    assert world.files() == now[0]
    return now == states[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "full", "once"])
def test_at_each_write_of_the_shell(
    staging: World, chance: random.Random, tries, kind: str
) -> None:
    states = [state(staging)]
    whole = staging.run(*WORDS)
    assert whole.code == 0, whole.said
    states.append(state(staging))
    assert states[1][1][0]["reason"] == "all of it"
    assert len(states[1][1]) == len(states[0][1]) + 1
    for at in sorted(chance.sample(range(1, whole.calls + 1), min(whole.calls, tries(2)))):
        staging.put_back("begin")
        done = staging.run(*WORDS, kind=kind, at=at)
        assert "Traceback" not in done.said
        assert "a fault in Stead" not in done.said
        new = old_or_new(staging, states)
        assert new or done.code, f"said that it had done it, and has not, at {at}"


@pytest.mark.slow
def test_at_any_time(staging: World, chance: random.Random, tries) -> None:
    """The shell ends while a command in it stages; that command goes on for a moment."""
    states = [state(staging)]
    staging.ok(*WORDS)
    states.append(state(staging))
    for _ in range(tries(2)):
        staging.put_back("begin")
        done = staging.run(*WORDS, kind="late", at=chance.randrange(3000))
        new = old_or_new(staging, states)
        assert new or done.code == -9

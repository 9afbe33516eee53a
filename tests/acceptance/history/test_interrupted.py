"""A command that ends at any point leaves the old state or the new one, and the next one works.

Points are calls to the system that change files. A few of each are tried here, each
of them (at least as many as ``STEAD_SOAK`` says) by ``nox -s soak``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stead.store.atomic import remove_tree

if TYPE_CHECKING:
    import random

    from tests.acceptance.history.conftest import Done, World

COMMANDS = [
    ("add", "leaf<2", "-m", "needed"),
    ("remove", "branch"),
    ("set", "A=5", "B=6", "-m", "more"),
    ("unset", "A"),
    ("undo",),
    ("redo",),
    ("rollback", "3"),
    ("rollback", "1"),
]
DROPPED = {"time", "build", "rebuild", "who", "spec", "lock", "lock_file"}


def history(world: World) -> list[dict[str, Any]]:
    """What the log has of each generation, but for the time and what a build adds."""
    return [{k: v for k, v in entry.items() if k not in DROPPED} for entry in world.log()]


def state(world: World) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    entries = history(world)  # first: it finishes what was interrupted
    return world.files(), entries


def points(chance: random.Random, calls: int, few: int) -> list[int]:
    """Choose at which calls to strike: some, all of them if so many are wanted."""
    return sorted(chance.sample(range(1, calls + 1), min(calls, few)))


def one_of_both(world: World, states: list[tuple[Any, Any]], done: Done) -> bool:
    """Check that the place is in one of two states, and says in which; gives whether it is the new one."""
    status = json.loads(world.ok("status", "--json"))["history"]
    text = world.ok("status")
    now = state(world)
    assert now in states, done.said
    told = status["generation"]
    if status["unfinished"]:
        assert all(f"interrupted: {left}" in text for left in status["unfinished"])
    else:
        assert f"generation {now[1][0]['number']}, " in text
        assert told == now[1][0]["number"]
        assert not status["edited"]
    after = json.loads(world.ok("status", "--json"))["history"]
    assert (after["generation"], after["edited"], after["unfinished"]) == (
        now[1][0]["number"],
        False,
        [],
    )
    return now == states[1]


def the_next_works(world: World, words: tuple[str, ...], states: list[Any], *, new: bool) -> None:
    """Do what a user does next: run something, try again, and take it back."""
    world.ok("run", "true")
    assert world.files() == states[new][0]
    if not new:
        world.ok(*words)
        assert state(world) == states[1]
    if words[0] != "undo":
        world.ok("undo")
        assert world.files() == states[0][0]
    else:
        world.ok("redo")
        assert world.files() == states[0][0]


@pytest.mark.parametrize("kind", ["kill", "full", "once"])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]))
def test_old_or_new(
    old: World, chance: random.Random, tries, words: tuple[str, ...], kind: str
) -> None:
    whole = old.run(*words)
    assert whole.code == 0, whole.said
    assert whole.calls > 10
    new = state(old)
    old.put_back("old")
    states = [state(old), new]
    assert states[0] != states[1]
    seen = set()
    for at in points(chance, whole.calls, tries(2 if kind == "kill" else 1)):
        old.put_back("old")
        done = old.run(*words, kind=kind, at=at)
        if kind == "kill":
            assert done.code in (-9, 0)
        else:
            assert done.code in (0, 1), done.said
            assert "Traceback" not in done.said
            assert "a fault in Stead" not in done.said
        is_new = one_of_both(old, states, done)
        assert is_new or done.code, f"said that it had done it, and has not, at {at}"
        seen.add(is_new)
        the_next_works(old, words, states, new=is_new)
    if tries(0) >= whole.calls:
        assert seen == {False, True}


@pytest.mark.parametrize("kind", ["kill", "full"])
@pytest.mark.parametrize("words", [("undo",), ("redo",), ("rollback", "1")], ids=lambda w: w[0])
@pytest.mark.parametrize("what", ["edited", "collected"])
def test_what_is_merged_or_made_again_is_old_or_new_too(
    old: World, chance: random.Random, tries, what: str, words: tuple[str, ...], kind: str
) -> None:
    if what == "edited":
        file = old.place / "stead.toml"
        file.write_text(file.read_text(encoding="utf-8") + 'MINE = "1"\n', encoding="utf-8")
    else:
        for build in (old.home / "store").iterdir():
            remove_tree(build)
    states = [state(old)]
    old.keep("begin")
    whole = old.run(*words)
    assert whole.code == 0, whole.said
    states.append(state(old))
    for at in points(chance, whole.calls, tries(1)):
        old.put_back("begin")
        done = old.run(*words, kind=kind, at=at)
        assert done.code in ((-9, 0) if kind == "kill" else (0, 1)), done.said
        now = state(old)
        assert now in states, done.said
        if now == states[0]:
            assert done.code
            old.ok(*words)
            assert state(old) == states[1]
        old.ok("redo" if words[0] == "undo" else "undo")
        assert old.files() == states[0][0]
        old.ok("run", "true")


@pytest.mark.slow
def test_killed_at_any_time(old: World, chance: random.Random, tries) -> None:
    """What is running beside, as a build's tools are, is not at one of the points above."""
    words = ("add", "leaf<2", "-m", "needed")
    old.ok(*words)
    states = [state(old)]
    old.put_back("old")
    states.insert(0, state(old))
    for _ in range(tries(4)):
        old.put_back("old")
        done = old.run(*words, kind="late", at=chance.randrange(500))
        is_new = one_of_both(old, states, done)
        assert is_new or done.code == -9
        the_next_works(old, words, states, new=is_new)

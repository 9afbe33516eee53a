"""A transaction that ends at any point leaves the place as it was, or as all of it would be.

As in ``test_interrupted``: the points are calls to the system that change files.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.history.test_interrupted import one_of_both, points, state

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from tests.acceptance.history.conftest import World

PROGRAM = str(Path(sys.prefix) / "bin" / "stead")
SCRIPT = "stead set A=5 B=6 && stead add 'leaf<2' && stead set --private P=hush"
WORDS = ("shell", "-m", "all of it", "-c", SCRIPT)


def status(world: World):
    return json.loads(world.ok("status", "--json"))["transaction"]


def directory(world: World) -> Path:
    return world.home / "places" / "at" / str(world.place)[1:] / ".stead@" / "transaction@"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "full", "once"])
def test_the_whole_shell(old: World, chance: random.Random, tries, kind: str) -> None:
    whole = old.run(*WORDS)
    assert whole.code == 0, whole.said
    new = state(old)
    old.put_back("old")
    states = [state(old), new]
    assert states[0] != states[1]
    assert len(new[1]) == len(states[0][1]) + 1
    for at in points(chance, whole.calls, tries(2)):
        old.put_back("old")
        done = old.run(*WORDS, kind=kind, at=at)
        if kind != "kill":
            assert done.code in (0, 1), done.said
            assert "Traceback" not in done.said
            assert "a fault in Stead" not in done.said
        is_new = one_of_both(old, states, done)
        assert is_new or done.code, f"said that it had done it, and has not, at {at}"
        left = status(old)
        assert left is None or not left["alive"]
        if "what is staged stays" in done.said:
            assert not is_new
            assert left["staged"]
        if left is not None and not is_new and left["staged"]:
            old.ok("shell", "--resume", "-m", "all of it", "-c", SCRIPT)
            assert old.files() == new[0]
            continue
        old.ok("shell", "-m", "all of it", "-c", SCRIPT)
        assert old.files() == new[0]
        assert status(old) is None


@contextmanager
def opened(world: World) -> Iterator[subprocess.Popen[str]]:
    """Hold a transaction open; commands with its variable are in it."""
    environ = {**world.environ, "PWD": str(world.place), "STEAD_HOME": str(world.home)}
    process = subprocess.Popen(
        [PROGRAM, "shell", "-c", "echo ready; read -r code; exit $code"],
        cwd=world.place,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        world.environ["STEAD_SHELL"] = str(directory(world))
        yield process
    finally:
        world.environ.pop("STEAD_SHELL", None)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


INSIDE = [
    ("set", "A=5", "B=6"),
    ("add", "leaf<2"),
    ("set", "--private", "P=hush"),
    ("savepoint", "second"),
    ("rollback", "to", "first"),
    ("abort",),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "full", "once"])
@pytest.mark.parametrize("words", INSIDE, ids=lambda words: "-".join(words[:2]))
def test_a_command_inside(
    old: World, chance: random.Random, tries, words: tuple[str, ...], kind: str
) -> None:
    """What is staged is what it was, or what it would be; the place does not change at all."""
    before = old.files()

    def staged():
        held = status(old)
        read = json.loads(old.ok("config", "list", "--json"))
        names = {
            e["name"]: e["value"] for e in read if e["name"] in ("A", "B", "P", "BEFORE", "AFTER")
        }
        return held["operations"], held["savepoints"], names

    def begin() -> None:
        old.ok("set", "BEFORE=1")
        old.ok("savepoint", "first")
        old.ok("set", "AFTER=1")

    with opened(old):
        begin()
        states = [staged()]
        whole = old.run(*words)
        assert whole.code == 0, whole.said
        states.append(staged())
        assert states[0] != states[1]
    for at in points(chance, whole.calls, tries(2)):
        old.put_back("old")
        with opened(old) as process:
            begin()
            done = old.run(*words, kind=kind, at=at)
            assert "Traceback" not in done.said
            assert "a fault in Stead" not in done.said
            now = staged()
            assert now in states, (at, done.said)
            assert now == states[1] or done.code, f"said that it had done it, and has not, at {at}"
            old.ok(*words)  # the next one works
            assert old.files() == before
            process.communicate("7\n", timeout=60)
            assert process.returncode == 7
        assert old.files() == before
        assert status(old) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "full", "once"])
def test_commit(old: World, chance: random.Random, tries, kind: str) -> None:
    """Files and history have all of it or nothing, and what was not committed is still staged."""

    def stage() -> None:
        old.ok("set", "A=5", "B=6")
        old.ok("add", "leaf<2")
        old.ok("set", "--private", "P=hush")

    def seen():
        """What somebody else sees."""
        inside = old.environ.pop("STEAD_SHELL", None)
        try:
            return state(old)
        finally:
            if inside:
                old.environ["STEAD_SHELL"] = inside

    states = [state(old)]
    with opened(old):
        stage()
        whole = old.run("commit", "-m", "why")
        assert whole.code == 0, whole.said
        states.append(seen())
    for at in points(chance, whole.calls, tries(2)):
        old.put_back("old")
        with opened(old) as process:
            stage()
            done = old.run("commit", "-m", "why", kind=kind, at=at)
            assert "Traceback" not in done.said
            assert "a fault in Stead" not in done.said
            now = seen()
            assert now in states, (at, done.said)
            is_new = now == states[1]
            assert is_new or done.code
            assert is_new == (status(old)["staged"] == 0)
            if chance.random() < 0.5:
                old.ok("commit", "-m", "why")
                assert seen() == states[1]
            else:
                old.ok("abort")
                assert seen() == now
            process.communicate("7\n", timeout=60)
            assert process.returncode == 7

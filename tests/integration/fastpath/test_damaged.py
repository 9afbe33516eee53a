"""A record's script that was cut off or changed: nothing of it is done, and it is made anew."""

from __future__ import annotations

import os
import subprocess

import pytest

from stead.pipeline.record import record
from stead.values.activation import Change
from stead.values.manifest import Task

pytestmark = pytest.mark.needs("dash")

SLOW = 42


def made(world):
    """Keep a record with something of everything; gives its directory and its script's."""
    tasks = (Task("task", ("printf", "ran"), cwd=str(world.root)),)
    kept = world.record(Change("prepend", "PATH", "/opt/bin"), tasks=tasks)
    return os.path.join(kept.directory, "run.sh")


def lengths(whole: bytes) -> list[int]:
    """After each line but the last, and some bytes into it."""
    ends = [n + 1 for n, c in enumerate(whole) if c == ord("\n")]
    inside = [e + 4 for e in ends[:-1:7]]
    return sorted({0, 1, *ends[:-1], *(n for n in inside if n < len(whole) - 2)})


def test_whatever_was_cut_off_python_answers_as_if_nothing_had_been(any_world):
    world = any_world
    script = made(world)
    with open(script, "rb") as file:
        whole = file.read()
    cuts = lengths(whole)
    assert len(cuts) > 30
    explained = 0
    for length in cuts:
        with open(script, "wb") as file:
            file.write(whole[:length])
        done = world.run("-C", "sub", "run", "task", "a b")
        assert (done.returncode, done.stdout) == (SLOW, ""), length
        where = world.place / "sub"
        assert done.stderr.endswith(f"slow <run> <task> <a b> in <{where}>"), length
        # The shell says something of its own then, and is not left alone with it.
        first = done.stderr.removesuffix(f"slow <run> <task> <a b> in <{where}>")
        assert bool(first) == ("was cut off; it is made anew" in first), (length, first)
        explained += bool(first)
    assert explained > 20
    with open(script, "wb") as file:
        file.write(whole)
    done = world.run("-C", "sub", "run", "task")
    assert (done.stdout, done.stderr) == ("ran", "")
    world.manifests[0].write_text("changed")
    assert "cut off" not in world.run("-C", "sub", "run", "task").stderr


@pytest.mark.parametrize("length", [0, 40, 400, -20, -2])
def test_a_launcher_goes_on_with_the_program(any_world, length):
    from stead.shells import posix

    world = any_world
    script = made(world)
    with open(script, "rb+") as file:
        file.truncate(length if length >= 0 else os.path.getsize(script) + length)
    launcher = world.base / "launch"
    launcher.write_text(
        posix.launcher(
            ["task"],
            script=script,
            program=str(world.program),
            place=str(world.place),
            environment="default",
        )
    )
    done = subprocess.run(
        [*world.argv()[:-1], str(launcher), "x"],
        env=world.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (SLOW, "")
    assert ("was cut off" in done.stderr) == (length not in (0, 40))
    assert f"slow <-C> <{world.place}> <run> <--here> <-e> <default> <task> <x>" in done.stderr


@pytest.mark.parametrize("length", [0, 40, 400, -20, -2])
def test_a_damaged_record_is_made_anew(world, length):
    script = made(world)
    with open(script, "rb+") as file:
        file.truncate(length if length >= 0 else os.path.getsize(script) + length)
    held = world.held()
    again = record(world.home, held.activation, names=held.names, now=2**33)
    assert again.directory != held.directory
    assert world.run("run", "task").stdout == "ran"


def test_a_whole_record_is_left_as_it_is(world):
    made(world)
    held = world.held()
    again = record(world.home, held.activation, names=held.names, now=2**33)
    assert again.directory == held.directory

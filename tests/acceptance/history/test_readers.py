"""Whoever reads while a place goes back and forth sees one generation or the other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.store.journal import read_steadily
from stead.store.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.history.conftest import World

PROGRAM = Path(sys.prefix) / "bin" / "stead"
SEEN = """\
import importlib.util, os
print(os.environ["A"], importlib.util.find_spec("branch") is not None)
"""


@pytest.fixture
def swings(old: World) -> World:
    """A place whose last change is of a variable and a package at once."""
    file = old.place / "stead.toml"
    old.ok("run", "true")
    text = file.read_text(encoding="utf-8")
    text = text.replace('A = "2"', 'A = "9"').replace('branch = "<2"\n', "")
    file.write_text(text, encoding="utf-8")
    old.ok("trust", "--yes")
    old.ok("run", "true")
    assert old.log()[0]["variables"] == {"A": "9"}
    return old


def while_it_swings(world: World, times: int, read: Callable[[], object]) -> set[object]:
    """Undo and redo so often, while another thread reads; gives all that it saw."""
    seen: list[object] = []
    over = threading.Event()
    wrong: list[BaseException] = []

    def reading() -> None:
        try:
            while not over.is_set():
                seen.append(read())
        except BaseException as exc:
            wrong.append(exc)
            raise

    thread = threading.Thread(target=reading)
    thread.start()
    try:
        for _ in range(times):
            world.ok("undo")
            world.ok("redo")
            if wrong:
                break
    finally:
        over.set()
        thread.join()
    assert not wrong
    return set(seen)


def output(world: World, *words: str) -> str:
    """Run the installed program in a process of its own, and give what it printed."""
    environ = {**world.environ, "PWD": str(world.place), "STEAD_HOME": str(world.home)}
    done = subprocess.run(
        [PROGRAM, *words], cwd=world.place, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_processes(swings: World, tries) -> None:
    length = len(swings.log())
    rounds = tries(3)

    def read() -> str:
        return output(swings, "run", "python", "-c", SEEN)

    assert while_it_swings(swings, rounds, read) <= {"2 True\n", "9 False\n"}
    # Who only reads records nothing, and takes away nothing that could be redone.
    assert len(swings.log()) == length + 2 * rounds
    assert swings.fails("redo")


def test_the_prompt(swings: World, tries) -> None:
    """What the hook is answered has one environment or the other, and never none."""

    def read() -> tuple[str, ...]:
        answer = output(swings, "hook", "--evaluate", "bash")
        found = re.search(r"VIRTUAL_ENV=\S*/store/(\w+)-place' .*'A=(\d)'", answer)
        assert found, answer
        return found.groups()

    both = {read()}
    swings.ok("undo")
    both.add(read())
    swings.ok("redo")
    assert len(both) == 2
    assert while_it_swings(swings, tries(3), read) <= both


def test_who_looks(swings: World, tries) -> None:
    """A lock beside the manifest of the other generation would not answer it."""

    def read() -> bool:
        return bool(json.loads(output(swings, "status", "--json"))["lock"]["answers"])

    assert read()
    assert while_it_swings(swings, tries(4), read) == {True}


def test_what_is_asked_of_packages(swings: World, tries) -> None:
    """`tree` fails where the lock does not answer."""

    def read() -> bool:
        return "branch" in output(swings, "tree")

    assert while_it_swings(swings, tries(4), read) <= {True, False}


@pytest.mark.slow
def test_files(swings: World, tries) -> None:
    """Each file is whole at any time; both, read while no change is under way, belong together."""
    new = swings.files()
    swings.ok("undo")
    old = swings.files()
    swings.ok("redo")
    names = ["stead.toml", "stead.lock"]

    def read() -> tuple[bytes, ...]:
        return tuple((swings.place / name).read_bytes() for name in names)

    def steadily() -> tuple[bytes, ...]:
        each = read()
        assert all(text in (old[n], new[n]) for n, text in zip(names, each, strict=True))
        return read_steadily(Layout(swings.home), read)

    both = {tuple(files[name] for name in names) for files in (old, new)}
    assert while_it_swings(swings, tries(3), steadily) <= both
    assert os.listdir(swings.home / "journal") == []

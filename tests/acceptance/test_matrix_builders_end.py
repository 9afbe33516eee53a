"""Whatever ends `stead test` and `stead package` ends the programs that build and install."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pexpect
import pytest
from tests.acceptance.test_matrix_killed import alive

from stead.testing.index import Sdist, Wheel, make_index, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Machine

pytestmark = pytest.mark.slow

STUBBORN = """\
import os, signal, subprocess, sys, time

for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
if "again" not in sys.argv:
    words = [sys.executable, {path!r}, "again"]
    subprocess.Popen(words, start_new_session={away}, stderr=subprocess.DEVNULL)
with open({pids!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
time.sleep(1000)
"""

HOOK = "\n\ndef {hook}(*_, **__):\n    import runpy\n    runpy.run_path({path!r})\n"

RECIPE = """\
package: {{name: spam, version: "1.5"}}
build:
  script: [python3 {path}]
"""


class Project:
    """A project whose build takes for ever, and ends for no kind word."""

    def __init__(self, machine: Machine, root: Path) -> None:
        self.machine = machine
        self.root = root
        self.pids = root.parent / "pids"
        self.stubborn = root.parent / "stubborn.py"

    def builds_as(self, how: str) -> None:
        """Say what of a run it is that takes for ever."""
        path = str(self.stubborn)
        # Of one that gets away from a recipe's script nothing is known: it bears no mark.
        text = STUBBORN.format(path=path, pids=str(self.pids), away=how != "conda")
        self.stubborn.write_text(text)
        tox = "[testenv]\npackage = wheel\ncommands = python -c pass\n"
        if how in ("wheel", "needed"):
            backend = self.root / "backend.py"
            backend.write_text(backend.read_text() + HOOK.format(hook="build_wheel", path=path))
        if how == "needed":
            needed = self.root.rename(self.root.with_name("needed"))
            self.root.mkdir()
            tox = f"[testenv]\nskip_install = true\ndeps = {needed}\ncommands = python -c pass\n"
        elif how == "installed":
            tox += f"install_command = python {path} {{packages}}\nallowlist_externals = *\n"
        elif how in ("command", "conda"):
            tox = ""
            table = f'builder = "command"\ncommand = ["python3", "{path}"]\noutputs = ["*.whl"]'
            if how == "conda":
                table = 'builder = "conda"\nrecipe = "recipe.yaml"'
                (self.root / "recipe.yaml").write_text(RECIPE.format(path=path))
            (self.root / "stead.toml").write_text(
                f'[package.it]\n{table}\n[layer.a]\ncommands = [["true"]]\n'
            )
        if tox:
            (self.root / "tox.ini").write_text("[tox]\nenv_list = py\n" + tox)

    def started(self) -> list[int]:
        """Give the numbers of its processes that have begun."""
        return [*map(int, self.pids.read_text().split())] if self.pids.exists() else []

    def building(self) -> list[int]:
        """Wait until both of its processes are at work; gives their numbers."""
        until = time.monotonic() + 60
        while len(self.started()) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        return self.started()


@pytest.fixture
def slow(machine: Machine, tmp_path: Path) -> Iterator[Project]:
    index = make_index(tmp_path / "own", [Wheel("pip", "25.0")])
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"
    made = Project(machine, make_project(tmp_path / "spam", Sdist("spam", "1.5")))
    yield made
    for number in filter(alive, made.started()):
        os.kill(number, signal.SIGKILL)


def ended(numbers: list[int]) -> None:
    until = time.monotonic() + 90
    while any(map(alive, numbers)):
        assert time.monotonic() < until, numbers
        time.sleep(0.02)


@pytest.mark.parametrize("sent", ["KILL", "INT", "TERM", "HUP"])
@pytest.mark.parametrize(
    ("word", "how"),
    [
        ("test", "wheel"),
        ("test", "needed"),
        ("test", "installed"),
        ("package", "wheel"),
        ("package", "command"),
        ("package", "conda"),
    ],
)
def test_a_signal_ends_what_builds(slow: Project, word: str, how: str, sent: str) -> None:
    slow.builds_as(how)
    child = subprocess.Popen(
        ["stead", word],
        cwd=slow.root,
        env=slow.machine.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        numbers = slow.building()
    except AssertionError:
        child.kill()
        raise
    number = getattr(signal, f"SIG{sent}")
    os.kill(child.pid, number)
    said, _ = child.communicate()
    assert child.returncode == (-number if sent == "KILL" else 128 + number), said
    assert b"Traceback" not in said
    ended(numbers)


@pytest.mark.parametrize("how", ["intr", "close"])
@pytest.mark.parametrize("word", ["test", "package"])
def test_the_terminal_ends_what_builds(slow: Project, word: str, how: str) -> None:
    slow.builds_as("wheel")
    environ = {**slow.machine.environ, "TERM": "xterm"}
    child = pexpect.spawn("stead", [word], cwd=str(slow.root), env=environ, timeout=60)
    numbers = slow.building()
    if how == "intr":
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 128 + signal.SIGINT
    else:
        os.close(child.child_fd)
        child.closed = True
        until = time.monotonic() + 90
        while child.isalive():
            assert time.monotonic() < until
            time.sleep(0.02)
    ended(numbers)

"""A launcher is warned of what it will not find."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def place(project):
    return project({"stead.toml": "[tasks]\nreport = ['echo', 'reported']\n"})


def test_a_command_that_is_there_is_not_spoken_of(machine, place):
    for words in (["sh", "-c", "true"], ["report"], ["/bin/sh"]):
        done = machine.run("launcher", "--force", "-o", "launch", *words, cwd=place)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{place}/launch\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reprot"], "no command reprot in this environment; did you mean the task 'report'?"),
        (["--", "report"], "no command report in this environment"),
        (["bin/absent"], "/bin/absent in this environment"),
    ],
)
def test_a_command_that_is_nowhere_is_warned_of(machine, place, words, said):
    done = machine.run("launcher", "-o", "launch", *words, cwd=place)
    assert done.returncode == 0
    assert said in done.stderr
    # It may come with the next package: the script is written.
    assert os.access(place / "launch", os.X_OK)


def test_one_on_the_callers_path_alone_is_warned_of(machine, place, tmp_path):
    tool = tmp_path / "own" / "mytool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho mine\n", encoding="utf-8")
    tool.chmod(0o755)
    machine.environ["PATH"] = f"{tool.parent}{os.pathsep}{machine.environ['PATH']}"
    done = machine.run("launcher", "mytool", cwd=place)
    assert f"give {tool} instead" in done.stderr
    again = machine.run("launcher", str(tool), cwd=place)
    assert again.stderr == ""
    script = Path(again.stdout.strip())
    ran = subprocess.run([script], env={}, capture_output=True, text=True, check=True)
    assert ran.stdout == "mine\n"

"""Who looks at a place while a change is made sees it as before or as after, never half of each."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEFORE = """\
[packages.pypi]
leaf = "<2"

[vars]
LEVEL = "1"
WRONG = "{LEVEL}"

[layer.test.vars]
OTHER = "1"
"""
BETWEEN = """\
import subprocess, sys
from stead.pipeline import steps

program, at, *words = sys.argv[1:]
real, calls = steps.composed_for, []


def composed_for(*given, **more):
    found = real(*given, **more)
    calls.append(None)
    if len(calls) == int(at):
        subprocess.run([program, "redo"], check=True, stdout=subprocess.DEVNULL)
    return found


steps.composed_for = composed_for
from stead.cli.main import main

sys.exit(main(words))
"""
"""Runs a command; another one goes to the next generation as soon as it has read the manifests, so many times."""


@pytest.mark.parametrize(
    ("words", "at", "said"),
    [
        (("explain", "LEVEL"), 1, "LEVEL = 2\n"),
        (("check",), 1, "nothing is wrong\n"),
        (("config", "list"), 1, "LEVEL  str  2 "),
        (
            ("config", "diff", "default", "test"),
            1,
            "OTHER\n  - (no value)\n  + 2  (stead.toml:8)\n",
        ),
        (("export", "--format", "requirements"), 2, "leaf==2.0"),
        (("tree",), 1, "leaf 2.0"),
    ],
)
def test_a_change_that_comes_between(machine, project, words, at, said):
    root = project({"stead.toml": BEFORE})
    machine.ok("run", "true", cwd=root)
    after = BEFORE.replace('WRONG = "{LEVEL}"\n', "").replace('"1"', '"2"').replace("<2", ">=2")
    (root / "stead.toml").write_text(after, encoding="utf-8")
    machine.ok("run", "true", cwd=root)
    machine.ok("undo", cwd=root)
    done = subprocess.run(
        [sys.executable, "-c", BETWEEN, str(machine.program), str(at), *words],
        cwd=root,
        env={**machine.environ, "PWD": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert "- 1" not in done.stdout
    assert (root / "stead.toml").read_text(encoding="utf-8") == after

"""Environments of tox that hold what ``uv.lock`` says (tox-uv's runner for it)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from stead.testing.index import Sdist, Wheel, make_index, make_project

if TYPE_CHECKING:
    from pathlib import Path

TOX = """\
[tox]
requires = tox-uv
env_list = tests, bare, lint
[testenv]
runner = uv-venv-lock-runner
package = wheel
dependency_groups = tests
commands = python -c "from importlib.metadata import version as v; print('leaf', v('leaf'), 'spam', v('spam'))"
[testenv:bare]
package = skip
dependency_groups =
only_groups = tests
extras =
commands = python -c "import leaf, importlib.util as u; print('spam', u.find_spec('spam'))"
[testenv:lint]
skip_install = true
deps = nothing
"""
PROJECT = """
[project.optional-dependencies]
more = ["twig"]
[dependency-groups]
tests = ["leaf"]
dev = ["absent"]
[[tool.uv.index]]
url = "{index}"
default = true
"""


@pytest.fixture
def spam(tmp_path: Path, machine) -> Path:
    """A project that was locked when there was only one ``leaf``; now there is a later one."""
    wheels = [Wheel("leaf", "1.0"), Wheel("absent"), Wheel("pip", "25.0"), Wheel("twig")]
    index = make_index(tmp_path / "own", wheels)
    simple = f"{index.as_uri()}/simple"
    machine.environ["UV_DEFAULT_INDEX"] = simple
    root = make_project(tmp_path / "spam", Sdist("spam", "1.5"))
    metadata = (root / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(metadata + PROJECT.format(index=simple))
    (root / "tox.ini").write_text(TOX)
    lock(root)
    make_index(index, [Wheel("leaf", "2.0")])
    return root


def lock(root: Path) -> None:
    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=root, check=True)


@pytest.mark.slow
def test_environments_hold_what_the_lock_says(machine, spam: Path) -> None:
    said = machine.ok("test", cwd=spam)
    # skip_install means nothing to this runner, and deps neither.
    assert said.count("leaf 1.0 spam 1.5") == 2
    assert "spam None" in said
    again = machine.ok("test", cwd=spam)
    assert "resolving" not in again
    lock_file = spam / "uv.lock"
    lock_file.write_text(lock_file.read_text().replace("1.0", "2.0"))
    lock(spam)
    listed = machine.run("test", "--list", cwd=spam)
    assert "fails" not in listed.stdout


def test_what_means_nothing_to_the_runner_is_noted(machine, spam: Path) -> None:
    said = machine.run("test", "--plan", "lint", cwd=spam).stdout
    for line, key in ((16, "skip_install"), (17, "deps")):
        assert f"note: {spam}/tox.ini:{line}: {key} has no effect" in said


def test_a_lock_that_does_not_answer_the_project(machine, spam: Path) -> None:
    file = spam / "pyproject.toml"
    file.write_text(file.read_text().replace('tests = ["leaf"]', 'tests = ["leaf", "twig"]'))
    said = machine.fails("test", "bare", "--notest", cwd=spam)
    assert f"{spam}/uv.lock: uv cannot say what uv.lock holds" in said
    assert "bring it up to date with `uv lock`" in said
    plain = "[testenv:plain]\nrunner = virtualenv\nskip_install = true\ncommands = python -V\n"
    (spam / "tox.ini").write_text(TOX + plain)
    done = machine.run("test", "-x", "tox.env_list=bare,plain", cwd=spam)
    assert "plain: passed" in done.stdout
    assert f"{spam}/uv.lock: uv cannot say what uv.lock holds" in done.stdout
    machine.ok("test", "bare", "--notest", "-x", "testenv.uv_sync_locked=false", cwd=spam)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("uv_sync_flags = --inexact", "tox.ini:10: uv_sync_flags is not understood"),
        ("package = sdist", "tox.ini:10: package: package must be one of editable, wheel"),
        ("dependency_groups = nowhere", "nowhere"),
    ],
)
def test_what_is_not_understood(machine, spam: Path, line: str, said: str) -> None:
    text = TOX.replace("[testenv:bare]\npackage = skip", f"[testenv:bare]\n{line}")
    (spam / "tox.ini").write_text(text.replace("dependency_groups =\nonly", "only"))
    assert said in machine.fails("test", "bare", cwd=spam)


def test_a_project_without_a_lock(machine, spam: Path) -> None:
    (spam / "uv.lock").unlink()
    said = machine.fails("test", "bare", cwd=spam)
    assert f"{spam}/uv.lock: bare is to hold what uv.lock says, and there is none" in said

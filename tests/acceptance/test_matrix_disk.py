"""`stead test` on a disk that is full, or where nothing may be written."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.testing.index import Sdist, Wheel, make_index, make_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Machine

pytestmark = pytest.mark.slow

TOX = """\
[tox]
env_list = wheel, sdist
[testenv]
package = wheel
deps = leaf
commands = python -c "import leaf, spam; print('checked', '{envname}')"
[testenv:sdist]
package = sdist
"""


@pytest.fixture
def spam(machine: Machine, tmp_path: Path) -> Callable[[Path], Path]:
    index = make_index(tmp_path / "own", [Wheel("leaf"), Wheel("pip", "25.0")])
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"

    def make(root: Path) -> Path:
        make_project(root, Sdist("spam", "1.5", requires=("leaf",)))
        (root / "tox.ini").write_text(TOX)
        return root

    return make


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system in memory; options say how large it is, and asked again change it."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = []

    def mount(options: str) -> Path:
        again = "remount," if mounted else ""
        words = ["mount", "-t", "tmpfs", "-o", f"{again}{options}", "stead-test", str(where)]
        subprocess.run(words, check=True)
        mounted.append(options)
        return where

    yield mount
    if mounted:
        subprocess.run(["umount", str(where)], check=True)


def right(machine: Machine, root: Path) -> None:
    said = machine.ok("test", cwd=root)
    assert "checked wheel" in said
    assert "checked sdist" in said
    assert machine.ok("store", "verify", cwd=root).endswith("0 findings\n")


@pytest.mark.parametrize("kilobytes", [50, 100, 150, 200, 250, 300])
def test_a_full_home_fails_clearly_and_the_next_run_is_right(
    machine: Machine, spam, disk, tmp_path: Path, kilobytes: int
) -> None:
    root = spam(tmp_path / "spam")
    machine.environ["STEAD_HOME"] = str(disk(f"size={kilobytes}k") / "home")
    done = machine.run("test", "-p", "2", cwd=root)
    said = done.stdout + done.stderr
    assert "a fault in Stead" not in said
    if done.returncode:
        assert done.returncode == 1
        assert "the disk is full" in said or "free some space" in said
    else:
        assert "checked sdist" in said
    disk("size=200m")
    right(machine, root)


def test_what_python_compiled_on_a_full_disk_does_not_stay(
    machine: Machine, spam, disk, tmp_path: Path
) -> None:
    root = spam(tmp_path / "spam")
    home = disk("size=1500k") / "home"
    machine.environ["STEAD_HOME"] = str(home)
    machine.run("test", cwd=root)
    assert not (home / "pycache").exists()
    disk("size=200m")
    right(machine, root)


@pytest.mark.parametrize("kilobytes", [40, 60, 80, 120])
def test_a_full_tree_fails_clearly_and_the_next_run_is_right(
    machine: Machine, spam, disk, kilobytes: int
) -> None:
    root = spam(disk(f"size={kilobytes}k") / "spam")
    done = machine.run("test", "--junit", "report.xml", cwd=root)
    said = done.stdout + done.stderr
    assert "a fault in Stead" not in said
    assert "Traceback" not in said
    if done.returncode:
        assert done.returncode == 1
        assert f"{root}" in said
        assert "the disk is full" in said
    disk("size=200m")
    right(machine, root)


def test_a_tree_that_may_not_be_written_to_is_named(machine: Machine, spam, disk) -> None:
    root = spam(disk("size=10m") / "spam")
    disk("ro")
    done = machine.run("test", "-e", "wheel", cwd=root)
    assert done.returncode == 1
    assert f"{root}/.tox" in done.stdout
    assert "the file system is read-only" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    disk("rw")
    right(machine, root)

"""A path that stands in for one of pathlib is taken for one."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from stead.values.paths import Directory

HERE = Directory("/a/b c")


def test_it_is_the_path_that_pathlib_has():
    real = Path("/a/b c")
    assert real == HERE
    assert real == HERE
    assert Directory("/a/b c") == HERE
    assert hash(HERE) == hash(real)
    assert (str(HERE), repr(HERE), f"{HERE}", os.fspath(HERE)) == (
        str(real), repr(real), f"{real}", os.fspath(real),
    )  # fmt: skip
    assert HERE != "/a/b c"
    assert Path("/a") != HERE
    assert {HERE: 1}[real] == 1
    assert sorted([Path("/b"), HERE, Path("/a")]) == [Path("/a"), real, Path("/b")]


@pytest.mark.parametrize("name", ["c", "c.json", "c/d", "/e", Path("x/y"), Directory("/z")])
def test_names_are_joined_as_pathlib_does(name):
    assert str(HERE / name) == str(Path("/a/b c") / name)
    assert (HERE / name).name == (Path("/a/b c") / name).name


def test_whatever_a_path_can_do_it_can(tmp_path):
    here = Directory(str(tmp_path))
    (here / "one").mkdir()
    (here / "one" / "file.txt").write_text("text")
    assert [p.name for p in here.glob("*/*.txt")] == ["file.txt"]
    assert (here / "one").is_dir()
    assert (here / "one").parent == tmp_path
    assert Path(here / "one", "file.txt").relative_to(here) == Path("one/file.txt")
    with open(here / "one" / "file.txt") as file:
        assert file.read() == "text"
    with pytest.raises(AttributeError):
        _ = here.nothing_like_it


@pytest.mark.parametrize(
    "made", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_a_copy_is_the_same_path(made):
    assert made(HERE) == HERE


def test_joining_names_loads_nothing():
    code = (
        "import os, sys; before = set(sys.modules); from stead.values.paths import Directory; "
        "os.stat(Directory('/') / '.'); print('pathlib' in set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

"""The directory for a project's own Python, and the descriptions of places."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stead.store.atomic import remove_tree
from stead.store.runtime import keep_description, runtime_directory
from stead.values.errors import StoreError


@pytest.fixture
def home(tmp_path):
    made = tmp_path / "home"
    yield made
    remove_tree(made)


def test_it_is_laid_down_once_and_holds_nothing_but_project(home):
    first = runtime_directory(home)
    seen = os.stat(first).st_mtime_ns
    assert runtime_directory(home) == first
    assert os.stat(first).st_mtime_ns == seen
    assert sorted(os.listdir(first)) == ["stead"]
    assert sorted(os.listdir(f"{first}/stead")) == ["__init__.py", "project.py", "py.typed"]
    assert os.listdir(home / "scratch") == []


def test_many_at_once_give_one_whole_directory(home):
    with ThreadPoolExecutor(8) as pool:
        given = set(pool.map(lambda _: runtime_directory(home), range(16)))
    assert len(given) == 1
    assert os.listdir(home / "runtime") == [os.path.basename(given.pop())]
    assert os.listdir(home / "scratch") == []


@pytest.mark.parametrize("damage", ["removed", "changed", "emptied"])
def test_damage_is_mended(home, damage):
    directory = runtime_directory(home)
    file = Path(directory, "stead", "project.py")
    whole = file.read_bytes()
    if damage == "changed":
        file.chmod(0o644)
        file.write_bytes(b"raise SystemExit")
    elif damage == "removed":
        file.unlink()
    else:
        remove_tree(os.path.join(directory, "stead"))
    assert runtime_directory(home) == directory
    assert file.read_bytes() == whole


def test_a_description_is_private_and_named_by_its_content(home):
    one = keep_description(home, "/w/p", "dev", '{"a": 1}')
    assert keep_description(home, "/w/p", "dev", '{"a": 1}') == one
    two = keep_description(home, "/w/p", "dev", '{"a": 2}')
    assert one != two
    assert Path(one).read_text() == '{"a": 1}'
    assert Path(two).read_text() == '{"a": 2}'
    assert stat.S_IMODE(os.stat(one).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(one)).st_mode) == 0o700
    assert keep_description(home, "/w/p", "prod", '{"a": 1}') != one


def test_a_damaged_description_is_written_anew(home):
    path = Path(keep_description(home, "/w/p", "dev", "{}"))
    path.write_text("x")
    assert keep_description(home, "/w/p", "dev", "{}") == str(path)
    assert path.read_text() == "{}"


def test_those_that_nobody_was_given_for_a_month_go(home):
    old = keep_description(home, "/w/p", "dev", "1")
    recent = keep_description(home, "/w/p", "dev", "2")
    now = os.stat(recent).st_mtime
    os.utime(old, (now - 31 * 86400,) * 2)
    os.utime(recent, (now - 29 * 86400,) * 2)
    current = keep_description(home, "/w/p", "dev", "3")
    assert not os.path.exists(old)
    assert os.path.exists(recent)
    assert os.path.exists(current)


def test_a_home_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError) as caught:
        runtime_directory(blocked)
    assert str(blocked) in str(caught.value)
    with pytest.raises(StoreError):
        keep_description(blocked, "/w/p", "dev", "{}")

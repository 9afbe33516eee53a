"""Private directories: who may enter, and what is left of them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from stead.store.private import private_directory, private_root, sweep, wipe
from stead.values.errors import StoreError


def mode(path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_it_is_for_its_user_alone_and_gone_afterwards(tmp_path):
    home = tmp_path / "stead"
    with private_directory(home, {}, "edit") as path:
        assert path.startswith(str(home / "private"))
        assert mode(path) == mode(home / "private") == 0o700
        with open(os.path.join(path, "x"), "w", encoding="utf-8") as file:
            file.write("hunter2")
        os.makedirs(os.path.join(path, "a", "b"))
    assert list((home / "private").iterdir()) == []


def test_it_is_removed_when_something_is_raised(tmp_path):
    with pytest.raises(KeyboardInterrupt), private_directory(tmp_path, {}, "edit"):
        raise KeyboardInterrupt
    assert list((tmp_path / "private").iterdir()) == []


def test_the_sessions_runtime_directory_is_taken_if_it_is_private(tmp_path):
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environ = {"XDG_RUNTIME_DIR": str(runtime)}
    assert private_root(tmp_path / "stead", environ) == str(runtime / "stead")
    runtime.chmod(0o750)
    assert private_root(tmp_path / "stead", environ) == str(tmp_path / "stead" / "private")
    for other in ("", "relative", str(tmp_path / "none")):
        root = private_root(tmp_path / "stead", {"XDG_RUNTIME_DIR": other})
        assert root == str(tmp_path / "stead" / "private")


def test_rights_that_are_too_wide_are_taken_back(tmp_path):
    (tmp_path / "private").mkdir(mode=0o755)
    private_root(tmp_path, {})
    assert mode(tmp_path / "private") == 0o700


def test_a_link_in_its_place_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "private").symlink_to("elsewhere")
    with pytest.raises(StoreError, match="not one of yours alone"):
        private_root(tmp_path, {})


def test_what_the_dead_left_is_swept_and_the_living_keep_theirs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], check=True, stdout=-1
    )
    dead = tmp_path / f"edit-{int(done.stdout)}-abc"
    living = tmp_path / f"edit-{os.getpid()}-abc"
    other = tmp_path / "notes"
    for path in (dead, living, other):
        path.mkdir()
    sweep(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted([living.name, other.name])
    sweep(str(tmp_path / "none"))


def test_files_are_overwritten_and_links_are_not_followed(tmp_path):
    keep = tmp_path / "keep"
    keep.write_text("mine", encoding="utf-8")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(keep)
    (tree / "secret").write_text("hunter2", encoding="utf-8")
    (tree / "locked").write_text("hunter2", encoding="utf-8")
    (tree / "locked").chmod(0)
    os.link(keep, tree / "hard")
    with (tree / "secret").open("rb") as still_open:
        wipe(str(tree))
        assert still_open.read() == bytes(7)
    assert not tree.exists()
    assert keep.read_text(encoding="utf-8") == "mine"

"""Which lock counts, and which is refused."""

from __future__ import annotations

import os

import pytest

from stead.pipeline import lockfile
from stead.values.errors import LockError
from stead.values.lock import Lock, LockedEnvironment


def place_lock(root, place: str = ".") -> str:
    path = os.path.join(root, "stead.lock")
    held = Lock((LockedEnvironment(place, "default", "linux-64", ("pypi six",)),))
    with open(path, "wb") as file:
        file.write(lockfile.write(held))
    return path


def test_absent_lock_is_empty(tmp_path):
    assert lockfile.read(str(tmp_path / "stead.lock")) == Lock()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_lock_of_another_user_is_refused(tmp_path):
    path = place_lock(tmp_path)
    os.chown(path, 12345, 12345)
    for read in (lockfile.read, lockfile.read_to_build_on):
        with pytest.raises(LockError, match="another user"):
            read(path)


@pytest.mark.parametrize("target", ["../elsewhere", "/tmp/elsewhere", "sub/elsewhere"])
def test_lock_that_is_a_link_out_of_its_directory_is_refused(tmp_path, target):
    """A dangling one would make a file wherever it points."""
    path = tmp_path / "place" / "stead.lock"
    path.parent.mkdir()
    path.symlink_to(target)
    for read in (lockfile.read, lockfile.read_to_build_on):
        with pytest.raises(LockError, match="link"):
            read(str(path))


def test_directory_and_pipe_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "b")
    for name in "ab":
        with pytest.raises(LockError):
            lockfile.read(str(tmp_path / name))


def test_nonsense_is_refused_but_can_be_locked_anew(tmp_path):
    path = tmp_path / "stead.lock"
    path.write_text("nonsense\n")
    with pytest.raises(LockError):
        lockfile.read(str(path))
    assert lockfile.read_to_build_on(str(path)) == Lock()


def test_lock_of_a_newer_format_is_never_written_over(tmp_path):
    path = tmp_path / "stead.lock"
    path.write_text("version = 99\n")
    with pytest.raises(LockError, match="newer"):
        lockfile.read_to_build_on(str(path))


def test_bare_place_keeps_its_lock_at_home_until_the_tree_has_it(tmp_path):
    root, home = str(tmp_path / "root"), tmp_path / "home"
    place = os.path.join(root, "vendor")
    os.makedirs(place)
    at_home = lockfile.lock_file(root, place, bare=True, home=home)
    assert at_home.startswith(str(home))
    place_lock(root, "other")
    assert lockfile.lock_file(root, place, bare=True, home=home) == at_home
    assert lockfile.lock_file(root, place, bare=False, home=home) == f"{root}/stead.lock"
    place_lock(root, "vendor")
    assert lockfile.lock_file(root, place, bare=True, home=home) == f"{root}/stead.lock"

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING

import pytest

from stead.store import atomic
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_with_its_exact_mode(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    old = os.umask(0o077)
    try:
        atomic.write_file(path, b"one")
        atomic.write_file(path, b"two", 0o664)
    finally:
        os.umask(old)

    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert os.listdir(path.parent) == ["file"]


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"kept")
    link = tmp_path / "link"
    link.symlink_to(target)

    atomic.write_file(link, b"new")

    assert target.read_bytes() == b"kept"
    assert not link.is_symlink()


def test_a_failed_write_leaves_the_old_contents_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    (path / "inside").write_bytes(b"x")

    with pytest.raises(StoreError) as raised:
        atomic.write_file(path, b"new")

    assert str(path) in str(raised.value)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("number", "word", "remedy"),
    [
        (errno.ENOSPC, "full", "gc"),
        (errno.EDQUOT, "quota", "gc"),
        (errno.EACCES, "permission", "STEAD_HOME"),
        (errno.EROFS, "read-only", "STEAD_HOME"),
        (errno.ENAMETOOLONG, "too long", "shorter"),
    ],
)
def test_errors_of_the_file_system_say_what_to_do(number: int, word: str, remedy: str) -> None:
    error = atomic.translate(OSError(number, os.strerror(number)), "/some/path")

    assert word in error.message
    assert remedy in error.remedy
    assert error.where == "/some/path"


@pytest.mark.parametrize("name", ["a", "a/b", "./a", "a//b", "a/./b", "..a/b..", "a/.../b", "ä b"])
def test_names_inside(tmp_path: Path, name: str) -> None:
    path = atomic.inside(tmp_path, name)

    assert os.path.commonpath([path, tmp_path]) == str(tmp_path)
    assert path != tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/",
        "..",
        "../a",
        "a/../../b",
        "a/..",
        "/etc/passwd",
        "a/\0",
        "..\\a",
        "C:/x",
        "c:x",
        "\\\\server\\share",
    ],
)
def test_names_that_lead_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        atomic.inside(tmp_path, name)


def test_a_planted_link_does_not_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    outside = tmp_path / "root-too"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to("real")

    assert atomic.inside(root, "in/file") == root / "in" / "file"
    with pytest.raises(StoreError, match="link"):
        atomic.inside(root, "out/file")


def test_a_tree_becomes_read_only_but_stays_executable(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "d").mkdir(parents=True)
    (tree / "d" / "plain").write_bytes(b"")
    (tree / "program").write_bytes(b"")
    (tree / "program").chmod(0o4755)
    (tree / "closed").write_bytes(b"")
    (tree / "closed").chmod(0o000)
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    (tree / "link").symlink_to(outside)

    atomic.make_read_only(tree)

    modes = {p.name: stat.S_IMODE(p.lstat().st_mode) for p in tree.rglob("*") if not p.is_symlink()}
    assert modes == {"d": 0o555, "plain": 0o444, "program": 0o555, "closed": 0o400}
    assert stat.S_IMODE(outside.stat().st_mode) & 0o200
    atomic.remove_tree(tree)


def test_a_read_only_tree_is_removed_and_its_other_links_keep_their_mode(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"x")
    kept.chmod(0o444)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"")
    tree = tmp_path / "tree"
    (tree / "d" / "e").mkdir(parents=True)
    os.link(kept, tree / "d" / "hard")
    (tree / "d" / "soft").symlink_to(outside)
    atomic.make_read_only(tree)
    tree.chmod(0o000)

    atomic.remove_tree(tree)

    assert not tree.exists()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o444
    assert (outside / "file").exists()
    atomic.remove_tree(tree)


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    top = tmp_path / "tree"
    os.mkdir("tree", dir_fd=here)
    fd = os.open("tree", os.O_RDONLY, dir_fd=here)
    for _ in range(700):
        os.mkdir("directory", dir_fd=fd)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        deeper = os.open("directory", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    os.close(here)

    atomic.remove_tree(top)

    assert os.listdir(tmp_path) == []


def test_a_single_file_and_a_link_are_removed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)

    atomic.remove_tree(link)

    assert target.is_dir()
    assert not link.is_symlink()


@pytest.mark.parametrize("many", [0, 1, 3, 100])
def test_what_is_done_side_by_side_is_all_done(many):
    done = []
    atomic.side_by_side(done.append, range(many))
    assert sorted(done) == list(range(many))


@pytest.mark.parametrize("many", [3, 1000])
def test_after_a_failure_nothing_more_is_begun(many):
    begun = []

    def work(item):
        begun.append(item)
        if item == 2:
            raise ValueError(item)
        time.sleep(0.001)

    with pytest.raises(ValueError, match="2"):
        atomic.side_by_side(work, range(many))
    count = len(begun)
    assert count < 1000
    assert len(begun) == count

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from stead.store.verify import verify
from stead.store.writable import private_copy
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from stead.store.layout import Layout


def test_a_private_copy_is_the_owners_to_write_and_right_where_it_stands(
    layout: Layout, build: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "sub" / "mine"

    done = private_copy(build, copy)

    assert "bin/demo" in done.rewritten
    text = (copy / "bin" / "demo").read_text()
    assert text.endswith(f"print('{copy}')\n")
    assert str(build) not in text
    assert os.readlink(copy / "bin" / "alias") == "demo"
    assert not (copy / ".stead").exists()
    assert os.listdir(copy.parent) == ["mine"]
    for path in [copy, *copy.rglob("*")]:
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) & 0o200, path
    (copy / "lib" / "demo" / "__init__.py").write_text("answer = 43\n")
    (copy / "lib" / "demo" / "new.py").write_text("")
    assert verify(layout) == ()


def test_a_copy_keeps_times_and_modes(build: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mine"

    private_copy(build, copy)

    for name in ("lib/demo/data.bin", "lib/demo/__init__.py"):
        assert (copy / name).stat().st_mtime_ns == (build / name).stat().st_mtime_ns
    assert os.access(copy / "bin" / "demo", os.X_OK)


def test_nothing_is_overwritten(build: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "work").write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")

    for destination in (taken, taken / "work", link):
        with pytest.raises(StoreError, match="not overwritten"):
            private_copy(build, destination)

    assert (taken / "work").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["link", "taken"]


def test_an_empty_directory_is_taken(build: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    private_copy(build, empty)

    assert (empty / "bin" / "demo").exists()


def test_a_copy_that_cannot_be_finished_leaves_nothing(build: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="another directory"):
        private_copy(build, tmp_path / "what's this")

    assert [p.name for p in tmp_path.iterdir()] == ["home"]

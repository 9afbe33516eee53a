from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.store.caches import drop_origins, entries, prune

if TYPE_CHECKING:
    from pathlib import Path

    from stead.store.layout import Layout


def cached(layout: Layout, *parts: str, linked_to: Path | None = None) -> Path:
    """Put an entry with one file into a cache; ``linked_to`` gets a hard link of it."""
    directory = layout.packages.joinpath(*parts)
    (directory / "lib").mkdir(parents=True)
    (directory / "lib" / "file").write_bytes(b"x" * 100)
    if linked_to is not None:
        os.link(directory / "lib" / "file", linked_to)
    return directory


def test_entries_that_no_build_shares_are_pruned(layout: Layout, tmp_path: Path) -> None:
    used = cached(layout, "conda", "pkgs", "used-1-0", linked_to=tmp_path / "a")
    unused = cached(layout, "conda", "pkgs", "unused-1-0")
    for entry in (used, unused):
        for ending in ("lock", "md5", "0123456789abcdef.json"):
            (entry.parent / f"{entry.name}.{ending}").write_bytes(b"")
    wheel = cached(layout, "uv", "archive-v0", "abc", linked_to=tmp_path / "b")
    unused_wheel = cached(layout, "uv", "archive-v0", "def")
    (layout.packages / "uv" / "simple-v16").mkdir()

    would = prune(layout, dry_run=True, note=print)
    assert unused.exists()
    did = prune(layout, dry_run=False, note=print)

    assert would == did == [(str(unused), 100), (str(unused_wheel), 100)]
    assert sorted(os.listdir(used.parent)) == [
        "used-1-0",
        *(f"used-1-0.{ending}" for ending in ("0123456789abcdef.json", "lock", "md5")),
    ]
    assert os.listdir(wheel.parent) == ["abc"]
    assert (layout.packages / "uv" / "simple-v16").is_dir()
    assert os.listdir(layout.store) == []


def test_the_entry_that_a_file_came_from_is_dropped(layout: Layout, tmp_path: Path) -> None:
    bad = cached(layout, "conda", "pkgs", "bad-1-0", linked_to=tmp_path / "a")
    good = cached(layout, "conda", "pkgs", "good-1-0", linked_to=tmp_path / "b")
    info = (tmp_path / "a").stat()

    dropped = drop_origins(layout, {(info.st_dev, info.st_ino)}, print)

    assert dropped == [str(bad)]
    assert list(entries(layout)) == [str(good)]
    assert (tmp_path / "a").exists()


def test_a_home_without_caches_has_no_entries(layout: Layout) -> None:
    assert list(entries(layout)) == []
    assert prune(layout, dry_run=False, note=print) == []

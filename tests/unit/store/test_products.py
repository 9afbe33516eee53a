"""Packages in the store: whole or not there, kept while somebody needs them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.store import locking, products
from stead.store.builds import build_lock, release_leases
from stead.store.gc import collect
from stead.values.suite import Product

if TYPE_CHECKING:
    from stead.store.layout import Layout

KEY = "a" * 20
NOW = 2_000_000_000.0


def made(directory: str) -> Product:
    path = os.path.join(directory, "spam-1.0-py3-none-any.whl")
    Path(path).write_text("content")
    return Product("wheel", "wheel", path, "c0ffee", "spam", "1.0", ("ham",), ">=3", ("py3",))


def realise(layout: Layout, key: str = KEY, make=made) -> Product:
    return products.realise(layout, key, "spam", make, facts={"x": 1}, note=lambda _: None)


def test_what_is_made_is_found_as_it_was(layout: Layout) -> None:
    assert products.find(layout, KEY, "spam") is None
    first = realise(layout)
    found = products.find(layout, KEY, "spam")
    assert found is not None
    assert not first.reused
    assert found.reused
    assert (
        found.path == first.path == str(layout.store / f"{KEY}-spam" / "spam-1.0-py3-none-any.whl")
    )
    assert (found.content, found.requires, found.tags) == ("c0ffee", ("ham",), ("py3",))
    assert not os.access(found.path, os.W_OK) or os.geteuid() == 0
    assert realise(layout).reused


def test_what_stays_where_it_is_is_told_by_its_path(layout: Layout, tmp_path: Path) -> None:
    def tree(directory: str) -> Product:
        Path(directory, "METADATA").write_text("Name: spam\n")
        return Product("tree", "tree", str(tmp_path), "c", "spam", "1")

    assert realise(layout, make=tree).path == str(tmp_path)


def test_a_failure_leaves_nothing(layout: Layout) -> None:
    def broken(directory: str) -> Product:
        made(directory)
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError):
        realise(layout, make=broken)
    assert os.listdir(layout.store) == []
    assert not realise(layout).reused


def test_a_build_that_is_no_package_is_none(layout: Layout) -> None:
    realise(layout)
    meta = layout.store / f"{KEY}-spam" / ".stead" / "build.json"
    held = json.loads(meta.read_text())
    os.chmod(meta, 0o644)
    meta.write_text(json.dumps({**held, "product": {}}))
    assert products.read(layout.store / f"{KEY}-spam") is None


def test_collection_follows_who_needs_it(layout: Layout, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    realise(layout)
    realise(layout, "b" * 20)
    products.use(layout.home, str(place), "wheel by python", [f"{KEY}-spam"], NOW)
    release_leases()
    gone = collect(layout, now=NOW)
    assert [one.name for one in gone.removed] == [f"{'b' * 20}-spam"]
    (kept,) = gone.kept
    assert kept.users == (f"place {place}",)


def test_who_has_needed_nothing_for_a_month_is_forgotten(layout: Layout, tmp_path: Path) -> None:
    place = str(tmp_path)
    products.use(layout.home, place, "old", [f"{KEY}-spam"], NOW)
    products.use(layout.home, place, "current", [f"{KEY}-spam"], NOW)
    directory = Path(products.place_directory(layout.home, place))
    for file in directory.iterdir():
        os.utime(file, (NOW - 31 * 86_400,) * 2)
    products.use(layout.home, place, "current", [f"{KEY}-spam"], NOW)
    products.use(layout.home, place, "new", [f"{KEY}-spam"], NOW)
    users = {json.loads(file.read_text())["user"] for file in directory.iterdir()}
    assert users == {"current", "new"}


def test_a_workshop_is_the_same_for_its_user_and_leaves_nothing(layout: Layout) -> None:
    def note(_: str) -> None:
        pass

    with products.workshop(layout, ["spam", "wheel"], note) as first:
        Path(first, "x").write_text("")
        with products.workshop(layout, ["eggs", "wheel"], note) as other:
            assert other != first
    with products.workshop(layout, ["spam", "wheel"], note) as second:
        assert os.listdir(second) == []
    assert first == second
    assert os.listdir(layout.scratch) == []


def test_what_killed_builders_left_goes_and_what_runs_stays(layout: Layout) -> None:
    for letter in "ab":
        (layout.scratch / f"build-{letter * 20}").mkdir(parents=True)
    running = locking.acquire(build_lock(layout, "b" * 20))
    assert running is not None
    with running:
        assert products.sweep(layout, dry_run=True) == [f"build-{KEY}"]
        assert products.sweep(layout) == [f"build-{KEY}"]
    assert os.listdir(layout.scratch) == [f"build-{'b' * 20}"]

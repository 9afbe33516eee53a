from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from stead.store.builds import Builds, release_leases
from stead.store.gc import collect, exclusive_bytes
from stead.store.places import Record, keep
from stead.store.roots import pin
from stead.values.activation import Activation
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.store.gc import Report
    from stead.store.layout import Layout

NOW = 2_000_000_000.0

Make = "Callable[[int], Path]"


def used(layout: Layout, place: Path, build: Path) -> None:
    activation = Activation(
        place=str(place), root=str(place), environment="default", build=str(build)
    )
    keep(layout.home, Record(activation))


def gone(report: Report, kind: str = "build") -> list[str]:
    return sorted(r.name for r in report.removed if r.kind == kind)


def test_only_what_no_root_reaches_goes(
    layout: Layout, make: Callable[[int], Path], tmp_path: Path
) -> None:
    in_place, pinned, kept, unused = (make(n) for n in range(4))
    place = tmp_path / "place"
    place.mkdir()
    used(layout, place, in_place)
    pin(layout, "p", pinned)

    report = collect(layout, now=NOW, keep={kept.name})

    assert gone(report) == [unused.name]
    assert sorted(os.listdir(layout.store)) == sorted([in_place.name, pinned.name, kept.name])
    users = {k.name: k.users for k in report.kept}
    assert users == {
        in_place.name: (f"place {place}",),
        pinned.name: ("pin p",),
        kept.name: ("asked to be kept",),
    }
    assert report.bytes > 0


def test_a_dry_run_says_the_same_and_removes_nothing(
    layout: Layout, make: Callable[[int], Path]
) -> None:
    builds = [make(n) for n in range(3)]
    (layout.store / ".removed-00").mkdir()
    before = sorted(os.listdir(layout.store))

    said = collect(layout, now=NOW, dry_run=True)
    assert sorted(os.listdir(layout.store)) == before
    done = collect(layout, now=NOW)

    assert said == done
    assert gone(done) == sorted(b.name for b in builds)
    assert os.listdir(layout.store) == []


def test_what_a_living_process_found_stays(layout: Layout, make: Callable[[int], Path]) -> None:
    build = make(1)
    assert Builds(layout).find(build.name[:20], "demo") == build

    report = collect(layout, now=NOW)
    assert gone(report) == []
    assert [k.users for k in report.kept] == [("a running stead",)]

    release_leases()
    assert gone(collect(layout, now=NOW)) == [build.name]


def test_young_builds_stay_if_asked(layout: Layout, make: Callable[[int], Path]) -> None:
    old, young = make(1), make(2)
    os.utime(old / ".stead" / "use", (NOW - 50, NOW - 50))
    os.utime(young / ".stead" / "use", (NOW - 5, NOW - 5))

    assert gone(collect(layout, now=NOW, older_than=10)) == [old.name]


def test_the_record_of_a_missing_place_goes_after_the_grace_and_its_build_with_it(
    layout: Layout, make: Callable[[int], Path], tmp_path: Path
) -> None:
    build = make(1)
    place = tmp_path / "place"
    place.mkdir()
    used(layout, place, build)
    place.rmdir()

    first = collect(layout, now=NOW, grace=100)
    assert first.removed == ()
    assert collect(layout, now=NOW + 99, grace=100).removed == ()
    last = collect(layout, now=NOW + 101, grace=100)

    assert gone(last) == [build.name]
    assert gone(last, "record") == [str(place)]
    assert os.listdir(layout.places / "at") == []
    assert os.listdir(layout.roots / "gone") == []


def test_a_place_that_comes_back_is_forgotten_to_have_been_gone(
    layout: Layout, make: Callable[[int], Path], tmp_path: Path
) -> None:
    build = make(1)
    place = tmp_path / "place"
    used(layout, place, build)
    collect(layout, now=NOW, grace=100)
    place.mkdir()
    collect(layout, now=NOW + 50, grace=100)
    place.rmdir()

    assert collect(layout, now=NOW + 120, grace=100).removed == ()


def test_what_was_computed_from_a_build_goes_with_it(
    layout: Layout, make: Callable[[int], Path]
) -> None:
    kept, unused = make(1), make(2)
    pin(layout, "p", kept)
    compiled = layout.pycache / str(layout.store).lstrip("/")
    layout.activations.mkdir()
    for build in (kept, unused):
        (compiled / build.name / "lib").mkdir(parents=True)
        (layout.activations / f"{build.name}.json").write_text("[]")

    collect(layout, now=NOW)

    assert os.listdir(compiled) == [kept.name]
    assert os.listdir(layout.activations) == [f"{kept.name}.json"]


def test_leftovers_and_builds_set_aside_go(layout: Layout, make: Callable[[int], Path]) -> None:
    build = make(1)
    pin(layout, "p", build)
    for name in (".removed-1", f".tmp-{'b' * 20}-1", f".bad-{'c' * 20}-x-1"):
        (layout.store / name / "d").mkdir(parents=True)

    report = collect(layout, now=NOW)

    assert len(gone(report, "leftover")) == 3
    assert os.listdir(layout.store) == [build.name]


def test_a_directory_that_is_no_build_of_stead_stays(layout: Layout) -> None:
    (layout.store / "my notes").mkdir(parents=True)

    assert collect(layout, now=NOW).removed == ()
    assert os.listdir(layout.store) == ["my notes"]


def test_unreadable_roots_stop_the_collection(layout: Layout, make: Callable[[int], Path]) -> None:
    build = make(1)
    pin(layout, "p", build)
    (file,) = (layout.roots / "pins").iterdir()
    file.write_bytes(b"{")

    with pytest.raises(StoreError):
        collect(layout, now=NOW)

    assert os.listdir(layout.store) == [build.name]


def test_bytes_count_only_what_no_other_link_keeps(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"x" * 1000)
    tree = tmp_path / "tree"
    tree.mkdir()
    os.link(outside, tree / "shared")
    (tree / "own").write_bytes(b"x" * 10)
    os.link(tree / "own", tree / "twice")

    assert exclusive_bytes(tree) == 10
    outside.unlink()
    assert exclusive_bytes(tree) == 1010
    shutil.rmtree(tree)
    assert exclusive_bytes(tree) == 0


def test_what_tests_left_goes_when_their_project_is_gone(layout: Layout, tmp_path: Path) -> None:
    here, gone_one = tmp_path / "here", tmp_path / "gone"
    here.mkdir()
    for name, place in (("a", here), ("b", gone_one), ("fresh", gone_one)):
        (layout.tests / name / "py" / "environment").mkdir(parents=True)
        (layout.tests / name / "place").write_text(str(place))
        age = NOW if name == "fresh" else 1.0
        os.utime(layout.tests / name / "place", (age, age))
    (layout.tests / "of nobody").mkdir()
    assert gone(collect(layout, now=NOW, dry_run=True), "derived") == ["tests/b"]
    assert (layout.tests / "b").exists()
    collect(layout, now=NOW)
    assert sorted(os.listdir(layout.tests)) == ["a", "fresh", "of nobody"]

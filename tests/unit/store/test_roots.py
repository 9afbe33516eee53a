from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stead.store.places import Record, keep
from stead.store.roots import add_link, find_roots, pin, unpin
from stead.values.activation import Activation
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from stead.store.layout import Layout
    from stead.store.roots import Roots


def roots(layout: Layout, *, now: float = 0.0, grace: float = 100.0) -> Roots:
    return find_roots(layout, now=now, grace=grace, processes=False)


def record(layout: Layout, place: Path, build: Path, environment: str = "default") -> None:
    activation = Activation(
        place=str(place), root=str(place), environment=environment, build=str(build)
    )
    keep(layout.home, Record(activation))


def test_an_empty_home_has_no_roots(layout: Layout) -> None:
    assert roots(layout).users == {}


def test_a_place_uses_the_build_of_each_of_its_environments(layout: Layout, tmp_path: Path) -> None:
    place = tmp_path / "a place"
    place.mkdir()
    first, second = layout.build_directory("a" * 20, "x"), layout.build_directory("b" * 20, "x")
    record(layout, place, first)
    record(layout, place, second, "test")

    found = roots(layout)

    assert found.of("a" * 20) == (f"place {place}",)
    assert found.of("b" * 20) == (f"place {place}",)
    assert found.of("c" * 20) == ()


def test_a_former_record_counts_only_while_a_reader_may_have_it(
    layout: Layout, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    record(layout, place, layout.build_directory("a" * 20, "x"))
    record(layout, place, layout.build_directory("b" * 20, "x"))
    (pointer,) = layout.places.rglob("current")
    moved = pointer.lstat().st_mtime

    assert set(roots(layout, now=moved + 1).users) == {"a" * 20, "b" * 20}
    assert set(roots(layout, now=moved + 60).users) == {"b" * 20}


def test_whatever_a_place_keeps_is_looked_into(layout: Layout, tmp_path: Path) -> None:
    """A launcher or a history names builds too."""
    place = tmp_path / "place"
    place.mkdir()
    kept = layout.places / "at" / str(place).lstrip("/") / ".stead@" / "default" / "launchers"
    kept.mkdir(parents=True)
    (kept / "python").write_text(f"exec {layout.store}/{'a' * 20}-x/bin/python")

    assert set(roots(layout).users) == {"a" * 20}


def test_a_place_that_is_gone_counts_for_a_while(layout: Layout, tmp_path: Path) -> None:
    place = tmp_path / "gone"
    record(layout, place, layout.build_directory("a" * 20, "x"))

    found = roots(layout, now=1000.0, grace=100.0)

    assert set(found.users) == {"a" * 20}
    assert [(g.place, g.since) for g in found.gone] == [(str(place), 1000.0)]
    assert roots(layout, now=1000.0, grace=0.0).users == {}


def test_pins_hold_until_they_are_taken_away(layout: Layout) -> None:
    pin(layout, "release 1", layout.build_directory("a" * 20, "x"), "shipped")
    assert roots(layout).of("a" * 20) == ("pin release 1",)

    assert unpin(layout, "release 1")
    assert not unpin(layout, "release 1")
    assert roots(layout).users == {}
    with pytest.raises(StoreError, match="no build"):
        pin(layout, "x", layout.home)


def test_links_hold_while_they_lead_into_the_store(layout: Layout, tmp_path: Path) -> None:
    build = layout.build_directory("a" * 20, "x")
    build.mkdir(parents=True)
    between = tmp_path / ".stead-link"
    between.symlink_to(build)
    link = tmp_path / ".venv"
    link.symlink_to(between)
    add_link(layout, str(link))
    assert roots(layout).of("a" * 20) == (f"link {link}",)

    link.unlink()
    assert roots(layout).users == {}
    link.symlink_to(tmp_path)
    assert roots(layout).users == {}


def test_a_pin_that_cannot_be_read_is_an_error_not_a_missing_root(layout: Layout) -> None:
    pin(layout, "one", layout.build_directory("a" * 20, "x"))
    (file,) = (layout.roots / "pins").iterdir()
    file.write_bytes(b"{")

    with pytest.raises(StoreError, match="cannot be read"):
        roots(layout)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux tells what processes use")
def test_a_running_process_holds_the_build_in_its_environment(layout: Layout, build: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); input()"],
        env={"PATH": f"{build}/bin:/usr/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()

    found = find_roots(layout, now=0, grace=0)
    child.communicate(b"\n")

    assert f"process {child.pid}" in found.of(build.name[:20])
    assert find_roots(layout, now=0, grace=0).of(build.name[:20]) == ()

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from stead.store import locking
from stead.store.builds import Builds, build_lock, lease, release_leases, sweep
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.store.layout import Layout

KEY = "abcdefghij234567abcd"


def something(temporary: Path, final: Path) -> dict[str, object]:
    (temporary / "file").write_text(str(final))
    return {"python": "3.12"}


def never(temporary: Path, final: Path) -> dict[str, object]:
    raise AssertionError("made twice")


def test_a_build_is_made_once_and_then_found(layout: Layout) -> None:
    builds = Builds(layout, now=lambda: 1000.0)
    assert builds.find(KEY, "demo") is None

    path = builds.realise(KEY, "demo", something, print)

    assert path == layout.store / f"{KEY}-demo"
    assert (path / "file").read_text() == str(path)
    assert builds.realise(KEY, "demo", never, print) == path
    assert builds.find(KEY, "demo") == path
    assert builds.all() == [path]
    meta = builds.meta(path)
    assert meta["python"] == "3.12"
    assert (meta["key"], meta["path"], meta["created"]) == (KEY, str(path), 1000.0)
    assert "@" in meta["by"]


def test_a_build_is_found_under_the_name_it_was_made_with(layout: Layout) -> None:
    builds = Builds(layout)
    path = builds.realise(KEY, "first", something, print)

    assert builds.find(KEY, "second") == path
    assert builds.realise(KEY, "second", never, print) == path
    assert builds.find("b" * 20, "first") is None


def test_everything_in_a_build_is_read_only(layout: Layout) -> None:
    def make(temporary: Path, final: Path) -> dict[str, object]:
        (temporary / "d" / "e").mkdir(parents=True)
        (temporary / "d" / "e" / "f").write_text("x")
        (temporary / "run").write_text("x")
        (temporary / "run").chmod(0o775)
        return {}

    path = Builds(layout).realise(KEY, "demo", make, print)

    inside = [p for p in path.rglob("*") if not (p.parent.name == ".stead" and p.name == "use")]
    assert [p for p in [path, *inside] if stat.S_IMODE(p.stat().st_mode) & 0o222] == []
    assert os.access(path / "run", os.X_OK)


def test_a_failed_making_leaves_nothing(layout: Layout) -> None:
    def fail(temporary: Path, final: Path) -> dict[str, object]:
        (temporary / "half").mkdir()
        (temporary / "half" / "file").write_text("x")
        (temporary / "half").chmod(0o555)
        raise KeyboardInterrupt

    builds = Builds(layout)
    with pytest.raises(KeyboardInterrupt):
        builds.realise(KEY, "demo", fail, print)

    assert builds.find(KEY, "demo") is None
    assert os.listdir(layout.store) == []
    assert [n for n in os.listdir(layout.locks) if n != "caches"] == []
    assert builds.realise(KEY, "demo", something, print).exists()


def test_values_that_cannot_be_kept_leave_nothing(layout: Layout) -> None:
    def odd(temporary: Path, final: Path) -> dict[str, object]:
        return {"a": object()}

    with pytest.raises(TypeError):
        Builds(layout).realise(KEY, "demo", odd, print)

    assert os.listdir(layout.store) == []


def test_a_directory_without_metadata_is_no_build_and_gives_way(layout: Layout) -> None:
    stray = layout.store / f"{KEY}-demo"
    stray.mkdir(parents=True)
    (stray / "left").write_text("x")
    builds = Builds(layout)
    assert builds.find(KEY, "demo") is None

    path = builds.realise(KEY, "demo", something, print)

    assert path == stray
    assert not (path / "left").exists()
    assert os.listdir(layout.store) == [path.name]


def test_what_dead_builders_left_is_swept_and_what_living_ones_make_is_not(
    layout: Layout,
) -> None:
    other = "b" * 20
    for name in (f".tmp-{KEY}-00", f".tmp-{other}-00", ".removed-00"):
        (layout.store / name / "d").mkdir(parents=True)
    living = locking.acquire(build_lock(layout, other))
    assert living is not None

    path = Builds(layout).realise(KEY, "demo", something, print)

    assert sorted(os.listdir(layout.store)) == [f".tmp-{other}-00", path.name]
    living.release()
    assert [p.name for p in sweep(layout, dry_run=True)] == [f".tmp-{other}-00"]
    assert [p.name for p in sweep(layout)] == [f".tmp-{other}-00"]
    assert os.listdir(layout.store) == [path.name]


def test_what_is_found_is_kept_from_others_until_it_is_let_go(build: Path, layout: Layout) -> None:
    use = build / ".stead" / "use"

    assert Builds(layout).find(build.name[:20], "demo") == build
    lease(build)
    assert locking.acquire(use, wait=False, create=False) is None

    release_leases()
    lock = locking.acquire(use, wait=False, create=False)
    assert lock is not None
    lock.release()


def test_asking_for_a_build_is_noted(build: Path, layout: Layout) -> None:
    use = build / ".stead" / "use"
    os.utime(use, (1, 1))

    Builds(layout).find(build.name[:20], "demo")

    assert use.stat().st_mtime > 1


def test_a_moved_home_has_its_builds_put_right_not_made_again(
    layout: Layout, make: Callable[[int], Path], tmp_path: Path
) -> None:
    from stead.store.layout import Layout as Other

    old = make(1)
    moved = Other(tmp_path / "another" / "home")
    moved.home.parent.mkdir()
    layout.home.rename(moved.home)
    builds = Builds(moved)
    key = old.name[:20]
    notes: list[str] = []

    assert builds.find(key, "demo") is None
    path = builds.realise(key, "demo", never, notes.append)

    text = (path / "bin" / "demo").read_text()
    assert text.endswith(f"print('{path}')\n")
    assert str(old) not in text
    assert len(notes) == 1
    assert str(old) in notes[0]
    assert builds.find(key, "demo") == path
    assert os.listdir(moved.store) == [path.name]
    moved.home.rename(layout.home)


def test_the_same_store_by_another_name_is_the_same_store(
    layout: Layout, make: Callable[[int], Path], tmp_path: Path
) -> None:
    from stead.store.layout import Layout as Other

    path = make(1)
    (tmp_path / "alias").symlink_to(layout.home)
    other = Other(tmp_path / "alias")

    found = Builds(other).find(path.name[:20], "demo")

    assert found is not None
    assert found.samefile(path)


def test_a_build_from_another_store_is_taken_in(
    layout: Layout, make: Callable[[int], Path], tmp_path: Path
) -> None:
    from stead.store.layout import Layout as Other
    from stead.store.verify import verify

    source = make(1)
    other = Other(tmp_path / "second")

    path = Builds(other).adopt(source, print)

    assert path.name == source.name
    assert (path / "bin" / "demo").read_text().endswith(f"print('{path}')\n")
    assert (source / "bin" / "demo").read_text().endswith(f"print('{source}')\n")
    assert Builds(other).meta(path)["what"] == "demo"
    assert verify(other) == ()
    with pytest.raises(StoreError, match="no build"):
        Builds(other).adopt(tmp_path, print)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"path": 3}'])
def test_damaged_metadata_makes_a_build_invisible(
    build: Path, layout: Layout, damage: bytes
) -> None:
    meta = build / ".stead" / "build.json"
    meta.chmod(0o644)
    meta.write_bytes(damage)

    assert Builds(layout).find(build.name[:20], "demo") is None
    path = Builds(layout).realise(build.name[:20], "demo", something, print)
    assert json.loads((path / ".stead" / "build.json").read_text())["path"] == str(path)


def test_unreadable_metadata_says_what_to_do(build: Path, layout: Layout) -> None:
    (build / ".stead" / "build.json").chmod(0o644)
    (build / ".stead" / "build.json").write_bytes(b"{")

    with pytest.raises(StoreError, match="verify --repair"):
        Builds(layout).meta(build)

from __future__ import annotations

import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from stead.store import journal, locking
from stead.store.journal import read_steadily, recover, replace_together
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from stead.store.layout import Layout


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    manifest, lock = tmp_path / "tree" / "stead.toml", tmp_path / "tree" / "stead.lock"
    manifest.parent.mkdir()
    manifest.write_text("old manifest")
    lock.write_text("old lock")
    return manifest, lock


class Killed(BaseException):
    """Stands for the process's end: nothing that tidies up runs after it."""


def interrupted(
    layout: Layout, contents: dict[str, bytes | None], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replace files, but end before file number ``after`` gets its place."""
    count = 0
    replace = os.replace

    def counting(source: str, target: str) -> None:
        nonlocal count
        if str(target) in contents:
            if count == after:
                raise Killed
            count += 1
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "replace", counting)
        patch.setattr(journal, "_undo", lambda steps: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            replace_together(layout, contents, "add numpy")


def test_files_change_together(layout: Layout, pair: tuple[Path, Path]) -> None:
    manifest, lock = pair
    new = manifest.parent / "sub" / "pointer"

    replace_together(layout, {str(manifest): b"new", str(lock): None, str(new): b"1"}, "why")

    assert manifest.read_bytes() == b"new"
    assert not lock.exists()
    assert new.read_bytes() == b"1"
    assert os.listdir(layout.journal) == []
    assert recover(layout) == []
    assert sorted(os.listdir(manifest.parent)) == ["stead.toml", "sub"]


def test_modes_and_links_stay(layout: Layout, pair: tuple[Path, Path]) -> None:
    manifest, lock = pair
    manifest.chmod(0o600)
    link = manifest.parent / "link.toml"
    link.symlink_to(manifest)

    replace_together(layout, {str(link): b"new", str(lock): b"new"}, "why")

    assert link.is_symlink()
    assert manifest.read_bytes() == b"new"
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o600


def test_a_mode_changes_with_or_without_the_content(
    layout: Layout, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = map(str, pair)
    contents = {one: b"old manifest", other: b"new lock"}
    changed = {one: 0o755, other: 0o700}

    def modes() -> list[int]:
        return [stat.S_IMODE(path.stat().st_mode) for path in pair]

    before = modes()
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_sync", lambda steps: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(StoreError):
            replace_together(layout, contents, "update", chmod=changed)
    assert modes() == before
    assert pair[1].read_bytes() == b"old lock"

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_apply", lambda steps: journal.os.chmod(one, 0o755) or _killed())
        patch.setattr(journal, "_undo", lambda steps: _killed())
        with pytest.raises(Killed):
            replace_together(layout, contents, "update", chmod=changed)
    assert recover(layout)[-1] == "finished an interrupted change: update"
    assert modes() == [0o755, 0o700]
    assert pair[1].read_bytes() == b"new lock"


def _killed() -> None:
    raise Killed


def test_a_users_file_stays_the_users_under_sudo(layout: Layout, pair: tuple[Path, Path]) -> None:
    manifest, lock = pair
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    for path in (manifest.parent, manifest):
        os.chown(path, owner, -1)
    lock.unlink()

    replace_together(layout, {str(manifest): b"new", str(lock): b"new"}, "why")

    assert manifest.stat().st_uid == owner
    assert lock.stat().st_uid == owner


def test_nothing_is_written_over_an_edit_made_meanwhile(
    layout: Layout, pair: tuple[Path, Path]
) -> None:
    manifest, lock = pair

    with pytest.raises(StoreError, match="someone else"):
        replace_together(
            layout,
            {str(lock): b"new", str(manifest): b"new"},
            "why",
            expect={str(manifest): b"as I read it"},
        )

    assert (manifest.read_text(), lock.read_text()) == ("old manifest", "old lock")
    assert recover(layout) == []


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(
    layout: Layout, pair: tuple[Path, Path]
) -> None:
    manifest, _ = pair
    blocked = manifest / "below-a-file"

    with pytest.raises(StoreError):
        replace_together(layout, {str(manifest): b"new", str(blocked): b"x"}, "why")

    assert manifest.read_text() == "old manifest"
    assert sorted(os.listdir(manifest.parent)) == ["stead.lock", "stead.toml"]
    assert os.listdir(layout.journal) == []


def test_what_had_begun_is_finished(
    layout: Layout, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, lock = pair
    interrupted(layout, {str(manifest): b"new", str(lock): b"new lock"}, 1, monkeypatch)
    assert (manifest.read_bytes(), lock.read_bytes()) == (b"new", b"old lock")

    told = recover(layout)

    assert (manifest.read_bytes(), lock.read_bytes()) == (b"new", b"new lock")
    assert told == ["finished an interrupted change: add numpy"]
    assert sorted(os.listdir(manifest.parent)) == ["stead.lock", "stead.toml"]
    assert recover(layout) == []


def test_what_had_not_begun_is_dropped(
    layout: Layout, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, lock = pair
    interrupted(layout, {str(manifest): b"new", str(lock): b"new lock"}, 0, monkeypatch)

    told = recover(layout)

    assert (manifest.read_text(), lock.read_text()) == ("old manifest", "old lock")
    assert told == ["dropped an interrupted change that had not begun: add numpy"]
    assert sorted(os.listdir(manifest.parent)) == ["stead.lock", "stead.toml"]


@pytest.mark.parametrize("after", [0, 1])
def test_an_edit_made_after_the_interruption_is_kept(
    layout: Layout, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    manifest, lock = pair
    interrupted(layout, {str(manifest): b"new", str(lock): b"new lock"}, after, monkeypatch)
    lock.write_text("mine")

    told = recover(layout)

    assert lock.read_text() == "mine"
    assert any(str(lock) in line for line in told) == (after == 1)
    assert recover(layout) == []


def test_the_next_change_finishes_the_one_before(
    layout: Layout, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, lock = pair
    interrupted(layout, {str(manifest): b"new", str(lock): b"new lock"}, 1, monkeypatch)

    replace_together(layout, {str(manifest): b"newer"}, "again")

    assert (manifest.read_bytes(), lock.read_bytes()) == (b"newer", b"new lock")


def test_a_damaged_intent_changes_nothing_and_is_kept_aside(
    layout: Layout, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, lock = pair
    interrupted(layout, {str(manifest): b"new", str(lock): b"new lock"}, 1, monkeypatch)
    (intent,) = layout.journal.iterdir()
    intent.write_bytes(intent.read_bytes().replace(b"b3Jn", b"AAAA").replace(b"add", b"bad"))

    told = recover(layout)

    assert lock.read_text() == "old lock"
    assert str(layout.scratch) in told[0]
    assert recover(layout) == []


def test_a_change_that_changes_nothing_touches_nothing(
    layout: Layout, pair: tuple[Path, Path]
) -> None:
    manifest, _ = pair
    before = manifest.stat()

    replace_together(layout, {str(manifest): b"old manifest"}, "why")

    assert (manifest.stat().st_ino, manifest.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )
    assert not layout.journal.exists() or os.listdir(layout.journal) == []


@pytest.mark.parametrize("finish", [True, False])
def test_what_changes_while_it_is_read_is_read_again(layout, pair, finish):
    seen = []

    def read() -> tuple[str, str]:
        first = pair[0].read_text()
        if not seen:
            replace_together(layout, {str(p): b"new" for p in pair}, "in between")
        seen.append((first, pair[1].read_text()))
        return seen[-1]

    assert read_steadily(layout, read, finish=finish) == ("new", "new")
    assert seen[0] == ("old manifest", "new")


@pytest.mark.parametrize("finish", [True, False])
def test_who_is_overtaken_time_and_again_still_sees_files_that_belong_together(
    layout, pair, finish
):
    times = 100

    def read() -> tuple[str, ...]:
        nonlocal times
        first = pair[0].read_text()
        if times:
            times -= 1
            replace_together(layout, {str(p): b"%d" % times for p in pair}, "again")
        return first, pair[1].read_text()

    assert read_steadily(layout, read, finish=finish) == ("0", "0")


@pytest.mark.parametrize("finish", [True, False])
def test_who_looks_leaves_what_was_interrupted(layout, pair, monkeypatch, finish):
    interrupted(layout, {str(p): b"new" for p in pair}, 1, monkeypatch)

    def read() -> tuple[str, ...]:
        return tuple(p.read_text() for p in pair)

    found = read_steadily(layout, read, finish=finish)
    assert found == (("new", "new") if finish else ("new", "old lock"))
    assert bool(journal.interrupted(layout)) != finish


def test_who_looks_waits_for_a_change_that_is_under_way(layout, pair, monkeypatch):
    """The second file follows once somebody is seen to wait."""
    waits, replace, waiting = threading.Event(), os.replace, locking.acquire

    def late(source: str, target: str) -> None:
        if os.fspath(target) == str(pair[1]):
            assert waits.wait(90)
        replace(source, target)

    def acquire(path, **more):
        if more.get("shared"):
            waits.set()
        return waiting(path, **more)

    monkeypatch.setattr(os, "replace", late)
    monkeypatch.setattr(locking, "acquire", acquire)
    contents = {str(p): b"new" for p in pair}
    with ThreadPoolExecutor(1) as pool:
        change = pool.submit(replace_together, layout, contents, "slow")
        while not (journal.interrupted(layout) and pair[0].read_text() == "new"):
            time.sleep(0.001)
        assert pair[1].read_text() == "old lock"
        found = read_steadily(layout, lambda: [p.read_text() for p in pair], finish=False)
        change.result()
    assert found == ["new", "new"]


def test_directories_that_were_made_for_nothing_go_again(layout, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "file").write_bytes(b"not a directory")
    contents = {
        str(tmp_path / "mine/new/a"): b"a",
        str(tmp_path / "new/deep/b"): b"b",
        str(tmp_path / "file/c"): b"c",
    }
    with pytest.raises(StoreError):
        replace_together(layout, contents, "adding files")
    assert (tmp_path / "mine").is_dir()
    assert not (tmp_path / "mine/new").exists()
    assert not (tmp_path / "new").exists()

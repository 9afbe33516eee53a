"""What was seen once is what sealing finds, whatever has changed in between."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from stead.store import listing
from stead.store.survey import Survey

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = 1_600_000_000_123_456_789


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with old directories, of which one holds only files that may not be changed."""
    root = tmp_path / "tree"
    (root / "a" / "deep").mkdir(parents=True)
    (root / "b").mkdir()
    for name in ("a/one", "a/deep/two", "b/three"):
        (root / name).write_text(name)
        (root / name).chmod(0o444)
    (root / "b" / "link").symlink_to("three")
    age(root)
    return root


def age(root: Path) -> None:
    for directory in (root, root / "a", root / "a" / "deep", root / "b"):
        os.utime(directory, ns=(LONG_AGO, LONG_AGO))


def plain(tree: Path) -> list[listing.Found]:
    return sorted(listing.scan(tree, read_only=True))


def test_gives_sizes_as_lstat_has_them(tree: Path) -> None:
    assert Survey().look(tree) == {"a/one": 5, "a/deep/two": 10, "b/three": 7, "b/link": 5}


def test_closing_gives_what_a_scan_gives(tree: Path) -> None:
    survey = Survey()
    survey.look(tree)
    assert sorted(survey.close(tree)) == plain(tree)
    assert all(not f.mode & 0o222 for f in listing.scan(tree) if f.target is None)


def test_closing_without_a_look_lists_all(tree: Path) -> None:
    assert sorted(Survey().close(tree)) == plain(tree)


def test_does_not_list_again_what_is_as_it_was(tree: Path) -> None:
    survey = Survey()
    survey.look(tree)
    (tree / "a" / "unseen").write_text("")
    age(tree)  # as if nothing had come: so what was seen is what is given
    assert "a/unseen" not in {f.path for f in survey.close(tree)}


@pytest.mark.parametrize("change", ["replaced", "added", "removed", "directory"])
def test_sees_what_has_changed_since(tree: Path, change: str) -> None:
    survey = Survey()
    survey.look(tree)
    if change == "replaced":
        (tree / "new").write_text("longer than before")
        (tree / "new").replace(tree / "a" / "one")
    elif change == "added":
        (tree / "a" / "deep" / "more").write_text("more")
    elif change == "removed":
        (tree / "b" / "three").unlink()
    else:
        (tree / "c" / "d").mkdir(parents=True)
        (tree / "c" / "d" / "file").write_text("x")
    assert sorted(survey.close(tree)) == plain(tree)


def test_trusts_no_time_that_a_change_could_leave_as_it_is(tree: Path) -> None:
    # Of this very moment or later: the next change may bear the same time.
    soon = time.time_ns() // 10**9 * 10**9 + 3_600_123_456_789
    os.utime(tree / "a" / "deep", ns=(soon, soon))
    survey = Survey()
    survey.look(tree)
    (tree / "a" / "deep" / "later").write_text("2")
    os.utime(tree / "a" / "deep", ns=(soon, soon))
    assert "a/deep/later" in {f.path for f in survey.close(tree)}


def test_trusts_no_time_of_whole_seconds(tree: Path) -> None:
    whole = LONG_AGO // 10**9 * 10**9
    os.utime(tree / "b", ns=(whole, whole))
    survey = Survey()
    survey.look(tree)
    (tree / "b" / "later").write_text("2")
    os.utime(tree / "b", ns=(whole, whole))
    assert "b/later" in {f.path for f in survey.close(tree)}


def test_takes_rights_that_files_still_have(tree: Path) -> None:
    (tree / "a" / "one").chmod(0o4755)
    age(tree)
    survey = Survey()
    survey.look(tree)
    modes = {f.path: f.mode & 0o7777 for f in survey.close(tree)}
    assert modes["a/one"] == 0o555
    assert (tree / "a" / "one").stat().st_mode & 0o7777 == 0o555


def test_hashes_what_is_not_as_long_as_vouched_for(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 0)
    survey = Survey()
    survey.look(tree)
    survey.vouch("x.dist-info/RECORD", {"a/one": 5, "a/deep/two": 99, "b/three": -1})
    details = {e[0]: e[4] for e in listing.seal(tree, survey).all()}
    assert details["a/one"] is None
    assert details["a/deep/two"] is not None
    assert details["b/three"] is None


def told(
    tree: Path, *directories: str
) -> dict[str, list[tuple[list[str], list[int], list[int], list[int]]]]:
    """Tell a survey's user what is in some directories, as they stand."""
    files = [f for f in listing.scan(tree) if (tree / f.path).is_file()]
    inside = {d: [f for f in files if os.path.dirname(f.path) == d] for d in directories}
    return {
        directory: [
            (
                [os.path.basename(f.path) for f in found],
                [f.mode for f in found],
                [f.size for f in found],
                [f.mtime_ns for f in found],
            )
        ]
        for directory, found in inside.items()
    }


def test_what_was_told_is_kept_as_if_it_had_been_seen(tree: Path) -> None:
    survey = Survey()
    survey.tell(tree, ["a", "a/deep"], told(tree, "a", "a/deep"))
    entries = listing.seal(tree, survey).all()
    assert survey.linked
    again = {e[0]: e[:4] for e in listing.seal(tree).all()}
    assert {e[0]: e[:4] for e in entries} == again
    assert [e[4] for e in entries if e[0] == "a/one"] == [None]
    assert all(not f.mode & 0o222 for f in listing.scan(tree) if f.target is None)


def test_what_was_told_is_looked_at_again_where_a_directory_has_changed(tree: Path) -> None:
    survey = Survey()
    survey.tell(tree, ["a", "a/deep"], told(tree, "a", "a/deep"))
    (tree / "a" / "later").write_text("x")
    details = {e[0]: e[4] for e in listing.seal(tree, survey).all()}
    assert details["a/later"] is not None
    assert details["a/one"] is not None
    assert details["a/deep/two"] is None


def test_a_directory_that_nothing_was_told_of_is_looked_at(tree: Path) -> None:
    survey = Survey()
    survey.tell(tree, ["a", "a/deep"], told(tree, "a"))
    details = {e[0]: e[4] for e in listing.seal(tree, survey).all()}
    assert details["a/one"] is None
    assert details["a/deep/two"] is not None

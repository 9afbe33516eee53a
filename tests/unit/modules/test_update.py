from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from stead.modules import record, update
from stead.store.layout import Layout
from stead.values.errors import StoreError
from stead.values.item import Came, ItemFile

if TYPE_CHECKING:
    from pathlib import Path


class Module:
    """A module in a directory, and versions of its item."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self.layout = Layout(home)

    def write(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            file = self.directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def add(self, *files: ItemFile, version: str = "1") -> None:
        made = record.made(_came(version), (), files)
        self.write({file.path: file.content for file in files})
        for file in files:
            (self.directory / file.path).chmod(0o755 if file.executable else 0o644)
        self.write(record.files(made, files))

    def plan(self, *files: ItemFile, version: str = "2", prune: bool = False) -> update.Plan:
        held = record.read(str(self.directory))
        assert held is not None
        wanted = record.made(_came(version), (), files)
        return update.plan(str(self.directory), held, wanted, files, prune=prune)

    def update(self, *files: ItemFile, version: str = "2", prune: bool = False) -> dict[str, str]:
        plan = self.plan(*files, version=version, prune=prune)
        update.apply([plan], self.layout, "update")
        assert record.read(str(self.directory)) == plan.record
        return {d.path: d.action for d in plan.decisions if d.action != "same"}

    def read(self) -> dict[str, bytes]:
        return {
            str(p.relative_to(self.directory)): p.read_bytes()
            for p in sorted(self.directory.rglob("*"))
            if p.is_file() and ".stead-module" not in p.parts
        }

    @property
    def record(self):
        return record.read(str(self.directory))


def _came(version: str) -> Came:
    return Came("team", "../registry", "", "a", version, record.digest(version.encode()))


def _file(path: str, content: bytes = b"one\n", executable: bool = False) -> ItemFile:
    return ItemFile(path, content, executable)


@pytest.fixture
def module(tmp_path: Path) -> Module:
    return Module(tmp_path / "modules" / "a", tmp_path / "home")


def test_the_whole_table_in_one_update(module: Module) -> None:
    same = [_file(n) for n in ("replaced", "kept", "merged", "gone", "dropped", "own")]
    module.add(*same, _file("both.toml", b"a = 1\n"), _file("text", b"a\n"))
    module.write(
        {"kept": b"mine\n", "merged": b"one\nmine\n", "own": b"mine\n", "added": b"mine\n"}
    )
    module.write({"both.toml": b"a = 2\n", "text": b"b\n", "alone": b"untouched\n"})
    (module.directory / "gone").unlink()
    assert module.update(
        _file("replaced", b"two\n"),
        _file("kept"),
        _file("merged", b"two\none\n"),
        _file("gone", b"two\n"),
        _file("both.toml", b"a = 3\n"),
        _file("text", b"c\n"),
        _file("added", b"theirs\n"),
        _file("new", b"new\n", executable=True),
    ) == {
        "replaced": "replaced",
        "kept": "kept",
        "merged": "merged",
        "gone": "deleted",
        "dropped": "dropped",
        "own": "own",
        "both.toml": "conflict",
        "text": "conflict",
        "added": "conflict",
        "new": "added",
    }
    assert module.read() == {
        "replaced": b"two\n",
        "kept": b"mine\n",
        "merged": b"two\none\nmine\n",
        "dropped": b"one\n",
        "own": b"mine\n",
        "both.toml": b"a = 2\n",
        "both.toml.upstream": b"a = 3\n",
        "text": b"<<<<<<< yours\nb\n=======\nc\n>>>>>>> a 2\n",
        "added": b"mine\n",
        "added.upstream": b"theirs\n",
        "alone": b"untouched\n",
        "new": b"new\n",
    }
    assert stat.S_IMODE((module.directory / "new").stat().st_mode) == 0o755
    held = module.record
    assert held.came.version == "1"
    assert held.pending.came.version == "2"
    assert [c.path for c in held.conflicts] == ["added", "both.toml", "text"]


def test_the_record_moves_when_all_conflicts_are_settled(module: Module) -> None:
    module.add(_file("a.toml", b"a = 1\n"), _file("text", b"a\n"))
    module.write({"a.toml": b"a = 2\n", "text": b"b\n"})
    theirs = (_file("a.toml", b"a = 3\n"), _file("text", b"c\n"))
    module.update(*theirs)
    directory = str(module.directory)
    left = ["a.toml", "text"]
    for path, settle in (("a.toml.upstream", None), ("text", b"b\nc\n")):
        with pytest.raises(StoreError) as caught:
            update.move(directory, module.record)
        assert [line.partition(":")[0] for line in caught.value.details] == left
        left.pop(0)
        if settle is None:
            (module.directory / path).unlink()
        else:
            (module.directory / path).write_bytes(settle)
    before = module.read()
    update.apply([update.move(directory, module.record)], module.layout, "settled")
    assert module.read() == before
    assert module.record == record.made(_came("2"), (), theirs)
    assert record.needless(directory, module.record) == ()
    assert record.bases(directory, module.record).damaged == ()
    # and the next one merges from there
    next_one = (_file("a.toml", b"a = 3\n"), _file("text", b"c\nd\n"))
    assert module.update(*next_one, version="3") == {"a.toml": "kept", "text": "merged"}


def test_a_settled_update_goes_on_to_the_next_version(module: Module) -> None:
    module.add(_file("a.toml", b"a = 1\n"))
    module.write({"a.toml": b"a = 2\n"})
    module.update(_file("a.toml", b"a = 3\n"))
    (module.directory / "a.toml.upstream").unlink()
    assert module.update(_file("a.toml", b"a = 3\nb = 1\n"), version="3") == {"a.toml": "merged"}
    assert module.read() == {"a.toml": b"a = 2\nb = 1\n"}
    assert module.record.pending is None


def test_a_plan_changes_nothing_and_an_update_to_the_same_neither(module: Module) -> None:
    files = (_file("a"), _file("b", b"#!\n", executable=True), _file("empty", b""))
    module.add(*files)
    before = {p: p.stat().st_mtime_ns for p in module.directory.rglob("*")}
    assert module.plan(_file("a", b"two\n")).changes
    assert not module.plan(*files, version="1").changes
    module.update(*files, version="1")
    assert {p: p.stat().st_mtime_ns for p in module.directory.rglob("*")} == before


def test_what_was_said_to_git_beside_the_record_stays(module: Module) -> None:
    module.add(_file("a"))
    attributes = module.directory / ".stead-module" / ".gitattributes"
    attributes.write_bytes(attributes.read_bytes() + b"mine\n")
    module.update(_file("a", b"two\n"))
    assert attributes.read_bytes().endswith(b"mine\n")
    attributes.unlink()
    module.update(_file("a", b"three\n"), version="3")
    assert b"-text" in attributes.read_bytes()


def test_what_upstream_dropped_can_be_removed_later(module: Module) -> None:
    module.add(_file("a"), _file("b", executable=True), _file("c"))
    assert module.update(_file("a", b"two\n")) == {"a": "replaced", "b": "dropped", "c": "dropped"}
    module.write({"c": b"mine\n"})
    assert module.update(_file("a", b"two\n"), prune=True) == {"b": "removed"}
    assert module.read() == {"a": b"two\n", "c": b"mine\n"}
    assert module.record.dropped == ()


def test_directories_that_are_left_empty_go_too(module: Module) -> None:
    module.add(_file("a"), _file("x/y/b"), _file("x/c"))
    module.write({"x/own": b"mine\n"})
    module.update(_file("a"), prune=True)
    assert sorted(p.name for p in (module.directory / "x").iterdir()) == ["own"]


def test_what_upstream_dropped_and_has_again(module: Module) -> None:
    module.add(_file("a"), _file("b"), _file("c"))
    module.update()
    module.write({"b": b"mine\n"})
    again = (_file("a", b"two\n"), _file("b", b"two\n"), _file("c"))
    assert module.update(*again, version="3") == {"a": "replaced", "b": "conflict"}


def test_a_name_beside_is_never_taken_from_anyone(module: Module) -> None:
    module.add(_file("a.toml", b"a = 1\n"))
    module.write({"a.toml": b"a = 2\n", "a.toml.upstream": b"my own\n"})
    module.update(_file("a.toml", b"a = 3\n"), _file("a.toml.upstream2", b"theirs\n"))
    assert module.read() == {
        "a.toml": b"a = 2\n",
        "a.toml.upstream": b"my own\n",
        "a.toml.upstream2": b"theirs\n",
        "a.toml.upstream3": b"a = 3\n",
    }
    assert [c.beside for c in module.record.conflicts] == ["a.toml.upstream3"]


def test_links_and_what_stands_in_the_way_are_never_written_through(
    module: Module, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"one\n")
    module.add(_file("link"), _file("dir/x"), _file("pipe"))
    for path in ("link", "dir/x", "pipe"):
        (module.directory / path).unlink()
    (module.directory / "dir").rmdir()
    (module.directory / "link").symlink_to(outside / "x")
    (module.directory / "dir").symlink_to(outside)
    os.mkfifo(module.directory / "pipe")
    module.write({"new": b"a file\n"})
    found = module.update(
        _file("link", b"two\n"),
        _file("dir/x", b"two\n"),
        _file("new/y", b"two\n"),
        _file("pipe", b"two\n"),
    )
    assert set(found.values()) == {"conflict"}
    assert (outside / "x").read_bytes() == b"one\n"
    assert sorted(os.listdir(outside)) == ["x"]
    assert [c.beside for c in module.record.conflicts] == [
        "dir.upstream/x",
        "link.upstream",
        "new.upstream/y",
        "pipe.upstream",
    ]
    assert (module.directory / "new.upstream" / "y").read_bytes() == b"two\n"


def test_modes_change_and_stay(module: Module) -> None:
    module.add(_file("a"), _file("b"), _file("c", b"#!\n", executable=True))
    (module.directory / "b").chmod(0o750)
    (module.directory / "a").chmod(0o640)
    module.update(_file("a", executable=True), _file("b", b"two\n"), _file("c", b"#!x\n"))
    modes = {n: stat.S_IMODE((module.directory / n).stat().st_mode) for n in "abc"}
    assert modes == {"a": 0o750, "b": 0o750, "c": 0o644}


def test_copies_that_were_harmed_are_found_again_or_nothing_is_overwritten(module: Module) -> None:
    files = [
        _file(n, n.encode() + b"\n") for n in ("unchanged", "as upstream", "lost", "lost same")
    ]
    module.add(*files)
    module.write({"as upstream": b"mine\n", "lost": b"mine\n", "lost same": b"mine\n"})
    for copy in (module.directory / ".stead-module" / "base").iterdir():
        copy.write_bytes(copy.read_bytes().replace(b"\n", b"\r\n"))
    plan = module.plan(
        _file("unchanged", b"two\n"),
        _file("as upstream", b"as upstream\n"),
        _file("lost", b"two\n"),
        _file("lost same", b"mine\n"),
    )
    assert plan.damaged == ("as upstream", "lost", "lost same", "unchanged")
    assert {d.path: d.action for d in plan.decisions} == {
        "unchanged": "replaced",
        "as upstream": "kept",
        "lost": "conflict",
        "lost same": "same",
    }
    update.apply([plan], module.layout, "update")
    assert module.read()["lost"] == b"mine\n"
    assert module.read()["lost.upstream"] == b"two\n"
    (module.directory / "lost.upstream").unlink()
    update.apply([update.move(str(module.directory), module.record)], module.layout, "settled")
    assert record.bases(str(module.directory), module.record).damaged == ()


TEXT = b"".join(b"line %d\n" % n for n in range(9))


@pytest.mark.parametrize("prune", [False, True])
def test_renames_are_told_and_move_nothing(module: Module, *, prune: bool) -> None:
    """What shares most of its lines with a file that went may be another one all the same."""
    module.add(_file("old.py", TEXT), _file("edited.py", TEXT + b"more\n"))
    edited = TEXT.replace(b"line 5", b"mine 5") + b"more\n"
    module.write({"edited.py": edited})
    new, came = TEXT.replace(b"line 5", b"line five"), TEXT + b"more\nand more\n"
    plan = module.plan(_file("new.py", new), _file("came.py", came), prune=prune)
    assert {d.path: (d.action, d.note) for d in plan.decisions} == {
        "came.py": ("added", "it was edited.py"),
        "edited.py": ("own", "upstream renamed it to came.py: your changes are here alone"),
        "new.py": ("added", "it was old.py"),
        "old.py": ("removed", "upstream renamed it to new.py")
        if prune
        else ("dropped", "upstream renamed it to new.py; --prune removes it"),
    }
    update.apply([plan], module.layout, "update")
    kept = {} if prune else {"old.py": TEXT}
    assert module.read() == {"new.py": new, "came.py": came, "edited.py": edited, **kept}


def test_what_was_removed_stays_away_under_its_old_name(module: Module) -> None:
    module.add(_file("old.py", TEXT))
    (module.directory / "old.py").unlink()
    plan = module.plan(_file("new.py", TEXT))
    assert {d.path: (d.action, d.note) for d in plan.decisions} == {
        "new.py": ("added", "upstream renamed old.py to it, which you removed"),
        "old.py": ("deleted", ""),
    }


def test_what_has_little_in_common_is_no_rename(module: Module) -> None:
    module.add(_file("old.py", TEXT), _file("empty.py", b""), _file("b.bin", b"\0" + TEXT))
    other = b"".join(b"other %d\n" % n for n in range(6)) + TEXT[: len(TEXT) // 3]
    plan = module.plan(
        _file("new.py", other), _file("empty2.py", b""), _file("c.bin", b"\0" + TEXT + b"x")
    )
    assert {d.action for d in plan.decisions} == {"dropped", "added"}


def test_a_record_that_another_command_moved_meanwhile_is_noticed(module: Module) -> None:
    module.add(_file("a"))
    held = module.record
    module.update(_file("a", b"two\n"))
    wanted = record.made(_came("3"), (), ())
    with pytest.raises(StoreError, match="meanwhile"):
        update.plan(str(module.directory), held, wanted, ())


def test_an_edit_made_meanwhile_stops_everything(module: Module) -> None:
    module.add(_file("a"), _file("b"))
    plan = module.plan(_file("a", b"two\n"), _file("b", b"two\n"))
    module.write({"b": b"mine\n"})
    with pytest.raises(StoreError, match="meanwhile"):
        update.apply([plan], module.layout, "update")
    assert module.read() == {"a": b"one\n", "b": b"mine\n"}
    assert module.record.came.version == "1"

"""Packs and records that a store lost, written again from a real repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.history import refs
from stead.history.git import repository_of
from stead.history.restore import numbers, page, restore
from stead.store import generations
from stead.store.generations import History
from stead.testing.world import make_context, recorder
from stead.values.generation import Generation

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 230
ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "LC_ALL": "C.UTF-8",
}


def text(number: int) -> bytes:
    same = "".join(f'NAME_{n} = "value {n}"\n' for n in range(30))
    return f"[vars]\n{same}LEVEL = {number}\n".encode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "a place"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


@pytest.fixture
def history(tmp_path: Path, place: Path) -> History:
    """A history of three packs' length, of which git has all."""
    history = History(tmp_path / "home", str(place), "default")
    for _ in range(COUNT):
        append(history)
    context = make_context(tmp_path / "home", environ=ENVIRON)
    repository = repository_of(str(place))
    assert repository is not None
    refs.catch_up(repository, context)
    assert recorder(context).notes == []
    return History(history.home, history.place, "default")


def append(history: History) -> Generation:
    def make(_: Generation | None, number: int):
        made = Generation(
            number=number,
            time=1.7e9 + number,
            who="ann@box",
            place=history.place,
            environment="default",
            platform="linux-64",
            command=("set", "LEVEL"),
            files={"stead.toml": hashlib.sha256(text(number)).hexdigest()},
            variables={"LEVEL": str(number), "SAME": "x" * 40},
            at=number,
            base=number,
            parent=number - 1,
        )
        return made, {"stead.toml": text(number), "@absent": b"stead.lock\nsetup.py"}

    made = history.append(make)
    assert made is not None
    return made


def lines(history: History) -> dict[int, bytes]:
    """Every generation as it can be read: its record, its manifest, what was absent."""
    fresh = History(history.home, history.place, "default")
    return {
        g.number: repr((g, fresh.text(g, "stead.toml"), sorted(fresh.absent(g)))).encode()
        for n in fresh.numbers()
        if (g := fresh.find(n)) is not None and fresh.whole(n)
    }


def packs(history: History) -> list[str]:
    return sorted(n for n in os.listdir(history.directory) if n.endswith(".pack"))


def remove(path: str) -> None:
    os.unlink(path)


def empty(path: str) -> None:
    with open(path, "wb"):
        pass


def scratch(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(os.fstat(file.fileno()).st_size // 2)
        file.write(b"\0" * 400)


@pytest.mark.parametrize("harm", [remove, empty, scratch])
@pytest.mark.parametrize("which", [0, 1])
def test_a_pack_that_is_harmed_costs_nothing_else_and_comes_back(history, harm, which):
    whole = lines(history)
    assert len(whole) == COUNT
    assert packs(history) == ["1-100.pack", "101-200.pack"]
    harm(os.path.join(history.directory, packs(history)[which]))
    left = lines(history)
    harmed = set(range(1, 101)) if which == 0 else set(range(101, 201))
    assert left.keys() >= whole.keys() - harmed
    assert all(whole[n] == line for n, line in left.items())
    assert len(left) < COUNT
    context = make_context(history.home, environ=ENVIRON)
    restored = restore(History(history.home, history.place, "default"), context)
    assert restored
    assert set(restored) <= whole.keys() - left.keys()
    assert lines(history) == whole
    assert recorder(context).notes == []
    # And it goes on: the next is recorded and packed as if nothing had been.
    again = History(history.home, history.place, "default")
    for number in range(COUNT + 1, COUNT + 120):
        assert append(again).number == number
    fresh = History(history.home, history.place, "default")
    assert list(fresh.numbers()) == list(range(COUNT + 119, 0, -1))
    assert fresh.lost() == []


def test_the_whole_store_is_lost(history, tmp_path):
    whole = lines(history)
    shutil.rmtree(tmp_path / "home")
    context = make_context(tmp_path / "home", environ=ENVIRON)
    again = History(history.home, history.place, "default")
    assert len(restore(again, context)) == COUNT
    assert lines(again) == whole
    assert packs(again) == ["1-100.pack", "101-200.pack"]
    sizes = [e.stat().st_size for e in os.scandir(again.directory)]
    assert sum(sizes) / COUNT < 1500


def test_a_lock_file_that_is_lost_or_in_the_way_is_made_again(history):
    guard = os.path.join(history.directory, ".lock")
    os.unlink(guard)
    assert append(history).number == COUNT + 1
    with open(guard, "w", encoding="ascii") as file:
        file.write("nonsense")
    assert append(history).number == COUNT + 2


def test_a_page_says_what_cannot_be_read_where_there_is_no_git(history, monkeypatch):
    monkeypatch.setattr(generations, "_LOOSE", 10_000)
    os.unlink(os.path.join(history.directory, "101-200.pack"))
    os.unlink(os.path.join(history.directory, "225"))
    context = make_context(history.home, environ={**ENVIRON, "PATH": history.home})
    fresh = History(history.home, history.place, "default")
    shown, broken = page(fresh, 40, context)
    assert [g.number for g in shown][:6] == [230, 229, 228, 227, 226, 224]
    assert set(range(101, 201)) | {225} <= set(broken)
    assert fresh.lost() == [225, *range(200, 100, -1)]
    assert numbers({3, 1, 2, 9}) == "generations 1–3, 9"


def test_what_two_homes_record_of_one_place_is_read_as_one(history, tmp_path):
    """Numbers after those of the tip belong to somebody else, and are left out."""
    other = History(tmp_path / "other home", history.place, "default")
    context = make_context(tmp_path / "other home", environ=ENVIRON)
    restore(other, context, {1, 2, 3})
    assert list(other.numbers()) == [3, 2, 1]
    made = append(History(other.home, other.place, "default"))
    assert made.number == 4
    assert refs.commit(History(other.home, other.place, "default"), made, context)
    third = History(tmp_path / "third", history.place, "default")
    assert restore(third, make_context(tmp_path / "third", environ=ENVIRON)) == (1, 2, 3, 4)

"""Records of generations: never rewritten, packed, and readable beside damaged ones."""

from __future__ import annotations

import hashlib
import itertools
import os
from typing import TYPE_CHECKING

import pytest

from stead.store import generations
from stead.store.gc import collect
from stead.store.generations import FEW, LONG, History
from stead.store.roots import find_roots
from stead.values.errors import StoreError
from stead.values.generation import Generation

if TYPE_CHECKING:
    from pathlib import Path

    from stead.store.layout import Layout

VARIABLES = {f"VARIABLE_{n}": f"the value of number {n}" for n in range(100)}
MANIFEST = "".join(f'{name} = "{value}"\n' for name, value in VARIABLES.items())
KEY = "abcdefghijklmnopqrst"


def append(history: History, level: int, **more) -> Generation:
    """Append a generation in which one variable is new."""
    text = f"{MANIFEST}LEVEL = {level}\n".encode()
    lock = b"version = 1\n" * 50

    def make(_: Generation | None, number: int):
        made = Generation(
            number=number,
            time=more.pop("time", 1.7e9 + number),
            who="ann@box",
            place=history.place,
            environment=history.environment,
            platform="linux-64",
            files={"stead.toml": hashlib.sha256(text).hexdigest()},
            lock_file=hashlib.sha256(lock).hexdigest(),
            variables={**VARIABLES, "LEVEL": str(level)},
            at=number,
            **more,
        )
        return made, {"stead.toml": text, "@lock": lock}

    made = history.append(make)
    assert made is not None
    return made


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "home", str(tmp_path / "a place"), "default")


def again(history: History) -> History:
    return History(history.home, history.place, history.environment)


def test_a_thousand_take_little_and_all_can_be_read(history: History) -> None:
    count = 1000
    for level in range(count):
        append(history, level)
    fresh = again(history)
    assert list(fresh.numbers()) == list(range(count, 0, -1))
    for number in (1, 2, 99, 100, 101, 500, 999, 1000):
        found = fresh.get(number)
        assert found.variables["LEVEL"] == str(number - 1)
        assert fresh.text(found, "stead.toml") == f"{MANIFEST}LEVEL = {number - 1}\n".encode()
        assert fresh.lock_text(found) == b"version = 1\n" * 50
    names = os.listdir(history.directory)
    assert len(names) < 150
    sizes = [os.stat(os.path.join(history.directory, n)).st_size for n in names]
    assert sum(sizes) / count < 4096
    assert max(s for n, s in zip(names, sizes, strict=True) if n.isdigit()) < 4096


@pytest.mark.parametrize("levels", list(itertools.product(range(2), repeat=5)), ids=str)
def test_a_text_that_comes_back_can_be_read(history: History, levels: tuple[int, ...]) -> None:
    """Also one that the text which is now gone was told apart from."""
    for level in levels:
        append(history, level)
    fresh = again(history)
    for number, level in enumerate(levels, start=1):
        found = fresh.get(number)
        assert fresh.text(found, "stead.toml") == f"{MANIFEST}LEVEL = {level}\n".encode()
        assert found.variables["LEVEL"] == str(level)


def test_records_are_never_rewritten(history: History) -> None:
    append(history, 1)
    path = os.path.join(history.directory, "1")
    before = os.stat(path)
    append(history, 2)
    append(history, 3)
    after = os.stat(path)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_each_damage_is_found_and_passed_over(history: History) -> None:
    for level in range(4):
        append(history, level)
    path = os.path.join(history.directory, "3")
    with open(path, "rb") as file:
        whole = file.read()
    for damaged in (b"", whole[:-20], whole.replace(b"ann@box", b"eve@box"), b"\xff\n\n3"):
        with open(path, "wb") as file:
            file.write(damaged)
        fresh = again(history)
        assert fresh.find(3) is None
        with pytest.raises(StoreError, match="generation 3 is damaged"):
            fresh.get(3)
        assert [n for n in fresh.numbers() if fresh.find(n)] == [4, 2, 1]
        assert fresh.last() == fresh.get(4)
    with open(os.path.join(history.directory, "4"), "wb"):
        pass
    assert append(again(history), 9).number == 5
    fresh = again(history)
    assert fresh.text(fresh.get(5), "stead.toml") == f"{MANIFEST}LEVEL = 9\n".encode()


def test_killed_while_packing_nothing_is_lost(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "_LOOSE", 10_000)
    for level in range(130):
        append(history, level)
    monkeypatch.undo()
    unlink = os.unlink
    ended = []

    def dying(path, **more):
        if len(ended) == 30:
            raise KeyboardInterrupt
        ended.append(path)
        unlink(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(generations.os, "unlink", dying)
        with pytest.raises(KeyboardInterrupt):
            append(again(history), 130)
    fresh = again(history)
    assert list(fresh.numbers()) == list(range(131, 0, -1))
    assert all(fresh.get(n).number == n for n in fresh.numbers())
    append(fresh, 131)
    assert list(again(history).numbers()) == list(range(132, 0, -1))


def test_what_is_not_there_is_said(history: History) -> None:
    with pytest.raises(StoreError, match="no generation 1"):
        history.get(1)
    append(history, 1)
    for number in (0, -1, 2):
        with pytest.raises(StoreError, match="no generation") as caught:
            history.get(number)
        assert "they go from 1 to 1" in caught.value.remedy


def test_builds_within_the_retention_are_in_use(layout: Layout, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    now = 1.8e9
    history = History(layout.home, str(place), "default")
    keys = [KEY[:-2] + a + b for a in "abcd" for b in "abcde"]
    for number, key in enumerate(keys):
        age = 2 * LONG if number != 3 else LONG / 2
        append(history, number, build=f"{key}-x", time=now - age)
    history.pin(5)
    roots = find_roots(layout, now=now, grace=0, processes=False)
    used = {n for n, key in enumerate(keys) if roots.of(key)}
    assert used == {3, 4, *range(len(keys) - FEW, len(keys))}
    bare = find_roots(layout, now=now, grace=0, processes=False, history=False)
    assert {n for n, key in enumerate(keys) if bare.of(key)} == {4}
    # A clock that was set back takes nothing away.
    early = find_roots(layout, now=now - 10 * LONG, grace=0, processes=False)
    assert all(early.of(key) for key in keys)
    assert history.unpin(5)
    assert not history.unpin(5)
    assert collect(layout, now=now).removed == ()

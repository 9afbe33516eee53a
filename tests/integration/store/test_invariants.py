"""What must always hold of the store: killed, crowded, full, without rights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Run = "Callable[..., dict[str, Any]]"

KILLS = "40"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("randomly_seed", 0))


@pytest.mark.slow
def test_a_killed_builder_leaves_a_whole_build_or_none(
    script: Callable[..., dict[str, Any]], tmp_path: Path, seed: str
) -> None:
    said = script("killed_builders", str(tmp_path / "home"), KILLS, seed)

    assert said["wrong"] == []
    assert said["left"] == []
    assert said["findings"] == []
    assert said["whole"]
    assert said["locks"] == ["caches"]
    assert said["points"] > 50
    assert said["killed"] > said["points"]


def test_one_key_is_built_once_and_the_others_say_what_they_wait_for(
    script: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    said = script("many_builders", str(tmp_path / "home"), "20", "0")

    assert len(said["makers"]) == 1
    assert said["codes"] == [0] * 20
    (name,) = [n for n in said["store"] if not n.startswith(".")]
    assert said["got"] == [f"{tmp_path}/home/store/{name} True"] * 20
    assert len(said["note"]) == 19
    for note in said["note"]:
        assert note.startswith("waiting for process ")
        assert f", making the build {name}" in note


def test_when_the_builder_is_killed_one_that_waited_takes_over(
    script: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    said = script("many_builders", str(tmp_path / "home"), "6", "2")

    assert len(said["makers"]) == 3
    assert sorted(said["codes"]) == [-9, -9, 0, 0, 0, 0]
    assert len(said["got"]) == 4
    assert len(said["store"]) == 1


@pytest.mark.slow
def test_a_full_disk_leaves_all_as_it_was_and_can_still_be_collected(
    small_disk: Callable[..., dict[str, Any]],
) -> None:
    said = small_disk("4m", "full_disk")

    assert said["wrong"] == []
    assert said["messages"] == [
        "the disk is full → free some space (`stead gc` removes unused builds)"
    ]
    assert min(said["counts"].values()) > 0, said["counts"]
    assert said["kept"]
    assert said["findings"] == []


@pytest.mark.slow
def test_collection_takes_nothing_from_those_who_build_and_use(
    script: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    said = script("gc_beside", str(tmp_path / "home"), "4")

    assert said["codes"] == [0] * 5
    assert said["left"] == []
    assert said["made"] > 4
    assert said["removed"] >= said["made"] > 0
    assert said["used"] > 4


@pytest.mark.slow
def test_a_killed_change_is_all_old_or_all_new(
    script: Callable[..., dict[str, Any]], tmp_path: Path, seed: str
) -> None:
    said = script("killed_changes", str(tmp_path), KILLS, seed)

    assert said["wrong"] == []
    assert said["old"] > 0
    assert said["new"] > 0
    assert said["points"] > 15
    assert said["killed"] >= said["points"]


def test_without_rights_each_failure_is_explained_and_nothing_changes(
    script: Callable[..., dict[str, Any]], open_directory: Path
) -> None:
    said = script("no_rights", str(open_directory))

    assert said["same"]
    assert said["texts"] == ["old", "old"]
    for name, (message, remedy) in said["errors"].items():
        assert message.startswith(os.fspath(open_directory)), name
        assert message.endswith(": permission denied"), name
        assert "STEAD_HOME" in remedy, name
    assert said["found"]
    assert said["findings"] == []
    assert said["removed"] == 0
    assert len(said["notes"]) == 1

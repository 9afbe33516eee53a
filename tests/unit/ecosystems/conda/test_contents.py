"""File lists of packages: what is refused before anything is linked."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.ecosystems.conda.contents import (
    Contents,
    DamagedError,
    Placed,
    check_collisions,
    check_inside,
    check_whole,
    read_contents,
)
from stead.values.errors import ArtifactError, CollisionError
from stead.values.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LINUX = Platform("linux-64")
MAC = Platform("osx-arm64")


def contents(package: str, *files: Placed | str) -> Contents:
    placed = tuple(f if isinstance(f, Placed) else Placed(f, package) for f in files)
    return Contents(package, "/nowhere", placed)


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/x", "\\x", "a\\..\\..\\x", "C:/x", "C:\\x", "", "..", "a/b/../../..", "x\0y"],
)  # fmt: skip
def test_paths_out_of_the_prefix_are_refused(path: str) -> None:
    with pytest.raises(ArtifactError):
        check_inside(contents("p", path))


@pytest.mark.parametrize("path", ["a", "a/b", "..a/b", "a/..b", "a/.hidden", "a b/ü"])
def test_paths_inside_are_fine(path: str) -> None:
    check_inside(contents("p", path))


@given(st.lists(st.sampled_from(["a", "b", "..", ".", ""]), min_size=1, max_size=8))
def test_what_passes_resolves_inside(parts: list[str]) -> None:
    path = "/".join(parts)
    try:
        check_inside(contents("p", path))
    except ArtifactError:
        return
    resolved = os.path.normpath(os.path.join("/prefix", path))
    assert resolved == "/prefix" or resolved.startswith("/prefix/")


@pytest.mark.parametrize("target", ["/etc", "../../x", "../../../x", "a/../../../x", "a/../x"])
def test_links_out_of_the_prefix_are_refused(target: str) -> None:
    with pytest.raises(ArtifactError, match="link"):
        check_inside(contents("p", Placed("share/link", target=target)))


@pytest.mark.parametrize("target", ["x", "../x", "../lib/x", "./x", "..", "deep/er/x"])
def test_links_inside_are_fine(target: str) -> None:
    check_inside(contents("p", Placed("share/link", target=target)))


def collide(packages: Sequence[Contents], platform: Platform = LINUX) -> tuple[str, ...]:
    try:
        check_collisions(packages, platform)
    except CollisionError as error:
        return error.details
    return ()


def test_different_content_of_one_name_collides() -> None:
    assert collide([contents("a", "x", "y"), contents("b", "y")]) == ("y: a and b",)


def test_the_same_content_does_not() -> None:
    assert collide([contents("a", Placed("x", "same")), contents("b", Placed("x", "same"))]) == ()


def test_files_without_a_hash_are_never_the_same() -> None:
    assert collide([contents("a", Placed("x")), contents("b", Placed("x"))]) != ()


def test_links_are_the_same_when_they_lead_to_the_same() -> None:
    one, same, other = (contents(n, Placed("l", "", t)) for n, t in zip("abc", "xxy", strict=True))
    assert collide([one, same]) == ()
    assert collide([one, other]) != ()


def test_a_file_collides_with_a_directory() -> None:
    [line] = collide([contents("a", "lib/x"), contents("b", "lib/x/deep/file")])
    assert line == "lib/x: a file of a, a directory of b"


def test_case_matters_only_where_the_file_system_knows_it() -> None:
    packages = [contents("a", "share/README"), contents("b", "share/readme")]
    assert collide(packages, LINUX) == ()
    assert collide(packages, MAC) != ()


def test_long_lists_are_cut() -> None:
    names = [f"f{n}" for n in range(50)]
    details = collide([contents("a", *names), contents("b", *names)])
    assert len(details) == 11
    assert details[-1] == "and 40 more"


def unpacked(directory: Path, paths: list[dict[str, object]], **info: object) -> Path:
    (directory / "info").mkdir(parents=True)
    (directory / "info/paths.json").write_text(json.dumps({"paths": paths}))
    for name, value in info.items():
        (directory / "info" / f"{name}.json").write_text(json.dumps(value))
    return directory


def test_pure_python_files_go_to_site_packages(tmp_path: Path) -> None:
    paths = [{"_path": "site-packages/m.py"}, {"_path": "python-scripts/run"}, {"_path": "share/x"}]
    link = {"noarch": {"type": "python", "entry_points": ["tool = m:main"]}}
    package = unpacked(tmp_path / "p", paths, link=link)
    read = read_contents("p", str(package), "lib/python3.12/site-packages", LINUX)
    assert [f.path for f in read.files] == [
        "lib/python3.12/site-packages/m.py", "bin/run", "share/x", "bin/tool",
    ]  # fmt: skip


def test_other_packages_may_have_a_directory_of_that_name(tmp_path: Path) -> None:
    package = unpacked(tmp_path / "p", [{"_path": "site-packages/m.py"}])
    read = read_contents("p", str(package), "lib/python3.12/site-packages", LINUX)
    assert [f.path for f in read.files] == ["site-packages/m.py"]


def test_cut_and_missing_files_are_found(tmp_path: Path) -> None:
    package = unpacked(tmp_path / "p", [{"_path": "x", "size_in_bytes": 3}])
    read = read_contents("p", str(package), "site-packages", LINUX)
    with pytest.raises(DamagedError, match="missing"):
        check_whole(read)
    (package / "x").write_text("ab")
    with pytest.raises(DamagedError, match="2 bytes instead of 3"):
        check_whole(read)
    (package / "x").write_text("abc")
    check_whole(read)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"paths": 3}', '{"other": []}', "null"])
def test_a_file_list_that_is_none_is_damage(tmp_path: Path, text: str) -> None:
    package = unpacked(tmp_path / "p", [])
    (package / "info/paths.json").write_text(text)
    with pytest.raises(DamagedError):
        read_contents("p", str(package), "site-packages", LINUX)


def test_no_file_list_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedError):
        read_contents("p", str(tmp_path), "site-packages", LINUX)

"""A registry that is a directory, and what it may not bring."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from stead.modules.registry import safe
from stead.modules.registry.directory import Directory
from stead.values.errors import ManifestError, RegistryError

if TYPE_CHECKING:
    from pathlib import Path

ITEM = 'name = "{}"\nkind = "lib"\nversion = "1.0"\nsummary = "A tiny one"\n'


@pytest.fixture
def registry(tmp_path: Path) -> Directory:
    for name in ("first", "second"):
        files = tmp_path / name / "files" / "src"
        files.mkdir(parents=True)
        (tmp_path / name / "stead-item.toml").write_text(ITEM.format(name))
        (files / "main.py").write_text(f"print('{name}')\n")
        (files / "__pycache__").mkdir()
        (files / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"\0")
    (tmp_path / "notes").mkdir()
    return Directory("team", str(tmp_path), "./registry")


def test_items_are_listed_and_read(registry: Directory) -> None:
    assert [(s.name, s.version, s.summary) for s in registry.items()] == [
        ("first", "1.0", "A tiny one"),
        ("second", "1.0", "A tiny one"),
    ]
    item = registry.item("second")
    assert [(f.path, f.content) for f in item.files] == [("src/main.py", b"print('second')\n")]


def test_what_is_not_there_is_told_with_what_is(registry: Directory) -> None:
    with pytest.raises(RegistryError, match="did you mean first") as caught:
        registry.item("frist")
    assert "first, second" in caught.value.remedy
    with pytest.raises(RegistryError, match=r"no first 2\.0") as caught:
        registry.item("first", "2.0")
    assert "1.0" in caught.value.remedy


def test_a_registry_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="No such file"):
        Directory("gone", str(tmp_path / "gone"), "gone").items()


def test_a_name_that_is_not_its_directorys_is_refused(registry: Directory, tmp_path: Path) -> None:
    (tmp_path / "first").rename(tmp_path / "third")
    with pytest.raises(ManifestError, match="first lies in a directory third"):
        registry.item("third")


def test_a_link_in_an_item_is_refused(registry: Directory, tmp_path: Path) -> None:
    os.symlink("/etc/passwd", tmp_path / "first" / "files" / "passwd")
    with pytest.raises(RegistryError, match="'passwd' is a link"):
        registry.item("first")


def test_a_device_in_an_item_is_refused(registry: Directory, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "first" / "files" / "pipe")
    with pytest.raises(RegistryError, match="'pipe' is a link or a device"):
        registry.item("first")


def test_a_file_that_is_too_large_is_not_read(registry: Directory, tmp_path: Path) -> None:
    with open(tmp_path / "first" / "files" / "big", "wb") as file:
        file.truncate(10 * 1024**3)  # a hole: it takes no space
    with pytest.raises(RegistryError, match="more than 256 MiB"):
        registry.item("first")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../above",
        "a/../../b",
        "a/./b",
        "a//b",
        "a/",
        "C:/windows",
        "a\\b",
        "nul",
        "src/CON.txt",
        "a/com1.log",
        "a\nb",
        "a\0b",
        "end.",
        "end /x",
        ".git/hooks/post-checkout",
        "a/.GIT/config",
        ".stead-module/record.toml",
        "\udcff",
        "x" * 300,
    ],
)
def test_a_hostile_path_is_refused(path: str) -> None:
    with pytest.raises(RegistryError, match="refused"):
        safe.Intake("item").path(path)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a/b", "A/b"), ("a/b", "A/c"), ("README", "readme"), ("a", "a/b"), ("a/b", "a"), ("a", "a")],
)
def test_paths_that_meet_on_some_file_system_are_refused(first: str, second: str) -> None:
    intake = safe.Intake("item")
    intake.path(first)
    with pytest.raises(RegistryError, match="refused"):
        intake.path(second)


def test_ordinary_paths_pass() -> None:
    intake = safe.Intake("item")
    for path in (
        "src/pkg/__init__.py",
        "Dockerfile.pkg",
        ".gitignore",
        "data/größe 1.csv",
        "nulls",
    ):
        assert intake.path(path, 10) == path


def test_what_arrives_counts_not_what_was_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe, "LARGEST", 1000)
    intake = safe.Intake("item")
    intake.path("a", 10)
    with pytest.raises(RegistryError, match="refused"):
        intake.content("a", io.BytesIO(b"x" * 1001))

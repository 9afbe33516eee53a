from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.modules import diffing, record
from stead.modules.outdated import is_newer
from stead.values.item import Came, ItemFile

if TYPE_CHECKING:
    from pathlib import Path

FILES = tuple(ItemFile(name, f"{name}\none\n".encode()) for name in ("a", "b", "c", "d", "e"))


@pytest.fixture
def module(tmp_path: Path) -> Path:
    made = record.made(Came("team", "../r", "", "x", "1"), (), FILES)
    for path, content in {
        **{file.path: file.content for file in FILES},
        **record.files(made, FILES),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def _mine(module: Path) -> dict[str, str]:
    held = record.read(str(module))
    assert held is not None
    return {d.path: d.state for d in diffing.mine(str(module), held)}


def test_each_way_to_differ_has_its_name(module: Path) -> None:
    assert _mine(module) == {}
    (module / "a").write_bytes(b"a\ntwo\n")
    (module / "b").unlink()
    (module / "c").chmod(0o755)
    (module / "d").write_bytes(b"d\r\none\r\n")
    (module / "e").unlink()
    (module / "e").symlink_to("a")
    (module / "sub").mkdir()
    (module / "sub" / "own").write_bytes(b"\0")
    (module / "__pycache__").mkdir()
    (module / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert _mine(module) == {
        "a": "changed",
        "b": "deleted",
        "c": "mode",
        "d": "line ends",
        "e": "other",
        "sub/own": "added",
    }


def test_lines_are_a_diff_that_says_where_the_last_one_does_not_end(module: Path) -> None:
    (module / "a").write_bytes(b"a\ntwo")
    held = record.read(str(module))
    assert held is not None
    (found,) = diffing.mine(str(module), held)
    assert found.lines == (
        "--- a (as written)",
        "+++ a (yours)",
        "@@ -1,2 +1,2 @@",
        " a",
        "-one",
        "+two",
        "\\ no line end",
    )


def test_without_its_copy_a_file_is_known_by_its_hash(module: Path) -> None:
    (module / "a").write_bytes(b"mine\n")
    (module / "b").unlink()
    for copy in (module / ".stead-module" / "base").iterdir():
        copy.unlink()
    assert _mine(module) == {"a": "unknown", "b": "deleted"}
    held = record.read(str(module))
    assert held is not None
    theirs = (*FILES[:3], ItemFile("d", b"new\n"), ItemFile("n", b"n\n"))
    found = diffing.upstream(str(module), held, theirs, "x 2")
    assert {d.path: d.state for d in found} == {"d": "unknown", "e": "deleted", "n": "added"}


def test_what_upstream_changed_is_told_whatever_is_here(module: Path) -> None:
    (module / "a").write_bytes(b"mine\n")
    held = record.read(str(module))
    assert held is not None
    theirs = (ItemFile("a", b"a\ntwo\n"), *FILES[1:4], ItemFile("n", b"n\n", executable=True))
    found = diffing.upstream(str(module), held, theirs, "x 2")
    assert [(d.path, d.state) for d in found] == [
        ("a", "changed"),
        ("e", "deleted"),
        ("n", "added"),
    ]
    assert found[0].lines[1:] == ("+++ a (x 2)", "@@ -1,2 +1,2 @@", " a", "-one", "+two")


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("1.10", "1.9", True),
        ("1.0", "1.0.0", False),
        ("1.0rc1", "1.0", False),
        ("b", "a", True),
        ("a", "a", False),
    ],
)
def test_versions_are_compared_as_versions(version: str, than: str, newer: bool) -> None:
    assert is_newer(version, than) is newer

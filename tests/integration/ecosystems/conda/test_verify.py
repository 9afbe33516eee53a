"""A build compared with conda's own records."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.ecosystems.conda import Conda

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Place


def rewrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def test_a_whole_build_has_no_problem(place: Place) -> None:
    prefix = place.make("python", "greeter", "with-text", "with-binary", "toolchain")
    assert Conda().verify(prefix, place.context) == ()


def test_each_changed_byte_is_found(place: Place) -> None:
    prefix = place.make("python", "with-text")
    for name in ("bin/with-text", "etc/with-text.conf", "lib/python3/x", "bin/python"):
        path = prefix / name
        if not path.exists():
            continue
        target = path.resolve()
        content = target.read_bytes()
        rewrite(target, content[:-1] + bytes([content[-1] ^ 1]))
    lines = Conda().verify(prefix, place.context)
    assert "bin/with-text: changed (with-text 1.0)" in lines
    assert "etc/with-text.conf: changed (with-text 1.0)" in lines
    assert any(line.startswith("bin/python3") and "changed" in line for line in lines)


def test_missing_files_and_links_are_found(place: Place) -> None:
    prefix = place.make("python", "tool")
    (prefix / "share/tool/version").unlink()
    (prefix / "bin/python3").unlink()
    os.unlink(prefix / "bin/python")
    (prefix / "bin/python").write_text("no link")
    lines = Conda().verify(prefix, place.context)
    assert "share/tool/version: missing (tool 2.1)" in lines
    assert any(line.startswith("bin/python3: missing") for line in lines)
    assert any(line.startswith("bin/python: no longer a link") for line in lines)


def test_a_file_that_became_a_link_is_found(place: Place) -> None:
    prefix = place.make("tool")
    version = prefix / "share/tool/version"
    (prefix / "aside").write_bytes(version.read_bytes())
    version.unlink()
    version.symlink_to(prefix / "aside")
    assert "changed into a link" in Conda().verify(prefix, place.context)[0]


def test_an_unreadable_record_is_named(place: Place) -> None:
    prefix = place.make("tool")
    rewrite(prefix / "conda-meta/tool-2.1-0.json", b"{")
    assert Conda().verify(prefix, place.context) == (
        "conda-meta/tool-2.1-0.json: the record cannot be read",
    )


def test_a_directory_without_conda_packages_has_no_problem(place: Place, tmp_path: Path) -> None:
    assert Conda().verify(tmp_path, place.context) == ()

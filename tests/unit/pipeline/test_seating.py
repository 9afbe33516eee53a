"""A build that was made elsewhere, and an interpreter of this machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.pypi.venv import make_venv
from stead.pipeline import seating
from stead.testing.world import make_context
from stead.values.errors import InterpreterError, StoreError
from stead.values.interpreter import Interpreter

if TYPE_CHECKING:
    from pathlib import Path

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize(
    ("version", "tag"), [("3.12.1", "cp312"), ("3.13.0", "cp313t"), ("3.13.0", "pp313")]
)
def test_one_of_another_abi_is_refused(tmp_path: Path, version: str, tag: str) -> None:
    make_venv(str(tmp_path), Interpreter("/there/python", "3.13.0", "cp313"))
    other = Interpreter("/here/python", version, tag)
    with pytest.raises(StoreError, match="cannot stand on Python"):
        seating.seat(str(tmp_path), other)
    assert os.readlink(tmp_path / "bin" / "python") == "/there/python"
    seating.seat(str(tmp_path), Interpreter("/here/python", "3.13.7", "cp313"))
    assert os.readlink(tmp_path / "bin" / "python") == "/here/python"
    assert "there" not in (tmp_path / "pyvenv.cfg").read_text()


@pytest.mark.parametrize("missing", ["bin", "bin/python", "pyvenv.cfg"])
def test_a_tree_that_is_no_virtual_environment_is_refused(tmp_path: Path, missing: str) -> None:
    make_venv(str(tmp_path), Interpreter("/there/python", "3.13.0", "cp313"))
    (tmp_path / missing).rename(tmp_path / "away")
    with pytest.raises(StoreError):
        seating.seat(str(tmp_path), Interpreter("/here/python", "3.13.7", "cp313"))


def test_what_a_link_of_a_tree_leads_to_is_left_alone(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    tree.mkdir()
    outside.mkdir()
    make_venv(str(tree), Interpreter("/there/python", "3.13.0", "cp313"))
    (outside / "python").write_text("somebody's")
    (tree / "bin").rename(tree / "away")
    (tree / "bin").symlink_to(outside)
    with pytest.raises(StoreError, match="no virtual environment"):
        seating.seat(str(tree), Interpreter("/here/python", "3.13.7", "cp313"))
    assert (outside / "python").read_text() == "somebody's"


def test_what_a_lock_says_was_asked_for_counts(tmp_path: Path) -> None:
    context = make_context(tmp_path, offline=True)
    asked = ("channel 0 x", "pypi pythonic", "python >=3.6 ; sys_platform == 'linux'", "python <4")
    assert seating.choose_for(asked, MINOR, context).minor == MINOR
    with pytest.raises(InterpreterError, match=r"<3\.1,>=3\.6,==3"):
        seating.choose_for((*asked[:-1], "python <3.1"), "3.1", context)
    with pytest.raises(InterpreterError, match="of pyenv"):
        seating.choose_for((*asked, "python-from pyenv"), "3.99", context)

"""Interpreters that are too old are told, and never run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems import interpreters
from stead.testing.world import make_context

if TYPE_CHECKING:
    from pathlib import Path


def test_installations_are_known_to_be_too_old_by_their_names(tmp_path: Path) -> None:
    for name in ("2.7.18", "3.5.10", "3.6.15", "3.12.1", "pypy3.5-7.0", "graalpy"):
        program = tmp_path / "pyenv" / "versions" / name / "bin" / "python"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    (tmp_path / "pyenv" / "versions" / "3.4.0").mkdir()

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a program was started")

    environ = {"PYENV_ROOT": str(tmp_path / "pyenv"), "PATH": os.devnull, "HOME": str(tmp_path)}
    context = make_context(tmp_path / "home", environ=environ, run=refuse)
    found = interpreters.unsupported(context)
    assert [version for version, _ in found] == ["2.7.18", "3.5.10"]
    assert all(os.path.exists(path) for _, path in found)

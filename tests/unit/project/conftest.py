"""Interpreters as projects have them, and what Stead leaves for their code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stead.config.project import Description, text
from stead.store.runtime import keep_description, runtime_directory


def interpreters() -> list[str]:
    """Find one interpreter of each minor version from 3.8 on: pyenv's, and the running one."""
    root = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"))
    found = {sys.version_info[1]: sys.executable}
    for python in sorted(root.glob("versions/3.*/bin/python")):
        minor = re.match(r"3\.(\d+)\.\d+\Z", python.parts[-3])
        if minor and int(minor[1]) >= 8:
            found.setdefault(int(minor[1]), str(python))
    return [found[minor] for minor in sorted(found)]


@pytest.fixture(params=interpreters(), ids=lambda path: Path(path).parts[-3])
def python(request) -> str:
    return request.param


@pytest.fixture
def run(tmp_path: Path):
    """Run code as Stead starts it in a place that a description tells of.

    The interpreter is told to look for no packages: the running one has Stead.
    """
    home = tmp_path / "home"

    def started(
        python: str, code: str, description: Description, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environ = {
            "PYTHONPATH": runtime_directory(home),
            "PYTHONPYCACHEPREFIX": str(home / "pycache"),
            "STEAD_PROJECT": keep_description(home, "/w/p", "dev", text(description)),
            "LANG": "C.UTF-8",
            **variables,
        }
        return subprocess.run(
            [python, "-S", "-W", "error", "-c", code],
            env={k: v for k, v in environ.items() if v},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return started


@pytest.fixture
def ask(run):
    """Run code that prints JSON, and give what it says."""

    def asked(python: str, code: str, description: Description, **variables: str):
        done = run(python, code, description, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return asked

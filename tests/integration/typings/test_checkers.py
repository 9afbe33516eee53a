"""Real type checkers read the stub: right use passes, and each misspelt name is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stead.config.typings import PACKAGE, Named, annotation, stub
from stead.store.runtime import runtime_directory
from stead.values.kinds import Type

BIN = Path(sys.prefix) / "bin"

RIGHT = """\
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, assert_type

from stead import project
from stead.project import Secret, paths

assert_type(project.vars.PG_POOL, int)
assert_type(project.vars["PG_POOL"], int)
assert_type(project.vars.get("PG_POOL"), int | None)
assert_type(project.vars.get("PG_POOL", 3), int)
assert_type(project.vars.PG_PASSWORD, Secret)
assert_type(project.vars.PG_URL, Secret)
assert_type(project.vars.LEVEL, Literal["debug", "info"])
assert_type(project.vars["SEARCH"], list[Path])
assert_type(project.vars.TIMEOUT, timedelta)
assert_type(project.vars.OPTIONS, Any)
assert_type(project.vars.WORK, Path | str)
assert_type(paths["raw-data"], Path)
assert_type(paths.raw, Path)
assert_type(paths["keys"], Path)
assert_type(project.data.scans, Path)
assert_type(project.modules["pgstore"], Path)
assert_type(project.root / "x", Path)
assert_type(project.environment, str)
assert_type(project.paths.items(), list[tuple[str, Path]])
url: str = project.vars.PG_URL
for name in project.vars:
    print(name, name in project.paths, len(project.data))
"""

WRONG = """\
from stead import project

project.vars.PG_POLL
project.vars["PG_POLL"]
project.vars.get("PG_POLL")
project.paths.rwa
project.paths["rwa"]
project.data["scan"]
project.modules["pgstoer"]
project.enviroment
project.vars.PG_POOL = 3
pool: str = project.vars.PG_POOL
"""


@pytest.fixture(params=["beside the runtime", "alone"])
def sample(request, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A project with a stub; its Python finds `stead.project`, or nothing of Stead at all."""
    typed = {
        "LEVEL": Type("enum", choices=("debug", "info")),
        "OPTIONS": Type("json"),
        "PG_PASSWORD": Type("secret"),
        "PG_POOL": Type("int"),
        "SEARCH": Type("paths"),
        "TIMEOUT": Type("duration"),
    }
    variables = [Named(name, annotation(type_), "what it is") for name, type_ in typed.items()]
    variables += [
        Named("PG_URL", annotation(Type("url"), secret=True)),
        Named("WORK", "Path | str"),
    ]
    package = tmp_path / "project" / "typings" / "stead"
    package.mkdir(parents=True)
    (package / "__init__.pyi").write_text(PACKAGE)
    (package / "project.pyi").write_text(
        stub(
            variables,
            paths=[Named("raw"), Named("raw-data"), Named("keys")],
            data=[Named("scans")],
            modules=[Named("pgstore")],
        )
    )
    root = tmp_path / "project"
    (root / "right.py").write_text(RIGHT)
    (root / "wrong.py").write_text(WRONG)
    (root / "pyproject.toml").write_text('[tool.mypy]\nstrict = true\nmypy_path = "typings"\n')
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    environ |= {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    if request.param == "beside the runtime":
        environ["PYTHONPATH"] = runtime_directory(tmp_path / "home")
    return root, environ


def run(program: str, *words: str, sample: tuple[Path, dict[str, str]]):
    root, environ = sample
    return subprocess.run(
        [str(BIN / program), *words],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


MISTAKES = list(range(3, 13))
"""The lines of WRONG that are."""


@pytest.mark.slow
def test_mypy_completes_and_finds_misspelt_names(sample):
    done = run("mypy", "right.py", "typings/stead/project.pyi", sample=sample)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("mypy", "wrong.py", "--output", "json", sample=sample)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted({e["line"] for e in found if e["severity"] == "error"}) == MISTAKES
    assert 'maybe "PG_POOL"?' in next(e["message"] for e in found if e["line"] == 3)


@pytest.mark.slow
def test_pyright_completes_and_finds_misspelt_names(sample):
    done = run("pyright", "--outputjson", "right.py", "typings", sample=sample)
    report = json.loads(done.stdout)
    errors = [d for d in report["generalDiagnostics"] if d["severity"] == "error"]
    assert (done.returncode, errors) == (0, [])
    done = run("pyright", "--outputjson", "wrong.py", sample=sample)
    report = json.loads(done.stdout)
    lines = {
        d["range"]["start"]["line"] + 1
        for d in report["generalDiagnostics"]
        if d["severity"] == "error"
    }
    assert sorted(lines) == MISTAKES

"""The shell program, and Python behind it, as each installer puts them in place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.needs("strace")]

# What is never imported need not be compiled. pip takes the variable for the setting of what
# `--no-compile` would turn off.
UNCOMPILED = {"PIP_NO_COMPILE": "0"}


def call(*argv: object, cwd: Path | str, **env: str) -> subprocess.CompletedProcess[str]:
    environ = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=environ | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def must(*argv: object, cwd: Path | str, **env: str) -> str:
    done = call(*argv, cwd=cwd, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    must(UV, "build", "--wheel", "--out-dir", target, REPOSITORY, cwd=target)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def pipped(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    base = tmp_path_factory.mktemp("pipped")
    must(sys.executable, "-m", "venv", base / "venv", cwd=base)
    must(base / "venv/bin/python", "-m", "pip", "install", "-q", wheel, cwd=base, **UNCOMPILED)
    return base / "venv" / "bin" / "stead"


def with_pip(base: Path, wheel: Path, pipped: Path) -> Path:
    return pipped


def with_pip_editable(base: Path, wheel: Path, pipped: Path) -> Path:
    must(UV, "venv", "-q", "--seed", "--python", sys.executable, base / "venv", cwd=base)
    pip = (base / "venv/bin/python", "-m", "pip")
    must(*pip, "install", "-q", "-e", REPOSITORY, cwd=base, **UNCOMPILED)
    return base / "venv" / "bin" / "stead"


def with_uv_tool(base: Path, wheel: Path, pipped: Path) -> Path:
    """A link in one directory to a program in another."""
    must(
        *(UV, "tool", "install", "-q", "--python", sys.executable, wheel),
        cwd=base,
        UV_TOOL_DIR=str(base / "tools"),
        UV_TOOL_BIN_DIR=str(base / "bin"),
    )
    assert (base / "bin" / "stead").is_symlink()
    return base / "bin" / "stead"


def with_link_alone(base: Path, wheel: Path, pipped: Path) -> Path:
    """As a user links it by hand, relative and twice, without stead-python beside it."""
    (base / "x" / "y").mkdir(parents=True)
    (base / "x" / "stead").symlink_to(pipped)
    (base / "x" / "y" / "stead").symlink_to("../stead")
    return base / "x" / "y" / "stead"


@pytest.mark.parametrize(
    "install",
    [with_pip, with_pip_editable, with_uv_tool, with_link_alone],
    ids=lambda f: f.__name__,
)
def test_a_run_goes_through_python_once_and_then_without(tmp_path, wheel, pipped, install):
    program = install(tmp_path, wheel, pipped)
    assert must(program, "--version", cwd="/").startswith("stead ")
    place = tmp_path / "place"
    place.mkdir()
    (place / "stead.toml").write_text('[vars]\nA = "b c"\n')
    home = str(tmp_path / "home")
    for _ in range(2):
        assert must(program, "run", "printenv", "A", cwd=place, STEAD_HOME=home) == "b c\n"
    run = ("strace", "-f", "-e", "trace=execve", program, "run", "printenv", "A")
    traced = call(*run, cwd=place, STEAD_HOME=home)
    assert traced.stdout == "b c\n"
    assert "stead-python" not in traced.stderr
    launcher = must(program, "launcher", "printenv", "A", cwd=place, STEAD_HOME=home).strip()
    (place / "stead.toml").write_text('[vars]\nA = "d"\n')
    done = subprocess.run([launcher], env={}, cwd="/", capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("d\n", 0), done.stderr

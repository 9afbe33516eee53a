"""What the tests do where a program is missing, and what continuous integration calls."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
YES = ["true", "1", "True", "yes", "woodpecker"]
NO = ["", "0", "false", "False"]
TESTS = """
import pytest

@pytest.mark.needs("zsh")
def test_marked():
    pass

@pytest.mark.parametrize("shell", ["sh", "zsh"])
def test_shells(shell):
    pass
"""


@pytest.fixture
def inner(tmp_path):
    """Run a few tests with the repository's rules and without zsh; gives what pytest said."""
    place = tmp_path / "inner"
    place.mkdir()
    shutil.copy(REPOSITORY / "tests" / "conftest.py", place)
    (place / "test_few.py").write_text(TESTS, encoding="utf-8")
    few = tmp_path / "few"
    few.mkdir()
    (few / "sh").symlink_to("/bin/sh")

    def run(ci: str | None) -> subprocess.CompletedProcess[str]:
        environ = {n: v for n, v in os.environ.items() if n != "CI"}
        environ |= {"PATH": str(few)} | ({} if ci is None else {"CI": ci})
        rules = ["-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(place)]
        words = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *rules, "test_few.py"]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *words],
            cwd=place,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("ci", [YES[0], YES[1]])
def test_a_missing_program_is_a_failure_in_ci(inner, ci):
    done = inner(ci)
    assert done.returncode == 1, done.stdout
    assert "1 passed, 2 errors" in done.stdout
    assert "zsh is missing; tests/system-packages.txt says what brings it" in done.stdout


@pytest.mark.parametrize("ci", [None, "false"])
def test_elsewhere_its_tests_are_left_out_and_named(inner, ci):
    done = inner(ci)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 deselected" in done.stdout
    assert "left out for want of zsh: 2 tests" in done.stdout


@pytest.mark.parametrize("file", ["noxfile.py", "tests/conftest.py"])
def test_both_take_the_same_values_for_ci(file):
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "in_ci")
    names: dict = {}
    code = "from __future__ import annotations\n" + ast.unparse(function)
    exec(compile(code, file, "exec"), names)
    assert [v for v in YES + NO if names["in_ci"]({"CI": v})] == YES
    assert not names["in_ci"]({})


def readme_commands() -> list[str]:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    first_screen = "\n".join(text.splitlines()[:40])
    return re.findall(r"^    (python3 .*)$", first_screen, re.MULTILINE)


def test_the_first_screen_of_the_readme_has_two_commands():
    first, second = readme_commands()
    assert first.endswith("stead -C examples/wine run report")
    assert second.endswith("nox -s tests")


def test_ci_calls_the_second_command_and_nothing_else(tmp_path):
    """With programs in the places of the real ones, which say what they were called with."""
    root = tmp_path / "copy"
    (root / ".ci").mkdir(parents=True)
    shutil.copy(REPOSITORY / "README.md", root)
    shutil.copy(REPOSITORY / ".ci" / "run", root / ".ci")
    log = tmp_path / "log"
    said = f'printf "%s" "$0" >>{log}; printf " %s" "$@" >>{log}; echo " CI=$CI" >>{log}\n'
    programs = tmp_path / "programs"
    programs.mkdir()
    for path in (programs / "python3", root / ".venv/bin/pip", root / ".venv/bin/nox"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{said}", encoding="utf-8")
        path.chmod(0o755)
    environ = {n: v for n, v in os.environ.items() if n != "CI"}
    done = subprocess.run(
        ["bash", "-x", str(root / ".ci" / "run")],
        cwd=tmp_path,
        env=environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    called = [line.removesuffix(" CI=true") for line in log.read_text().splitlines()]
    called = [line.replace(f"{programs}/", "").replace(f"{root}/", "") for line in called]
    assert called == readme_commands()[1].split(" && ")
    words = [line.lstrip("+ ").split()[0].strip("'") for line in done.stderr.splitlines()]
    own = {"set", "cd", "dirname", "export", "sed", "head", "echo", "eval", "[", "python3"}
    assert {w for w in words if "=" not in w and not w.startswith(".venv/")} <= own


def test_every_program_that_tests_need_is_listed_with_its_package():
    listed = (REPOSITORY / "tests" / "system-packages.txt").read_text(encoding="utf-8")
    known = {line.split()[0] for line in listed.splitlines() if line and line[0] != "#"}
    needed = set()
    for path in (REPOSITORY / "tests").rglob("*.py"):
        if path.name != Path(__file__).name:
            text = path.read_text(encoding="utf-8")
            for words in re.findall(r"mark\.needs\(([^)\[]*)\)", text):
                needed |= set(re.findall(r'"([a-z0-9-]+)"', words))
    assert needed
    assert needed <= known

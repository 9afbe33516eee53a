"""Packages under test: every way that tox's files name, built once and installed."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pexpect
import pytest

from stead.testing.index import Sdist, Wheel, make_index, make_project

if TYPE_CHECKING:
    from pathlib import Path

MODES = ("wheel", "sdist", "sdist-wheel", "editable", "deps-only", "external")

TOX = """\
[tox]
env_list = {modes}
[testenv]
commands = python -c "import spam; print('spam is', spam.__file__)"
{sections}
[testenv:deps-only]
package = deps-only
commands = python -c "import leaf; print('leaf is', leaf.__file__)"
[testenv:external]
package = external
package_env = made
[testenv:made]
package_glob = {{toxinidir}}{{/}}dist{{/}}*.whl
commands = python {{toxinidir}}/make.py
"""

MAKE = """\
import os, sys
sys.path.insert(0, ".")
import backend
os.makedirs("dist", exist_ok=True)
print("made", backend.build_wheel("dist"))
"""


@pytest.fixture
def spam(tmp_path: Path, machine) -> Path:
    index = make_index(tmp_path / "own", [Wheel("leaf"), Wheel("pip", "25.0")])
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"
    root = make_project(tmp_path / "spam", Sdist("spam", "1.5", requires=("leaf",)))
    sections = "\n".join(f"[testenv:{mode}]\npackage = {mode}" for mode in MODES[:4])
    (root / "tox.ini").write_text(TOX.format(modes=",".join(MODES), sections=sections))
    (root / "make.py").write_text(MAKE)
    return root


@pytest.mark.slow
def test_every_mode_of_tox_brings_the_package(machine, spam: Path):
    said = machine.ok("test", "--report-json", "../report.json", cwd=spam)
    report = json.loads((spam.parent / "report.json").read_text())
    assert {one["environment"]: one["status"] for one in report["cells"]} == dict.fromkeys(
        MODES, "passed"
    )
    where = [line.removeprefix("spam is ") for line in said.splitlines() if "spam is /" in line]
    assert sum(str(spam / ".tox") in path for path in where) == 4
    assert where.count(str(spam / "src" / "spam" / "__init__.py")) == 1
    again = machine.ok("test", cwd=spam)
    assert "built in" not in again
    assert again.count("reused") >= len(MODES)


def test_editing_a_test_installs_nothing(machine, spam: Path):
    machine.ok("test", "-e", "wheel", cwd=spam)
    before = set((machine.stead_home / "store").iterdir())
    (spam / "test_spam.py").write_text("assert True\n")
    said = machine.ok("test", "-e", "wheel", cwd=spam)
    assert "built in" in said
    (new,) = set((machine.stead_home / "store").iterdir()) - before
    assert new.name.endswith("-spam-wheel")
    (spam / "src" / "spam" / "__init__.py").write_text("changed = 1\n")
    machine.ok("test", "-e", "wheel", cwd=spam)
    assert len(set((machine.stead_home / "store").iterdir()) - before) == 3


@pytest.mark.parametrize("with_git", [True, False])
def test_what_a_run_writes_itself_is_no_reason_to_build_again(
    machine, spam: Path, with_git: bool
) -> None:
    if with_git:
        subprocess.run(["git", "init", "-q"], cwd=spam, check=True)
    (spam / "tox.ini").write_text(
        "[tox]\nenv_list = a\nwork_dir = work\n[testenv]\npackage = wheel\n"
        "commands = python -c \"open('.coverage.of.me', 'a').write('x')\"\n"
    )
    words = ("--junit", "report.xml", "--report", "out/report.html", "--report-json", "r.json")
    machine.ok("test", *words, cwd=spam)
    machine.ok("package", "--out", "packages", cwd=spam)
    said = machine.ok("test", *words, cwd=spam)
    assert "built in" not in said
    (spam / "report.xml").write_text("of my own")
    assert "built in" in machine.ok("test", cwd=spam)


def test_a_build_that_fails_is_a_failure_of_what_needs_it(machine, spam: Path):
    text = (spam / "backend.py").read_text().replace("BROKEN = ''", "BROKEN = 'no compiler here'")
    (spam / "backend.py").write_text(text)
    done = machine.run("test", "-e", "wheel,deps-only", cwd=spam)
    assert done.returncode == 1
    assert "no compiler here" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_is_built_in_the_environment_that_its_definition_names(machine, spam: Path):
    (spam / "tox.ini").unlink()
    index = spam.parent / "own"
    make_index(index, [Wheel("helper", "3.0")])
    source = (spam / "backend.py").read_text()
    (spam / "backend.py").write_text(
        f"{source}\nplain = build_wheel\n"
        "def build_wheel(directory, settings=None, metadata=None):\n"
        "    import helper\n"
        "    print('with helper', helper.__version__)\n"
        "    return plain(directory)\n"
    )
    (spam / "stead.toml").write_text(
        '[package.wheel]\nenvironment = "build"\n[layer.build.packages.pypi]\nhelper = "*"\n'
        '[layer.unit]\ncommands = [["python", "-c", "import spam"]]\n'
    )
    said = machine.ok("test", "unit", cwd=spam)
    assert "with helper 3.0" in said
    assert "1 passed" in said


def test_a_person_at_a_terminal_is_spared_what_builds_say(machine, spam: Path):
    assert "made spam-1.5" in machine.ok("test", "-e", "external", cwd=spam)
    (spam / "src" / "spam" / "__init__.py").write_text("changed = 1\n")
    with pexpect.spawn(
        str(machine.program),
        ["test", "-e", "external"],
        cwd=spam,
        env={**machine.environ, "TERM": "xterm"},
        encoding="utf-8",
        timeout=60,
    ) as child:
        child.expect(pexpect.EOF)
        assert "spam is " in child.before
        assert "built in" in child.before
        assert "made spam" not in child.before

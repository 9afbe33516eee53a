"""What runs tell and get: coverage of several environments, the package's file, Ctrl-C at a shell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import pytest

from stead.testing.index import Sdist, Wheel, make_index, make_project
from stead.testing.terminal import STARTS, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator


def wheel_of_coverage() -> Wheel:
    """Give the coverage that is installed here, without what is compiled of it."""
    top = Path(coverage.__file__).parent
    files = {
        f"coverage/{path.relative_to(top)}": path.read_text(encoding="utf-8")
        for path in top.rglob("*")
        if path.suffix in {".py", ".css", ".js", ".html"}
    }
    scripts = {"coverage": "coverage.cmdline:main"}
    return Wheel("coverage", coverage.__version__, files=files, scripts=scripts)


HALVES = "def first():\n    return 1\n\ndef second():\n    return 2\n"
TOX = """\
[tox]
env_list = first, second
[testenv]
package = wheel
wheel_build_env = .pkg
deps = coverage
pass_env = COVERAGE_*
commands =
    coverage run --source=spam -m spam.halves {envname}
    python -c "import os; print('package', os.environ['TOX_PACKAGE'], end='.')"
"""
CALL = "\nif __name__ == '__main__':\n    import sys\n    globals()[sys.argv[1]]()\n"


@pytest.fixture
def spam(tmp_path: Path, machine) -> Path:
    wheels = [Wheel("pip", "25.0"), wheel_of_coverage()]
    index = make_index(tmp_path / "own", wheels)
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"
    root = make_project(tmp_path / "spam", Sdist("spam", "1.5"))
    backend = (root / "backend.py").read_text()
    half = '{f"{MODULE}/halves.py": open(f"src/{MODULE}/halves.py").read(), f"{MODULE}/__init__.py"'
    (root / "backend.py").write_text(backend.replace('{f"{MODULE}/__init__.py"', half))
    (root / "src" / "spam" / "halves.py").write_text(HALVES + CALL)
    (root / "tox.ini").write_text(TOX)
    return root


@pytest.mark.slow
def test_coverage_of_two_environments_is_that_of_the_tree(machine, spam: Path) -> None:
    said = machine.ok("test", "-p", "2", "--coverage", cwd=spam)
    assert "coverage of " in said
    assert "files: .coverage" in said
    data = coverage.CoverageData(str(spam / ".coverage"))
    data.read()
    (measured,) = [file for file in data.measured_files() if file.endswith("halves.py")]
    assert measured == str(spam / "src" / "spam" / "halves.py")
    # The body of the one function was measured in one environment, of the other in the other.
    assert {2, 5} <= set(data.lines(measured) or ())


@pytest.mark.slow
def test_commands_are_told_the_file_of_the_package(machine, spam: Path) -> None:
    said = machine.ok("test", "first", cwd=spam)
    path = said.split("\npackage ")[1].partition(".whl")[0] + ".whl"
    assert os.path.basename(path) == "spam-1.5-py3-none-any.whl"
    assert os.path.isfile(path)


# -- Ctrl-C

DEAF = """\
import os, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
with open(f"{sys.argv[1]}-{os.getpid()}", "w") as file:
    file.write("")
if len(sys.argv) == 2:
    child = subprocess.Popen([sys.executable, __file__, sys.argv[1], "child"])
    while len([n for n in os.listdir() if n.startswith(sys.argv[1] + "-")]) < 2:
        time.sleep(0.02)
    print("both" + "deaf", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def shell(machine, project, tmp_path: Path) -> Iterator[Terminal]:
    layers = (f"[layer.{n}]\ncommands = [['python3', 'deaf.py', '{n}']]\n" for n in ("one", "two"))
    root = project({"deaf.py": DEAF, "stead.toml": "".join(layers)})
    start = tmp_path / "bashrc"
    start.write_text(STARTS["bash"])
    opened = Terminal(
        "bash",
        ["bash", "--noprofile", "--rcfile", str(start), "-i"],
        {**machine.environ, "TERM": "dumb"},
        root,
    )
    yield opened
    opened.child.close(force=True)


def test_ctrl_c_ends_children_that_hear_nothing(shell: Terminal, project) -> None:
    root = project({})
    shell.ready()
    shell.begin("stead test -p 2")
    shell.expect("bothdeaf")
    shell.expect("bothdeaf")
    shell.type("^C")
    said = shell.ready()
    assert "2 interrupted" in said
    assert shell.run("echo ended with $?") == "ended with 130"
    notes = [n for n in os.listdir(root) if n.startswith(("one-", "two-"))]
    assert len(notes) == 4
    assert [n for n in notes if os.path.exists(f"/proc/{n.partition('-')[2]}")] == []

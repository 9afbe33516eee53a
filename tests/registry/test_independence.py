"""Every shipped item is the user's: with Stead gone it installs, runs and passes its tests.

All items are added to one project; from then on nothing is run but pip, the items' own programs
and pytest, in environments where there is no Stead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from tests.registry import house as houses
from tests.registry.variants import ITEMS

pytestmark = [pytest.mark.slow, pytest.mark.network]

STEAD = Path(sys.prefix) / "bin" / "stead"
PYTHON_ITEMS = [v.item for v in ITEMS if v.item.language == "python"]
# So said it holds for what pip installs to build with, too. pip takes the variable for the setting
# of what `--no-compile` would turn off.
UNCOMPILED = {"PIP_NO_COMPILE": "0"}
OTHERS = [
    pytest.param(v.item, id=v.item.name, marks=pytest.mark.needs(tool))
    for v in ITEMS
    for tool in [{"node": "npm", "rust": "cargo"}.get(v.item.language)]
    if tool
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def project(tmp_path_factory, home):
    """A project with every shipped item, added by Stead."""
    directory = tmp_path_factory.mktemp("made") / "project"
    directory.mkdir()
    environ = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "STEAD_HOME": str(home / "stead"),
        "PWD": str(directory),
    }
    for variant in ITEMS:
        done = subprocess.run(
            [STEAD, "module", "add", variant.item.name],
            cwd=directory, env=environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert variant.item.expects[0] in done.stdout
    shutil.rmtree(home / "stead", ignore_errors=True)
    return directory


@pytest.fixture(scope="module")
def alone(house, tmp_path_factory):
    """An environment with pip, what the modules require, and no Stead."""
    made = houses.beside(house, tmp_path_factory.mktemp("alone") / "venv")
    found = subprocess.run(
        [made.python, "-c", "import stead"], env={}, capture_output=True, check=False
    )
    assert found.returncode == 1
    assert shutil.which("stead", path=made.environ(Path("/"))["PATH"]) is None
    return made


def succeeded(done):
    assert done.returncode == 0, f"{done.args}\n{done.stdout}{done.stderr}"
    return done


def built_with(directory: Path) -> str:
    """Give what a directory's ``pyproject.toml`` says of its build back end."""
    return repr(tomllib.loads((directory / "pyproject.toml").read_text("utf-8"))["build-system"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(house, home, words, cwd) -> None:
    """Start a program that listens, see that something answers on its port, and end it."""
    port = free_port()
    said = home / f"said-{port}"
    with (
        open(said, "wb") as out,
        subprocess.Popen(
            words, cwd=cwd, env=house.environ(home, PORT=str(port)), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        ) as program,
    ):  # fmt: skip
        try:
            until = time.monotonic() + 120
            while True:
                assert program.poll() is None, said.read_text("utf-8")
                assert time.monotonic() < until, said.read_text("utf-8")
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
    assert "Traceback" not in said.read_text("utf-8")


def runs(item, house, home, words, cwd) -> None:
    """Run a program on the data that come with it; it says something, and only on stdout."""
    if item.listens:
        answers(house, home, words, cwd)
        return
    done = succeeded(house.run(*words, cwd=cwd, home=home))
    assert done.stdout
    assert done.stderr == ""


def test_each_module_installs_runs_and_passes_its_tests(project, alone, home, tmp_path):
    modules = [f"{project}/modules/{item.name}[test]" for item in PYTHON_ITEMS]
    pip = [alone.python, "-m", "pip", "--disable-pip-version-check"]
    # All ask for the same to be built with, and pip sees that it is there; that it is enough
    # where there is nothing else shows the root, which is built so.
    assert len({built_with(project / "modules" / item.name) for item in PYTHON_ITEMS}) == 1
    assert built_with(project) == built_with(project / "modules" / PYTHON_ITEMS[0].name)
    here = ["--no-build-isolation", "--check-build-dependencies"]
    succeeded(
        alone.run(*pip, "install", "-q", *here, *modules, cwd=tmp_path, home=home, **UNCOMPILED)
    )
    succeeded(alone.run(*pip, "check", cwd=tmp_path, home=home))
    for item in PYTHON_ITEMS:
        module = project / "modules" / item.name
        package = item.name.replace("-", "_")
        # Of what pip installed: the directory's own src is not on the path.
        runs(item, alone, home, [alone.python, str(module / "main.py")], tmp_path)
        runs(item, alone, home, [str(alone.directory / "bin" / item.name), "run"], tmp_path)
        helped = succeeded(alone.run(item.name, "run", "--help", cwd=tmp_path, home=home))
        assert "usage:" in helped.stdout
        wrong = alone.run(item.name, "run", "--no-such-option", cwd=tmp_path, home=home)
        assert wrong.returncode == 2
        place = succeeded(
            alone.run(
                alone.python, "-c", f"import {package}; print({package}.__file__)",
                cwd=tmp_path, home=home,
            )
        )  # fmt: skip
        assert place.stdout.startswith(str(alone.directory))
        if not item.listens:
            absent = alone.run(item.name, "run", "/no/such/file", cwd=tmp_path, home=home)
            assert absent.returncode == 2, absent.stderr
            assert absent.stderr.count("\n") == 1
            assert "Expected: " in absent.stderr
        tests = [alone.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        succeeded(alone.run(*tests, cwd=module, home=home))


def test_the_root_installs_with_the_extra_of_each_module(project, home, house, tmp_path):
    rooted = houses.beside(house, tmp_path / "venv")
    extras = ",".join(item.name for item in PYTHON_ITEMS)
    copy = shutil.copytree(project, tmp_path / "project")
    pip = [rooted.python, "-m", "pip", "--disable-pip-version-check"]
    succeeded(rooted.run(*pip, "install", "-q", f".[{extras}]", cwd=copy, home=home, **UNCOMPILED))
    # Nothing is left to lean on: the installed package holds the modules' code and data.
    shutil.rmtree(copy)
    for item in PYTHON_ITEMS:
        runs(item, rooted, home, [str(rooted.directory / "bin" / item.name), "run"], tmp_path)
        shown = succeeded(rooted.run(*pip, "show", "-f", "project", cwd=tmp_path, home=home))
        assert f"{item.name.replace('-', '_')}/data/" in shown.stdout


@pytest.mark.parametrize("item", OTHERS)
def test_each_module_in_another_language_installs_runs_and_passes_its_tests(
    item, project, alone, home, tmp_path, request
):
    added = project / "modules" / item.name
    module = shutil.copytree(added, tmp_path / item.name)
    install = item.commands.install
    if item.name == "remix-app":
        # Its commands have installed the same files already, where there is no Stead either.
        installed, environ = request.getfixturevalue("remix")
        assert shutil.which("stead", path=environ["PATH"]) is None
        (variant,) = (v for v in ITEMS if v.item is item)
        for path in variant.files():
            assert (installed / path).read_bytes() == (added / path).read_bytes(), path
        shutil.copytree(installed, module, symlinks=True, dirs_exist_ok=True)
        install = ()
    tools = {}
    for variable, place in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):
        directory = os.environ.get(variable) or os.path.expanduser(f"~/{place}")
        if os.path.isdir(directory):
            tools[variable] = directory
    for words in (*install, *item.commands.test):
        succeeded(alone.run(*words, cwd=module, home=home, timeout=900, **tools))

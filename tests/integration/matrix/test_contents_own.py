"""Environments that something changes: copies, installed and set up as the project says."""

from __future__ import annotations

import ensurepip
import glob
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents
from stead.testing.index import Wheel
from stead.values.errors import TaskError
from stead.values.frozen import replace
from stead.values.manifest import Index
from stead.values.requirement import Requirement, Source
from stead.values.suite import Contents, Environment, Product
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.spec import PackagesSpec
    from stead.values.suite import Ready

PIP = ("python", "-I", "-m", "pip", "install", "{opts}", "{packages}")


@pytest.fixture
def root(tmp_path: Path) -> str:
    path = tmp_path / "a project"
    path.mkdir()
    return str(path)


@pytest.fixture
def environment(
    root: str, interpreter: Interpreter, packages: PackagesSpec, tmp_path: Path
) -> Environment:
    """An environment with pip, which comes with Python, from a directory."""
    flat = tmp_path / "flat"
    flat.mkdir()
    for wheel in glob.glob(
        os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl")
    ):
        shutil.copy(wheel, flat)
    held = replace(
        packages,
        indexes=(*packages.indexes, Index("flat", str(flat), flat=True)),
        requirements=(Requirement("pypi", "pip"),),
    )
    return Environment(
        "py", interpreter=interpreter, prefix=f"{root}/.tox/py", contents=Contents(held)
    )


def with_contents(
    environment: Environment, *requirements: Requirement, **changes: object
) -> Environment:
    held = environment.contents
    packages = replace(held.packages, requirements=(*held.packages.requirements, *requirements))
    return replace(environment, contents=replace(held, packages=packages, **changes))


def python(ready: Ready, code: str) -> str:
    program = os.path.join(ready.programs[0], "python")
    done = subprocess.run(
        [program, "-c", code],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def version(ready: Ready, module: str) -> str:
    return python(ready, f"import {module}; print({module}.__version__)")


def test_what_commands_change_reaches_no_other_environment(
    environment: Environment, root: str, context: Context
) -> None:
    dep = Requirement("pypi", "dep", "==1.0")
    own = contents.ready(with_contents(environment, dep, own=True), None, root, context)
    shared = contents.ready(
        replace(with_contents(environment, dep), prefix=f"{root}/.tox/other"), None, root, context
    )
    [module] = glob.glob(f"{own.prefix}/lib/python3*/site-packages/dep/__init__.py")
    Path(module).write_text("__version__ = 'mine'\n")
    assert version(own, "dep") == "mine"
    assert version(shared, "dep") == "1.0"
    assert python(own, "import sys; print(sys.prefix)") == own.prefix


def test_what_commands_have_changed_is_there_the_next_time(
    environment: Environment, root: str, context: Context
) -> None:
    asked = with_contents(environment, own=True)
    first = contents.ready(asked, None, root, context)
    Path(first.prefix, "mine").touch()
    again = contents.ready(asked, None, root, context)
    assert again == replace(first, reused=True)
    assert os.path.exists(os.path.join(again.prefix, "mine"))
    afresh = contents.ready(asked, None, root, context, recreate=True)
    assert not afresh.reused
    assert not os.path.exists(os.path.join(again.prefix, "mine"))


def test_without_a_directory_in_the_tree_it_lies_at_home(
    environment: Environment, root: str, context: Context
) -> None:
    asked = replace(with_contents(environment, own=True), prefix="")
    ready = contents.ready(asked, None, root, context)
    assert ready.prefix.startswith(f"{context.home}/tests/")
    assert python(ready, "import sys; print(sys.prefix)") == ready.prefix


@pytest.mark.slow
def test_the_projects_installer_gets_requirements_constraints_and_the_package(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    wheel = Wheel("demo", "0.1", requires=("who; extra == 'all'", "dep"))
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    product = Product("wheel", "wheel", str(path), "c", "demo", "0.1", wheel.requires)
    asked = with_contents(
        environment, Requirement("pypi", "dep"), install_command=PIP, extras=("all",)
    )
    limits = replace(asked.contents.packages, constraints=(Requirement("pypi", "dep", "<2"),))
    asked = replace(asked, contents=replace(asked.contents, packages=limits))
    said: list[str] = []
    ready = contents.ready(asked, product, root, context, said.append)
    assert version(ready, "dep") == "1.0"
    assert version(ready, "demo") == "0.1"
    assert python(ready, "import who; print(who.__name__)") == "who"
    assert contents.ready(asked, product, root, context).reused
    assert [line for line in said if "pip install" in line and "--no-deps" in line]


@pytest.mark.slow
def test_new_content_of_the_package_is_installed_by_the_projects_installer(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    asked = with_contents(environment, install_command=PIP)
    for text in ("one", "two"):
        wheel = Wheel("demo", "0.1", files={"demo.py": f"__version__ = '{text}'\n"})
        path = tmp_path / wheel.filename
        path.write_bytes(wheel.content())
        product = Product("wheel", "wheel", str(path), text, "demo", "0.1")
        assert version(contents.ready(asked, product, root, context), "demo") == text


def test_lines_that_pip_alone_understands_are_given_to_pip(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    asked = with_contents(
        environment, Requirement("pypi", "dep"), lines=("--no-binary other", "--pre")
    )
    ready = contents.ready(asked, None, root, context)
    assert version(ready, "dep") == "2.0"


def test_an_installer_that_fails_is_an_error_and_is_tried_again(
    environment: Environment, root: str, context: Context
) -> None:
    asked = with_contents(
        environment, Requirement("pypi", "dep"), install_command=("false", "{packages}")
    )
    for _ in range(2):
        with pytest.raises(TaskError, match=r"false .* dep ended with 1"):
            contents.ready(asked, None, root, context)


def test_setup_commands_run_once(environment: Environment, root: str, context: Context) -> None:
    note = ("python", "-c", f"open({root!r} + '/ran', 'a').write('x')")
    asked = with_contents(environment, setup=(TestCommand(note),))
    contents.ready(asked, None, root, context)
    assert contents.ready(asked, None, root, context).reused
    assert Path(root, "ran").read_text() == "x"


def test_a_setup_command_that_fails_is_an_error_unless_it_may(
    environment: Environment, root: str, context: Context
) -> None:
    fails = TestCommand(("python", "-c", "raise SystemExit(3)"))
    with pytest.raises(TaskError, match="ended with 3"):
        contents.ready(with_contents(environment, setup=(fails,)), None, root, context)
    may = replace(fails, ignore_failure=True)
    assert contents.ready(with_contents(environment, setup=(may,)), None, root, context)


def test_system_packages_are_seen_where_that_is_said(
    environment: Environment, root: str, context: Context
) -> None:
    config = "import sys; print(open(sys.prefix + '/pyvenv.cfg').read())"
    closed = contents.ready(environment, None, root, context)
    assert "system-site-packages = false" in python(closed, config)
    open_ = contents.ready(
        with_contents(environment, system_site_packages=True), None, root, context
    )
    assert "system-site-packages = true" in python(open_, config)
    assert open_.store == closed.store
    assert open_.key != closed.key


def test_a_tree_is_installed_editable(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n'
        '[project]\nname = "other"\nversion = "1"\n'
    )
    (other / "other.py").write_text("__version__ = 'edited'\n")
    (other / "back.py").write_text(BACKEND)
    asked = with_contents(
        environment, Requirement("pypi", "other", source=Source("path", str(other), editable=True))
    )
    ready = contents.ready(asked, None, root, context)
    assert version(ready, "other") == "edited"
    assert contents.ready(asked, None, root, context).reused
    product = Product("tree", "tree", str(other), "", "other", "1")
    ready = contents.ready(environment, product, root, context)
    (other / "other.py").write_text("__version__ = 'again'\n")
    assert version(ready, "other") == "again"


BACKEND = """
import base64, hashlib, os, zipfile

def build_editable(directory, config_settings=None, metadata_directory=None):
    name = "other-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        held = {
            "other.pth": os.getcwd(),
            "other-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: other\\nVersion: 1\\n",
            "other-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        }
        lines = []
        for path, text in held.items():
            wheel.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{path},sha256={digest},{len(text)}")
        wheel.writestr("other-1.dist-info/RECORD", "\\n".join([*lines, "other-1.dist-info/RECORD,,", ""]))
    return name
"""

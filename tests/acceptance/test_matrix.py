"""`stead test` from end to end: interpreters × kinds of environments × formats of packages."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from stead.testing import cpython, make_channel

MINORS = ("3.10", "3.11", "3.12")

BACKEND = '''
"""A build back end that notes each build, with the interpreter that it ran in."""

import base64, hashlib, io, os, sys, tarfile, zipfile

INFO = "small-0.1.dist-info"
METADATA = "Metadata-Version: 2.1\\nName: small\\nVersion: 0.1\\nRequires-Python: >=3.8\\n"


def note(what):
    came = "sdist" if os.path.exists("PKG-INFO") else "tree"
    outside = os.path.realpath(sys.executable).startswith(os.environ["PYENV_ROOT"])
    with open(os.environ["BUILDS"], "a") as file:
        whose = "pyenv" if outside else "conda"
        file.write(f"{what} of {came} by {whose} {sys.version_info[0]}.{sys.version_info[1]}\\n")


def build_sdist(sdist_directory, config_settings=None):
    note("sdist")
    name = "small-0.1.tar.gz"
    with tarfile.open(os.path.join(sdist_directory, name), "w:gz") as archive:
        for path in ("pyproject.toml", "backend.py", "src/small/__init__.py"):
            archive.add(path, f"small-0.1/{path}")
        member = tarfile.TarInfo("small-0.1/PKG-INFO")
        member.size = len(METADATA)
        archive.addfile(member, io.BytesIO(METADATA.encode()))
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    note("wheel")
    with open("src/small/__init__.py") as file:
        files = {"small/__init__.py": file.read(), f"{INFO}/METADATA": METADATA}
    files[f"{INFO}/WHEEL"] = (
        "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    )
    record = "".join(
        f"{name},sha256={digest(text)},{len(text)}\\n" for name, text in files.items()
    )
    files[f"{INFO}/RECORD"] = record + f"{INFO}/RECORD,,\\n"
    name = "small-0.1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name


def digest(text):
    made = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
'''

PYPROJECT = """
[project]
name = "small"
version = "0.1"
requires-python = ">=3.8"

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

STEAD = """
[packages.conda]
channels = ["{channel}"]

[package.sdist]
builder = "sdist"
pass-env = ["BUILDS", "PYENV_ROOT"]

[package.wheel]
builder = "wheel"
pass-env = ["BUILDS", "PYENV_ROOT"]

[package.conda]
builder = "conda"
pass-env = ["BUILDS", "PYENV_ROOT"]

[layer.check]
commands = [["python", "check.py"]]

[test]
environments = ["check-{{{factors}}}-{{venv,conda}}"]
"""

CHECK = """
import sys

import small

assert small.__file__.startswith(sys.prefix), (small.__file__, sys.prefix)
print("checked", small.WORD, sys.version_info[:2])
"""


def interpreters() -> dict[str, str]:
    """The interpreters of pyenv that are here: minor version → executable."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for minor in MINORS:
        for path in sorted(root.glob(f"{minor}.*/bin/python3")):
            found[minor] = str(path)
    return found


@pytest.fixture(scope="session")
def pythons(tmp_path_factory, here) -> tuple[Path, tuple[str, ...]]:
    """A channel with the interpreters that are here; and their minor versions."""
    found = interpreters()
    if missing := [minor for minor in MINORS if minor not in found]:
        print(f"not tested, for pyenv does not have them: Python {', '.join(missing)}")
    assert found, f"pyenv has none of Python {', '.join(MINORS)}"
    packages = [cpython(path) for path in found.values()]
    channel = make_channel(tmp_path_factory.mktemp("pythons") / "channel", packages, here.name)
    return channel, tuple(found)


@pytest.fixture
def small(machine, project, pythons, tmp_path):
    """A project with a package of three formats, and a goal for each interpreter."""
    channel, minors = pythons
    machine.environ["BUILDS"] = str(tmp_path / "builds")
    if "PYENV_ROOT" not in machine.environ:
        machine.environ["PYENV_ROOT"] = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    factors = ",".join("py" + minor.replace(".", "") for minor in minors)
    root = project(
        {
            "pyproject.toml": PYPROJECT,
            "backend.py": BACKEND,
            "src/small/__init__.py": "WORD = 'first'\n",
            "check.py": CHECK,
            "stead.toml": STEAD.format(channel=channel, factors=factors),
        }
    )
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=root, env=machine.environ, check=True)
    return root


def results_of(machine, root, *words: str) -> dict:
    """Run the matrix, which must pass; gives its report."""
    # Beside the tree: what lies in it and is not ignored may be read by a build.
    machine.ok("test", "--report-json", "../report.json", *words, cwd=root)
    return json.loads((root.parent / "report.json").read_text())


def builds(machine) -> Counter[str]:
    path = Path(machine.environ["BUILDS"])
    return Counter(path.read_text().splitlines() if path.exists() else [])


@pytest.mark.slow
def test_every_environment_against_every_format(machine, small, pythons):
    _, minors = pythons
    cells = results_of(machine, small, "-p", "2")["cells"]
    names = [f"check-py{minor.replace('.', '')}" for minor in minors]
    assert sorted(one["job"] for one in cells) == sorted(
        [f"({f}) {n}-venv" for n in names for f in ("sdist", "wheel")]
        + [f"({f}) {n}-conda" for n in names for f in ("sdist", "wheel", "conda")]
    )
    assert {one["status"] for one in cells} == {"passed"}
    made = builds(machine)
    assert set(made.values()) == {1}, made
    assert sum(1 for one in made if one.startswith("sdist")) == 1
    for minor in minors:
        assert made[f"wheel of tree by pyenv {minor}"] == 1

    # Nothing has changed: nothing is built and no environment made.
    again = results_of(machine, small)
    assert builds(machine) == made
    assert all(one["reused"] for one in again["builds"])

    # A test is part of what a build may read, and not of the wheel: it is built once
    # more, and what came of it is known, so that nothing is installed.
    (small / "check.py").write_text(CHECK + "print('more')\n", encoding="utf-8")

    def environments():
        return {n for n in os.listdir(machine.stead_home / "store") if "-small-" not in n}

    before = environments()
    results_of(machine, small)
    assert environments() == before


@pytest.mark.slow
def test_a_changed_package_reaches_every_environment(machine, small):
    first = machine.ok("test", "check-py312-venv", cwd=small)
    assert "checked first" in first
    (small / "src" / "small" / "__init__.py").write_text("WORD = 'second'\n", encoding="utf-8")
    second = machine.ok("test", "check-py312-venv", cwd=small)
    assert "checked second" in second
    assert "checked first" not in second


@pytest.mark.slow
def test_one_that_fails_fails_the_run_and_shows_its_output(machine, small):
    (small / "check.py").write_text("print('it broke'); raise SystemExit(3)\n", encoding="utf-8")
    done = machine.run("test", "check-py312-venv", "--package", "wheel", cwd=small)
    assert done.returncode == 1
    assert "it broke" in done.stdout
    assert "python ended with 3" in done.stdout

"""Quick commands load and do no more than their answer needs: counted, never timed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from stead.store.generations import History
from stead.testing.index import Wheel, make_index

SPY = """\
import atexit, json, os, sys

before = set(sys.modules)
counts = {"fsync": 0, "processes": 0}
fsync = os.fsync

def counted(fd):
    counts["fsync"] += 1
    return fsync(fd)

def hook(event, _):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system"):
        counts["processes"] += 1

os.fsync = counted
sys.addaudithook(hook)
into = sys.argv.pop(1)

@atexit.register
def tell():
    with open(into, "w") as file:
        json.dump({**counts, "modules": sorted(set(sys.modules) - before)}, file)

from stead.__main__ import main

sys.exit(main())
"""

NEVER = {
    *("base64", "dataclasses", "hashlib", "importlib.metadata", "inspect", "packaging", "rattler"),
    *("rich", "shutil", "sqlite3", "ssl", "subprocess", "tempfile", "tomlkit", "urllib.request"),
}
"""What no command loads that only looks or goes back."""

STEPS = {
    *("stead.ecosystems", "stead.formats.stead_lock", "stead.formats.stead_toml", "tomllib"),
    *("stead.config.bind", "stead.history.record", "stead.pipeline.compose", "stead.pipeline.keep"),
    *("stead.pipeline.steps", "stead.history.ahead", "stead.history.transaction"),
    *("pathlib", "threading", "typing"),
}
"""The pipeline, which going back to a build that is there needs as little as the log."""

MANIFEST = '[packages.pypi]\nleaf = "<2"\n\n[vars]\nLEVEL = "1"\n'


@pytest.fixture
def spied(machine, tmp_path):
    def run(*words, cwd):
        into = tmp_path / "seen.json"
        environ = {**machine.environ, "PWD": str(cwd), "STEAD_CALLER": "1"}
        subprocess.run(
            [sys.executable, "-c", SPY, str(into), *words],
            cwd=cwd,
            env=environ,
            check=True,
            capture_output=True,
            timeout=120,
        )
        return json.loads(into.read_text())

    return run


def changed(machine, root):
    machine.ok("build", cwd=root)
    machine.ok("set", "LEVEL=2", cwd=root)
    return root


@pytest.mark.parametrize("repository", [False, True], ids=["plain", "git"])
def test_going_back_writes_the_record_and_little_else(machine, project, spied, repository):
    root = project({"stead.toml": MANIFEST})
    if repository:
        subprocess.run(["git", "init", "-q"], cwd=root, env=machine.environ, check=True)
    changed(machine, root)
    for word in ("undo", "redo"):
        seen = spied(word, cwd=root)
        # The intent, the record and the manifest, each with its directory.
        assert seen["fsync"] == 6
        assert seen["processes"] == 0
        assert (NEVER | STEPS).intersection(seen["modules"]) == set()


def test_the_log_reads_files_alone(machine, project, spied):
    root = changed(machine, project({"stead.toml": MANIFEST}))
    seen = spied("log", cwd=root)
    assert (seen["fsync"], seen["processes"]) == (0, 0)
    assert (NEVER | STEPS).intersection(seen["modules"]) == set()


@pytest.mark.parametrize("words", [("status",), ("env", "list"), ("env", "vars"), ("tree",)])
def test_looking_loads_no_engine(machine, project, spied, words):
    root = changed(machine, project({"stead.toml": MANIFEST}))
    seen = spied(*words, cwd=root)
    assert (seen["fsync"], seen["processes"]) == (0, 0)
    assert NEVER.intersection(seen["modules"]) == set()


def test_a_new_place_waits_for_its_two_records_alone(machine, project, spied, tmp_path):
    first = project({"stead.toml": MANIFEST})
    machine.ok("build", cwd=first)
    second = tmp_path / "second"
    second.mkdir()
    for name in ("stead.toml", "stead.lock"):
        (second / name).write_bytes((first / name).read_bytes())
    seen = spied("build", cwd=second)
    # The place's record and its generation, each with its directory.
    assert (seen["fsync"], seen["processes"]) == (4, 0)


TOX = """\
[tox]
env_list = one, two

[testenv]
package = {package}
wheel_build_env = .pkg
commands = python -c "import small"
"""
BACKEND = """\
import os, tarfile, zipfile

INFO = "small-1.dist-info"
METADATA = "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nRequires-Python: >=3.8\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_wheel(directory, settings=None, metadata=None):
    name = "small-1-py3-none-any.whl"
    files = {"small.py": "", f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL}
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        record = "".join(f"{path},,\\n" for path in (*files, f"{INFO}/RECORD"))
        archive.writestr(f"{INFO}/RECORD", record)
    return name


def build_sdist(directory, settings=None):
    with open("PKG-INFO", "w") as file:
        file.write(METADATA)
    with tarfile.open(os.path.join(directory, "small-1.tar.gz"), "w:gz") as archive:
        for name in ("pyproject.toml", "backend.py", "PKG-INFO"):
            archive.add(name, f"small-1/{name}")
    return "small-1.tar.gz"
"""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1"
requires-python = ">=3.8"
"""

UNNEEDED = {
    *("base64", "configparser", "dataclasses", "hashlib", "importlib.metadata", "inspect"),
    *("logging", "packaging", "platform", "rattler", "rich", "shutil", "sqlite3", "ssl"),
    *("pathlib", "tempfile", "tomlkit", "tomllib", "traceback", "typing", "urllib.request"),
    *("stead.formats.toml_lines", "stead.matrix.coverage", "stead.matrix.reports.html"),
    *("stead.pipeline.build", "stead.pipeline.lock"),
}
"""What tests of an unchanged project run without."""


@pytest.mark.parametrize("package", ["wheel", "sdist"])
def test_unchanged_environments_are_tested_without_engines(
    machine, project, spied, package, tmp_path
):
    index = make_index(tmp_path / "own", [Wheel("pip", "25.0")])
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"
    files = {"tox.ini": TOX.format(package=package), "backend.py": BACKEND}
    root = project({**files, "pyproject.toml": PYPROJECT})
    machine.ok("test", cwd=root)
    machine.ok("test", cwd=root)
    seen = spied("test", cwd=root)
    # The two commands, and what ends them should Stead be killed; nothing waits for the disk.
    assert (seen["fsync"], seen["processes"]) == (0, 3)
    assert UNNEEDED.intersection(seen["modules"]) == set()
    seen = spied("test", "--list", cwd=root)
    assert (seen["fsync"], seen["processes"]) == (0, 0)
    running = {"stead.matrix.execute", "stead.matrix.scheduler", "subprocess"}
    assert (UNNEEDED | running).intersection(seen["modules"]) == set()


EDITS = {
    "a manifest": {"inner/stead.toml": MANIFEST.replace("1", "3")},
    "a manifest of another kind": {"inner/requirements.txt": "tool\n"},
    "a lock": {"inner/stead.lock": None},
    "no manifest": {"inner/stead.toml": None},
    "a root above": {"stead.toml": '[workspace]\nmembers = ["*"]\n\n[vars]\nA = "1"\n'},
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_whatever_was_edited_is_marked(machine, project, edits):
    top = project({"inner/stead.toml": MANIFEST})
    root = changed(machine, top / "inner")
    assert not machine.json("log", cwd=root)[0]["edited"]
    for name, text in edits.items():
        if text is None:
            (top / name).unlink()
        else:
            (top / name).write_text(text)
    assert machine.json("log", cwd=root)[0]["edited"]


def test_what_depends_on_more_than_its_files_is_not_taken_for_closed(machine, project):
    shared = {"../shared.txt": "leaf<2\n"}
    for number, (manifests, closed) in enumerate(
        [
            ({"stead.toml": MANIFEST}, True),
            ({"stead.toml": '[vars]\nWHERE = "${HOME}/data"\n'}, False),
            ({"stead.toml": MANIFEST, ".env": "OWN=1\n"}, False),
            ({"requirements.txt": "-r ../shared.txt\n", **shared}, False),
            ({"stead.toml": 'adopt = ["TERM"]\n\n[vars]\nTERM = "dumb"\n'}, False),
        ]
    ):
        root = project({f"place{number}/{name}": text for name, text in manifests.items()})
        place = root / f"place{number}"
        machine.ok("build", cwd=place)
        last = History(machine.stead_home, str(place), "default").last()
        assert last is not None
        assert last.closed == closed, manifests

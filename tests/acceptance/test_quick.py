"""Quick commands load and do no more than their answer needs: counted, never timed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from stead.store.generations import History

SPY = """\
import atexit, json, os, sys

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
        json.dump({**counts, "modules": sorted(sys.modules)}, file)

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

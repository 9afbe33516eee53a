"""Looking after the store and looking at places; what only reads changes nothing."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from stead.testing.server import serve

MANIFEST = """\
[packages.pypi]
branch = "2.0"

[layer.test.packages.pypi]
tool = "*"

[vars]
LEVEL = "3"

[tasks]
say = ["echo", "said"]
"""


@pytest.fixture
def root(machine, project):
    return project({"stead.toml": MANIFEST})


def builds(machine):
    return {p.name for p in (machine.stead_home / "store").glob("[!.]*")}


def build_of(machine, root, *options):
    return machine.ok("env", "path", *options, cwd=root).strip()


READING = [
    ["status"],
    ["status", "--json"],
    ["env", "list"],
    ["env", "list", "--json"],
    ["env", "show"],
    ["env", "show", "--json"],
    ["env", "path"],
    ["env", "path", "--json"],
    ["env", "vars"],
    ["env", "vars", "--json"],
    ["env", "vars", "--shell", "bash"],
    ["tree"],
    ["tree", "--json"],
    ["why", "leaf"],
    ["why", "leaf", "--json"],
    ["store", "usage"],
    ["store", "usage", "--json"],
    ["store", "path"],
    ["gc", "--dry-run"],
    ["schema"],
]


def test_reading_commands_change_nothing_and_fetch_nothing(machine, root, index):
    with serve(index) as served:
        machine.environ["UV_DEFAULT_INDEX"] = f"{served.url}/simple"
        machine.ok("run", "true", cwd=root)
        assert served.requests
        served.requests.clear()
        for words in READING:  # what is found out once may be kept
            machine.ok(*words, cwd=root)
        before = machine.tree(machine.home, root)
        for words in READING:
            machine.ok(*words, cwd=root)
            after = machine.tree(machine.home, root)
            changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
            assert not changed, (words, changed)
        assert served.requests == []


def test_reading_commands_in_a_place_never_used(machine, root, index):
    """Nothing is locked: they say so, write nothing into the tree and build nothing."""
    with serve(index) as served:
        machine.environ["UV_DEFAULT_INDEX"] = f"{served.url}/simple"
        for words in READING:
            done = machine.run(*words, cwd=root)
            assert done.returncode in (0, 1), (words, done.stderr)
            assert "Traceback" not in done.stderr
            if done.returncode:
                assert "stead lock" in done.stderr, (words, done.stderr)
        assert served.requests == []
    assert sorted(os.listdir(root)) == ["stead.toml"]
    assert builds(machine) == set()


def keys(value):
    """Give the shape of JSON: names of keys, and of the first element of lists."""
    if isinstance(value, dict):
        return {k: keys(v) for k, v in value.items()}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return type(value).__name__


PACKAGE = {"ecosystem": "str", "name": "str", "version": "str", "id": "str"}

SHAPES = {
    ("status",): {
        "place": "str",
        "root": "str",
        "name": "str",
        "environment": "str",
        "layers": [],
        "platform": "str",
        "digest": "str",
        "read": [{"file": "str", "format": "str"}],
        "ignored": [],
        "asked": [{"request": "str", "origin": "str"}],
        "variables": [{"name": "str", "origin": "str"}],
        "undeclared": [],
        "app": "str",
        "host": "str",
        "net": "str",
        "files": [],
        "tasks": ["str"],
        "lock": {
            "file": "str",
            "answers": "bool",
            "packages": "int",
            "python": "str",
            "differences": [],
        },
        "interpreter": "str",
        "build": "str",
        "nothing_to_build": "bool",
        "in_use": "bool",
        "trusted": "bool",
        "problems": [],
        "transaction": "NoneType",
        "copies": [],
        "drift": [],
        "unseen": [],
        "damaged": [],
        "working": [],
        "history": {"generation": "int", "edited": "bool", "unfinished": [], "said": "str"},
    },
    ("env", "list"): [
        {"environment": "str", "locked": "bool", "platforms": ["str"], "build": "str"}
    ],
    ("env", "show"): {
        "environment": "str",
        "place": "str",
        "platform": "str",
        "python": "str",
        "interpreter": {"path": "str", "version": "str", "tag": "str", "found": "str"},
        "build": "str",
        "packages": [PACKAGE],
        "variables": ["str"],
    },
    ("env", "path"): {"path": "str"},
    ("tree",): {"roots": ["str"], "packages": [{**PACKAGE, "depends": ["str"]}]},
    ("why", "leaf"): [{"asked_by": ["str"], "way": ["str"]}],
    ("lock",): [
        {
            "place": "str",
            "environment": "str",
            "platform": "str",
            "changes": [],
            "packages": ["str"],
        }
    ],
    ("build",): {"environment": "str", "path": "str"},
    ("store", "verify"): {"builds": ["str"], "findings": [], "aside": [], "dropped": []},
    ("store", "path"): {"home": "str", "store": "str", "packages": "str"},
}


def test_answers_as_json_keep_their_shape(machine, root):
    machine.ok("run", "true", cwd=root)
    for words, shape in SHAPES.items():
        assert keys(machine.json(*words, cwd=root)) == shape, words
    given = machine.json("env", "vars", cwd=root)
    assert set(given) == {"set", "unset", "secret"}
    assert given["set"]["LEVEL"] == "3"
    used = machine.json("store", "usage", cwd=root)
    assert set(used) == {"home", "bytes", "builds", "parts"}
    assert {"name", "bytes", "own", "users"} <= set(used["builds"][0])
    assert set(machine.json("gc", cwd=root)) == {"dry_run", "bytes", "removed", "kept"}


def test_what_the_answers_say(machine, root):
    machine.ok("run", "true", cwd=root)
    machine.ok("lock", "-e", "test", cwd=root)
    rows = {r["environment"]: r for r in machine.json("env", "list", cwd=root)}
    assert rows["default"]["locked"]
    assert rows["test"]["locked"]
    assert rows["test"]["build"] is None
    assert rows["default"]["build"] == build_of(machine, root)
    shown = machine.json("env", "show", "test", cwd=root)
    assert {p["name"]: p["version"] for p in shown["packages"]} == {
        "branch": "2.0",
        "leaf": "2.0",
        "tool": "1.0",
    }
    tree = machine.ok("tree", cwd=root).splitlines()
    assert tree[0].startswith("branch 2.0")
    assert tree[1].startswith("└── leaf 2.0")
    assert "stead.toml:2: branch 2.0 → leaf 2.0" in machine.ok("why", "leaf", cwd=root)
    message = machine.fails("why", "laef", cwd=root, code=2)
    assert "did you mean 'leaf'" in message
    assert "not built" in machine.fails("env", "path", "-e", "test", cwd=root)


def test_collection_keeps_what_is_used_and_removes_what_is_not(machine, root):
    machine.ok("run", "true", cwd=root)
    first = os.path.basename(build_of(machine, root))
    machine.ok("run", "-e", "test", "true", cwd=root)
    test = os.path.basename(build_of(machine, root, "-e", "test"))
    text = (root / "stead.toml").read_text(encoding="utf-8")
    (root / "stead.toml").write_text(text.replace('"2.0"', '"1.0"'), encoding="utf-8")
    machine.ok("run", "true", cwd=root)
    second = os.path.basename(build_of(machine, root))
    assert builds(machine) == {first, test, second}
    for pointer in (machine.stead_home / "places").rglob("current"):
        os.utime(pointer, (1, 1), follow_symlinks=False)  # nobody starts with the former record now
    plan = machine.json("gc", "--no-history", "--dry-run", "--older-than", "0s", cwd=root)
    assert builds(machine) == {first, test, second}
    report = machine.json("gc", "--no-history", "--older-than", "0s", cwd=root)
    removed = {r["name"] for r in report["removed"] if r["kind"] == "build"}
    assert removed == {first} == {r["name"] for r in plan["removed"] if r["kind"] == "build"}
    assert builds(machine) == {test, second}
    assert report["bytes"] > 0
    for name, version in (("default", "1.0"), ("test", "1.0")):
        code = "import branch; print(branch.__version__)"
        assert machine.ok("run", "-e", name, "python", "-c", code, cwd=root).strip() == version
    # What was removed is made again when it is needed.
    (root / "stead.toml").write_text(text, encoding="utf-8")
    machine.ok("run", "true", cwd=root)
    assert first in builds(machine)


def test_collection_after_the_place_is_gone(machine, root):
    machine.ok("run", "true", cwd=root)
    machine.ok("gc", "--older-than", "0s", cwd=machine.home)
    assert len(builds(machine)) == 1
    shutil.rmtree(root)
    machine.ok("gc", cwd=machine.home)
    assert len(builds(machine)) == 1  # a disk may be unplugged
    machine.ok("gc", "--older-than", "0s", cwd=machine.home)
    assert builds(machine) == set()


def test_flipped_byte_is_found_and_mended(machine, root):
    code = "import leaf; print(leaf.__version__)"
    machine.ok("run", "python", "-c", code, cwd=root)
    machine.ok("store", "verify", cwd=root)
    (victim,) = machine.stead_home.glob("store/*/lib/python*/site-packages/leaf/__init__.py")
    before = victim.read_bytes()
    times = victim.stat()
    mode = times.st_mode
    victim.chmod(0o644)
    with open(victim, "r+b") as file:  # in place: the cache shares the file
        file.write(bytes([before[0] ^ 1]))
    victim.chmod(mode)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    done = machine.run("store", "verify", cwd=root)
    assert done.returncode == 1
    assert "leaf/__init__.py" in done.stdout
    assert "--repair" in done.stderr
    machine.ok("store", "verify", "--repair", cwd=root)
    assert machine.ok("run", "python", "-c", code, cwd=root) == "2.0\n"
    (mended,) = machine.stead_home.glob("store/[!.]*/lib/python*/site-packages/leaf/__init__.py")
    assert mended.read_bytes() == before
    machine.ok("store", "verify", cwd=root)


def test_usage_counts_shared_files_once(machine, root):
    machine.ok("run", "true", cwd=root)
    alone = machine.json("store", "usage", cwd=root)["bytes"]
    machine.ok("run", "-e", "test", "true", cwd=root)
    report = machine.json("store", "usage", cwd=root)
    assert len(report["builds"]) == 2
    assert {os.path.basename(u) if os.sep in u else u for b in report["builds"] for u in b["users"]}
    assert report["bytes"] > alone
    assert all(b["own"] <= b["bytes"] for b in report["builds"])


def test_status_says_what_to_mend(machine, root):
    def problems():
        return [p["what"] for p in machine.json("status", cwd=root)["problems"]]

    assert problems() == ["not locked yet"]
    machine.ok("lock", cwd=root)
    assert problems() == ["not built yet"]
    machine.ok("build", cwd=root)
    assert problems() == []
    text = (root / "stead.toml").read_text(encoding="utf-8")
    (root / "stead.toml").write_text(text.replace('"2.0"', '"1.0"'), encoding="utf-8")
    report = machine.json("status", cwd=root)
    assert report["lock"]["differences"] == ["+ pypi branch ==1.0", "- pypi branch ==2.0"]
    assert problems() == ["the lock does not answer the manifests"]
    machine.ok("run", "true", cwd=root)
    assert problems() == []
    machine.environ |= {"STEAD_PLACE": str(root), "STEAD_ENV": "default"}
    assert machine.json("status", cwd=root)["in_use"]


def test_what_containers_have_is_collected_when_their_engine_has_them_no_more(machine, tmp_path):
    kept = machine.stead_home / "containers" / "prod-here-1234abcd" / "1"
    kept.mkdir(parents=True)
    (kept / "payload.json").write_text("{}")
    os.utime(kept, (1, 1))
    programs = tmp_path / "programs"
    programs.mkdir()
    label = "dev.stead.container"
    there = json.dumps([{"Name": "a", "Config": {"Labels": {f"{label}.generation": "1"}}}])
    answers = {
        "cannot be asked": "echo no >&2; exit 1",
        "has it": f"case $1 in ps) echo 0a ;; *) echo '{there}' ;; esac",
        "has it no more": "exit 0",
    }
    machine.environ["PATH"] = str(programs)
    assert machine.run("gc", cwd=tmp_path).returncode == 0  # without any engine
    assert kept.exists()
    for name, answer in answers.items():
        for engine in ("podman", "docker"):
            (programs / engine).write_text(f"#!/bin/sh\n{answer}\n")
            (programs / engine).chmod(0o755)
        done = machine.run("gc", cwd=tmp_path)
        assert done.returncode == 0
        assert kept.exists() == (name != "has it no more"), name
        assert ("it is not known" in done.stderr) == (name == "cannot be asked")

"""What anybody who may push could have written: it is read with care, and harms nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MANIFEST = '[vars]\nLEVEL = "1"\n'
CLONE = "abcd" * 4


@pytest.fixture
def team(machine, project, tmp_path):
    """A place in a clone, and its bare remote."""
    root = project({"stead.toml": MANIFEST, "sub/keep": ""})
    remote = tmp_path / "remote"
    git(machine, root, "init", "-q")
    git(machine, root, "init", "-q", "--bare", str(remote))
    git(machine, root, "remote", "add", "origin", str(remote))
    git(machine, root, "add", ".")
    git(machine, root, "commit", "-qm", "first")
    return root, remote


def git(machine, cwd, *words, stdin=None):
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words],
        cwd=cwd,
        env=machine.environ,
        input=stdin,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def share(
    machine, remote, files, *, clone=CLONE, place="%2E", tree=None, parent=None, odd=None, **more
):
    """Put a generation on the remote as somebody's; gives the commit."""
    entries = []
    for path, text in (tree or files).items():
        blob = git(machine, remote, "hash-object", "-w", "--stdin", stdin=text.encode())
        entries.append((path, blob))
    index = {**machine.environ, "GIT_INDEX_FILE": str(remote / f"index-{os.urandom(4).hex()}")}
    for path, blob in entries:
        words = ["update-index", "--add", "--cacheinfo", f"100644,{blob},{path}"]
        subprocess.run(["git", *words], cwd=remote, env=index, check=True, capture_output=True)
    made = subprocess.run(
        ["git", "write-tree"], cwd=remote, env=index, check=True, capture_output=True, text=True
    ).stdout.strip()
    data = {
        "number": 1,
        "time": 1.7e9,
        "who": "eve@far",
        "place": ".",
        "environment": "default",
        "platform": "linux-64",
        "root": ".",
        "files": {n: hashlib.sha256(t.encode()).hexdigest() for n, t in files.items()},
        "variables": {},
        "at": 1,
        "base": 1,
        **more,
        **(odd or {}),
    }
    message = f"x\n\nstead generation {data['number']}\n{json.dumps(data)}\n"
    parents = ["-p", parent] if parent else []
    commit = git(machine, remote, "commit-tree", made, *parents, stdin=message.encode())
    git(machine, remote, "update-ref", f"refs/stead/{clone}/main/{place}/default", commit)
    return commit


NEW = '[vars]\nLEVEL = "2"\n'


def test_a_plain_one_is_used(machine, team):
    root, remote = team
    share(machine, remote, {"stead.toml": NEW})
    machine.ok("history", "fetch", cwd=root)
    machine.ok("rollback", "eve:1", cwd=root)
    assert (root / "stead.toml").read_text() == NEW
    machine.ok("undo", cwd=root)
    assert (root / "stead.toml").read_text() == MANIFEST


@pytest.mark.parametrize(
    "name",
    [
        "../outside.toml",
        ".git/hooks/post-checkout",
        ".GIT/config",
        "sub/.git/config",
        "git~1/config",
        ".env",
        "sub/.ENV",
        "/tmp/absolute.toml",
        "sub/../../outside.toml",
        "link/outside.toml",
        "gitlink/hooks/post-commit",
        ".stead/x",
        "c:\\x.toml",
        "a\nb.toml",
        "",
    ],
)
def test_no_name_leads_anywhere_else(machine, team, tmp_path, name):
    root, remote = team
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "gitlink").symlink_to(root / ".git")
    held = dict.fromkeys(("stead.toml",), NEW)
    share(machine, remote, {"stead.toml": NEW, name: "evil\n"}, tree=held)
    machine.ok("run", "true", cwd=root)
    machine.ok("history", "fetch", cwd=root)
    before = machine.tree(root, tmp_path / "elsewhere")
    message = machine.fails("rollback", "eve:1", cwd=root)
    assert "nothing was written" in message or "is not what its record says" in message
    after = machine.tree(root, tmp_path / "elsewhere")
    assert {p: v for p, v in after.items() if v != before.get(p)} == {}
    assert not (root.parent / "outside.toml").exists()


def test_a_root_outside_of_the_tree_is_refused(machine, team):
    root, remote = team
    share(machine, remote, {"stead.toml": NEW}, root="..")
    machine.ok("history", "fetch", cwd=root)
    assert "none of this place's manifests" in machine.fails("rollback", "eve:1", cwd=root)
    assert not (root.parent / "stead.toml").exists()


def test_a_text_that_is_not_the_one_spoken_of_is_refused(machine, team):
    root, remote = team
    share(machine, remote, {"stead.toml": NEW}, tree={"stead.toml": "[vars]\nPATH = '/evil'\n"})
    machine.ok("history", "fetch", cwd=root)
    assert "is not what its record says" in machine.fails("rollback", "eve:1", cwd=root)
    assert (root / "stead.toml").read_text() == MANIFEST


@pytest.mark.parametrize(
    "odd",
    [
        {"number": -1},
        {"number": "1"},
        {"number": True},
        {"time": 1e300},
        {"time": "now"},
        {"who": 7},
        {"files": ["stead.toml"]},
        {"files": {"stead.toml": 7}},
        {"command": [1]},
        {"variables": {"A": 1}},
        {"variables": []},
        {"modules": [{"name": 1, "location": 2, "requested": 3, "commit": 4, "working": 5}]},
        {"modules": [{"nonsense": 1}]},
        {"redo": 3},
        {"absent": 3},
        {"root": None},
        {"reason": 4},
        {"lock_file": 5},
        {"platform": None},
    ],
)
def test_a_record_that_makes_no_sense_is_passed_over(machine, team, odd):
    root, remote = team
    share(machine, remote, {"stead.toml": NEW}, odd=odd)
    machine.ok("history", "fetch", cwd=root)
    for words in (("log",), ("log", "--all", "-p"), ("log", "--json")):
        done = machine.run(*words, cwd=root)
        assert done.returncode == 0, done.stderr
    assert machine.run("rollback", "abcd:1", cwd=root).returncode == 1
    assert (root / "stead.toml").read_text() == MANIFEST


def test_no_terminal_obeys_what_a_stranger_wrote(machine, team):
    root, remote = team
    bad = "\x1b]0;owned\x07\x1b[2J"
    text = f'[vars]\nLEVEL = "{bad}"\n'
    about = {"who": f"eve{bad}@far", "reason": f"x{bad}", "command": ["add", bad]}
    share(machine, remote, {"stead.toml": text}, variables={"A": bad}, **about)
    machine.ok("history", "fetch", cwd=root)
    machine.ok("run", "true", cwd=root)
    for words in (("log", "--all"), ("log", "--all", "-p"), ("diff", "1", "abcd:1")):
        out = machine.ok(*words, cwd=root)
        assert "\x1b" not in out
        assert "\\x1b" in out
    done = machine.run("rollback", "abcd:1", cwd=root)
    assert "\x1b" not in done.stdout + done.stderr


def test_what_is_no_commit_of_a_clone_is_passed_over(machine, team):
    root, remote = team
    blob = git(machine, remote, "hash-object", "-w", "--stdin", stdin=b"x")
    for name in (f"{CLONE}/main/%2E/default", "notaclone/main/%2E/default", "short", "a/b"):
        git(machine, remote, "update-ref", f"refs/stead/{name}", blob)
    machine.ok("history", "fetch", cwd=root)
    assert machine.json("log", "--all", cwd=root) == []


def test_people_and_clones_are_told_apart(machine, team):
    root, remote = team
    first, second = "abcd0" + "1" * 11, "abcd0" + "2" * 11
    one = share(machine, remote, {"stead.toml": MANIFEST}, clone=first)
    share(machine, remote, {"stead.toml": NEW}, clone=first, parent=one, number=2, who="zoe@x")
    share(machine, remote, {"stead.toml": NEW}, clone=second)
    machine.ok("history", "fetch", cwd=root)
    names = [e["name"] for e in machine.json("log", "--all", cwd=root)]
    assert sorted(names) == ["abcd01:1", "abcd01:2", "abcd02:1"]
    message = machine.fails("rollback", "eve:1", cwd=root)
    assert "may mean any of 2 clones" in message
    assert "abcd01:1" in message
    assert "may mean any" in machine.fails("rollback", "abcd0:1", cwd=root)
    assert "has shared no generation 9" in machine.fails("rollback", "abcd01:9", cwd=root)
    assert "nobody called abc " in machine.fails("rollback", "abc:1", cwd=root)
    machine.ok("rollback", "zoe@x:2", cwd=root)
    assert (root / "stead.toml").read_text() == NEW


DRIVER = """
import os, sys
count, stop = 0, int(sys.argv[1])
def ending(real):
    def call(*args, **more):
        global count
        count += 1
        if count == stop:
            os.kill(os.getpid(), 9)
        return real(*args, **more)
    return call
for name in ("replace", "unlink", "fsync", "open", "write"):
    setattr(os, name, ending(getattr(os, name)))
from stead.cli.main import main
raise SystemExit(main(["rollback", "eve:1"]))
"""


@pytest.mark.slow
def test_killed_at_any_step_the_place_is_as_before_or_as_after(machine, team):
    root, remote = team
    share(machine, remote, {"stead.toml": NEW, "more.toml": "x\n"}, absent=["stead.lock"])
    machine.ok("set", "LEVEL=5", cwd=root)
    machine.ok("history", "fetch", cwd=root)
    before = (root / "stead.toml").read_text()
    python = str(Path(machine.program).parent / "python")
    assert os.path.exists(python), sys.prefix
    ended = set()
    for stop in range(1, 400, 5):
        words = [python, "-c", DRIVER, str(stop)]
        env = {**machine.environ, "PWD": str(root)}
        done = subprocess.run(words, cwd=root, env=env, capture_output=True, check=False)
        machine.ok("log", cwd=root)
        now = (root / "stead.toml").read_text()
        assert now in (before, NEW)
        assert (root / "more.toml").exists() == (now == NEW)
        ended.add(now)
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        if now == NEW:
            machine.ok("undo", cwd=root)
            assert (root / "stead.toml").read_text() == before
            (root / "more.toml").unlink(missing_ok=True)
    assert ended == {before, NEW}

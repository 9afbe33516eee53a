"""Two people, two clones, one bare remote: what one has recorded, the other sees and uses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

MANIFEST = """\
[packages.pypi]
tool = "*"

[vars]
LEVEL = "1"
"""


class Person:
    """Somebody with a machine account of her own and a clone of the project."""

    def __init__(self, machine, root: Path, home: Path) -> None:
        self.machine, self.root = machine, root
        self.env = {
            "STEAD_HOME": str(home),
            "HOME": str(home.parent),
            "XDG_CONFIG_HOME": str(home.parent / "config"),
        }

    def run(self, *words, cwd=None, env=None):
        return self.machine.run(*words, cwd=cwd or self.root, env={**self.env, **(env or {})})

    def ok(self, *words, cwd=None, env=None):
        done = self.run(*words, cwd=cwd, env=env)
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, *words, cwd=None, code=1, env=None):
        done = self.run(*words, cwd=cwd, env=env)
        assert done.returncode == code, f"{words}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "a fault in Stead" not in done.stderr
        assert "→" in done.stderr
        return done.stderr

    def log(self, *words, cwd=None):
        return json.loads(self.ok("log", "--json", *words, cwd=cwd))

    def git(self, *words, cwd=None, ok=True):
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=cwd or self.root,
            env={**self.machine.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not ok, f"{words}\n{done.stderr}"
        return done.stdout

    def everything(self):
        """All of the clone but objects and Stead's references, with its working tree."""
        found = {}
        for path, (mode, when, content) in self.machine.tree(self.root).items():
            inside = os.path.relpath(path, self.root)
            if inside.startswith((".git/objects/", ".git/refs/stead", ".git/stead")):
                continue
            if os.path.isfile(path) and not os.path.islink(path):
                found[inside] = (mode, when, content)
        return found


@pytest.fixture
def team(machine, tmp_path):
    """Ann, who began the project, and Bob, who cloned it."""
    remote = tmp_path / "re mote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", remote], check=True)
    people = []
    for name in ("ann", "bob"):
        home = tmp_path / f"home of {name}"
        (home / "h").mkdir(parents=True)
        people.append(Person(machine, tmp_path / name / "the project", home / "h" / "stead"))
    ann, bob = people
    ann.root.mkdir(parents=True)
    (ann.root / "stead.toml").write_text(MANIFEST)
    (ann.root / ".gitignore").write_text(".env\nstead.lock\n")
    ann.git("init", "-q")
    ann.git("add", ".")
    ann.git("commit", "-qm", "first")
    ann.git("remote", "add", "origin", str(remote))
    ann.git("push", "-q", "-u", "origin", "main")
    bob.root.parent.mkdir()
    bob.git("clone", "-q", str(remote), str(bob.root), cwd=tmp_path)
    return ann, bob, remote


def theirs(person, *words, cwd=None):
    return [e for e in person.log(*words, cwd=cwd) if e["clone"]]


def test_a_colleague_s_generations_are_listed_compared_and_used(team):
    ann, bob, remote = team
    ann.ok("set", "LEVEL=2")
    ann.ok("add", "leaf<2", "-m", "it is needed")
    before = ann.everything(), bob.everything()
    assert "shared the top, default" in ann.ok("history", "push")
    assert "has everything already" in ann.ok("history", "push")
    assert "fetched the top, default of " in bob.ok("history", "fetch")
    assert bob.ok("history", "fetch") == "nothing new\n"
    assert (ann.everything(), bob.everything()) == before
    names = ann.git("for-each-ref", "--format=%(refname)", cwd=remote).split()
    (clone,) = {n.split("/")[2] for n in names if n.startswith("refs/stead/")}
    assert f"refs/stead/{clone}/main/%2E/default" in names
    assert [n for n in names if not n.startswith("refs/stead/")] == ["refs/heads/main"]

    (entry,) = theirs(bob)
    assert (entry["name"], entry["clone"], entry["number"]) == (f"{clone[:4]}:3", clone, 3)
    assert entry["reason"] == "it is needed"
    (line,) = bob.ok("log").splitlines()
    assert f"{clone[:4]}:3" in line
    assert "2 more: `stead log --from" in line
    assert [e["number"] for e in bob.log("--from", clone[:4])] == [3, 2, 1]
    assert [e["number"] for e in bob.log("--from", entry["who"])] == [3, 2, 1]
    out = bob.ok("log", "-p", "--from", clone)
    assert "+ pypi:leaf 1.0" in out
    assert "~ LEVEL=1 → 2" in out
    # Bob has no history of his own yet: what is here is what it is compared with.
    lines = bob.ok("diff", f"{clone[:4]}:3").splitlines()
    assert "~ LEVEL=2 → 1" in lines
    assert "- pypi:leaf 1.0" in lines

    said = bob.ok("rollback", f"{clone[:4]}:3")
    assert f"{clone[:4]}:3" in said
    assert "changed stead.toml" in said
    for name in ("stead.toml", "stead.lock"):
        assert (bob.root / name).read_bytes() == (ann.root / name).read_bytes()
    code = "import os, leaf; print(os.environ['LEVEL'], leaf.__version__)"
    assert bob.ok("run", "python", "-c", code) == "2 1.0\n"
    own = [e for e in bob.log() if not e["clone"]]
    assert [e["kind"] for e in own] == ["fetched", "change"]
    assert own[0]["origin"].endswith(f" {clone[:4]}:3")
    assert bob.ok("diff", f"{clone}:3", "2") == ""
    lines = bob.ok("diff", "1", f"{clone[:4]}:3").splitlines()
    assert "~ LEVEL=1 → 2" in lines
    assert "+ pypi:leaf 1.0" in lines

    bob.ok("undo")
    assert (bob.root / "stead.toml").read_text() == MANIFEST
    bob.ok("redo")
    assert "leaf" in (bob.root / "stead.toml").read_text()

    # And back: what Bob makes of it is Ann's to see.
    bob.ok("set", "LEVEL=3")
    bob.ok("history", "push")
    ann.ok("history", "fetch")
    (entry,) = theirs(ann)
    assert entry["variables"]["LEVEL"] == "3"
    ann.ok("rollback", entry["name"])
    assert (ann.root / "stead.toml").read_bytes() == (bob.root / "stead.toml").read_bytes()


def test_what_the_user_has_changed_stays_and_a_contradiction_is_shown(team):
    ann, bob, _ = team
    ann.ok("set", "LEVEL=2", "NEW=x")
    ann.ok("history", "push")
    bob.ok("run", "python", "-c", "")
    bob.ok("history", "fetch")
    (entry,) = theirs(bob)
    file = bob.root / "stead.toml"
    file.write_text(MANIFEST.replace('"1"', '"9"'))
    before = bob.everything()
    message = bob.fails("rollback", entry["name"])
    assert 'now:  LEVEL = "9"' in message
    assert 'then: LEVEL = "2"' in message
    assert bob.everything() == before
    file.write_text(MANIFEST.replace('tool = "*"', 'tool = "*"\nleaf = "<2"'))
    assert "your own changes kept" in bob.ok("rollback", entry["name"])
    text = file.read_text()
    assert 'leaf = "<2"' in text
    assert 'LEVEL = "2"' in text
    assert 'NEW = "x"' in text
    bob.ok("undo")  # takes Ann's away, and leaves Bob's
    assert file.read_text() == MANIFEST.replace('tool = "*"', 'tool = "*"\nleaf = "<2"')


def test_where_only_others_have_a_manifest_it_is_said_how_it_comes(team):
    ann, bob, _ = team
    ann.ok("set", "LEVEL=2")
    ann.ok("history", "push")
    (bob.root / "stead.toml").unlink()
    assert "run `stead init` to make one" in bob.fails("status")
    bob.ok("history", "fetch")
    said = bob.fails("status")
    assert "`stead log` lists what was shared of it, `stead rollback WHO:NUMBER` brings one" in said
    (entry,) = theirs(bob)
    bob.ok("rollback", entry["name"])
    assert 'LEVEL = "2"' in (bob.root / "stead.toml").read_text()


def test_a_clone_without_any_manifest_gets_what_was_shared(team):
    ann, bob, _ = team
    new = ann.root / "serv ice" / "ü"
    new.mkdir(parents=True)
    (new / "stead.toml").write_text('[vars]\nA = "1"\n')
    ann.ok("run", "true", cwd=new)
    ann.ok("set", "A=2", cwd=new)
    ann.ok("history", "push", cwd=new)
    there = bob.root / "serv ice" / "ü"
    there.mkdir(parents=True)
    bob.ok("history", "fetch", cwd=there)
    (entry, _) = theirs(bob, "--all", cwd=there)
    bob.ok("rollback", entry["name"], cwd=there)
    assert (there / "stead.toml").read_text() == '[vars]\nA = "2"\n'
    assert bob.ok("run", "sh", "-c", "echo $A", cwd=there) == "2\n"


def test_trust_is_not_carried_over_to_what_somebody_else_wrote(team):
    ann, bob, _ = team
    ann.ok("set", "LD_PRELOAD=/x.so", "LEVEL=2")
    ann.ok("history", "push")
    bob.ok("run", "true")
    bob.ok("trust", "--yes")
    bob.ok("history", "fetch")
    (entry,) = theirs(bob)
    assert json.loads(bob.ok("status", "--json"))["trusted"] is True
    bob.ok("rollback", entry["name"])
    assert json.loads(bob.ok("status", "--json"))["trusted"] is False


def test_no_secret_travels(team, tmp_path):
    ann, bob, remote = team
    planted = "pl4nted-s3cret"
    extra = (
        'URL = "http://${HOST_NAME}/"\n'
        '[vars.KEY]\ntype = "secret"\nvalue = "env:OUTSIDE"\n'
        '[vars.TOLD]\ntype = "secret"\nvalue = "command:sh -c \'cat $KEPT\'"\n'
    )
    (ann.root / "stead.toml").write_text(MANIFEST + extra)
    (ann.root / ".env").write_text(f"HOST_NAME={planted}\nUNDECLARED={planted}\n")
    kept = tmp_path / "kept"
    kept.write_text(planted)
    env = {"OUTSIDE": planted, "KEPT": str(kept)}
    ann.ok("run", "sh", "-c", f"echo {planted}", env=env)
    ann.ok("set", "--private", f"HOST_NAME={planted}2", env=env)
    ann.ok("set", "LEVEL=2", env=env)
    ann.ok("run", "--set", f"LEVEL={planted}", "true", env=env)
    ann.ok("history", "push", env=env)
    ann.git("gc", "-q", cwd=remote)
    said = ann.git("cat-file", "--batch-all-objects", "--batch-check", cwd=remote)
    objects = [line.split()[0] for line in said.splitlines()]
    texts = "".join(ann.git("cat-file", "-p", one, cwd=remote) for one in objects)
    assert "stead generation" in texts
    assert "env:OUTSIDE" in texts
    assert planted not in texts
    assert str(ann.root) not in texts
    assert str(tmp_path) not in texts
    bob.ok("history", "fetch")
    assert planted not in bob.ok("log", "-p", "--all")
    assert not (bob.root / ".env").exists()


@pytest.mark.parametrize("where", ["[vars]", "[layer.dev.vars]"])
def test_a_value_from_before_its_name_was_a_secret_s_stops_the_push(team, where):
    ann, _, remote = team
    plain = f'{MANIFEST}\n[layer.dev.vars]\nB = "1"\n'
    once = plain.replace(where, f'{where}\nTOKEN = "hush-hush"')
    (ann.root / "stead.toml").write_text(once)
    ann.ok("run", "true")
    (ann.root / "stead.toml").write_text(
        plain + '[vars.TOKEN]\ntype = "secret"\nvalue = "env:OUTSIDE"\n'
    )
    ann.ok("set", "LEVEL=2", env={"OUTSIDE": "x"})
    message = ann.fails("history", "push")
    assert "declared secret by now" in message
    assert "TOKEN, in " in message
    assert "hush" not in message
    assert ann.git("for-each-ref", "refs/stead", cwd=remote) == ""
    ann.ok("history", "push", "--allow", "TOKEN")
    assert ann.git("for-each-ref", "refs/stead", cwd=remote) != ""


def test_a_submodule_shares_through_its_own_remote(team, tmp_path):
    ann, bob, remote = team
    outer = tmp_path / "outer"
    outer.mkdir()
    ann.git("init", "-q", cwd=outer)
    ann.git("submodule", "add", "-q", str(remote), "in side", cwd=outer)
    ann.git("commit", "-qm", "with it", cwd=outer)
    ann.ok("set", "LEVEL=2", cwd=outer / "in side")
    state = ann.git("status", "--porcelain", cwd=outer)
    ann.ok("history", "push", cwd=outer / "in side")
    ann.ok("history", "fetch", cwd=outer / "in side")
    assert ann.git("status", "--porcelain", cwd=outer) == state
    assert ann.git("for-each-ref", "refs/stead", "refs/stead-remote", cwd=outer) == ""
    bob.ok("history", "fetch")
    (entry,) = theirs(bob)
    bob.ok("rollback", entry["name"])
    assert 'LEVEL = "2"' in (bob.root / "stead.toml").read_text()


def refused(person, remote_address, *words, env=None):
    person.git("remote", "set-url", "origin", remote_address)
    message = person.fails("history", *words, env=env)
    assert "hush" not in message
    return message


def test_what_goes_wrong_is_said_in_words(team, tmp_path):
    ann, bob, remote = team
    assert "no history to share yet" in bob.fails("history", "push")
    assert "nobody has shared" in bob.ok("history", "fetch")
    ann.ok("set", "LEVEL=2")
    assert "no remote named up; there are: origin" in ann.fails("history", "push", "up")
    assert "offline" in ann.fails("history", "push", "--offline")
    assert "offline" in ann.fails("history", "fetch", "--offline")
    gone = str(tmp_path / "gone.git")
    for words in (("push",), ("fetch",)):
        assert "no repository at its address" in refused(ann, gone, *words)
        down = "http://me:hu/s@hush@127.0.0.1:9/x.git?token=hush"
        assert "cannot be reached" in refused(ann, down, *words)
    ann.git("remote", "set-url", "origin", str(remote))
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no such references' >&2\nexit 1\n")
    hook.chmod(0o755)
    message = ann.fails("history", "push")
    assert "the remote refused it" in message
    assert "no such references" in message
    hook.unlink()
    bare = tmp_path / "bin"
    bare.mkdir()
    for program in ("sh", "dirname", "readlink", "env"):
        os.symlink(shutil.which(program), bare / program)
    message = ann.fails("history", "push", env={"PATH": str(bare)})
    assert "git was not found" in message
    assert [e["number"] for e in json.loads(ann.ok("log", "--json", env={"PATH": str(bare)}))] == [
        2,
        1,
    ]
    outside = tmp_path / "outside"
    outside.mkdir()
    assert "no git repository" in ann.fails("history", "push", cwd=outside)
    ann.git("remote", "remove", "origin")
    assert "has no remote" in ann.fails("history", "push")
    assert "names no generation" in ann.fails("rollback", "seven", code=2)
    assert "nobody called zoe" in ann.fails("rollback", "zoe:7")
    assert "nobody called zoe" in ann.fails("log", "--from", "zoe")


def test_two_push_at_once(team):
    ann, bob, _ = team
    for person in (ann, bob):
        for level in range(3):
            person.ok("set", f"LEVEL={level + 5}")
    done = []
    threads = [
        threading.Thread(target=lambda p=p: done.append(p.run("history", "push")))
        for p in (ann, bob, ann, bob)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [d.returncode for d in done] == [0] * 4, [d.stderr for d in done]
    ann.ok("history", "fetch")
    bob.ok("history", "fetch")
    for person in (ann, bob):
        assert [e["number"] for e in theirs(person)] == [4]


def test_a_colleague_s_references_that_were_rewritten_or_removed(team):
    ann, bob, remote = team
    for level in (2, 3):
        ann.ok("set", f"LEVEL={level}")
    ann.ok("history", "push")
    bob.ok("history", "fetch")
    (entry,) = theirs(bob)
    name = f"refs/stead/{entry['clone']}/main/%2E/default"
    ann.git("update-ref", name, f"{name}~1", cwd=remote)
    bob.ok("history", "fetch")
    assert [e["number"] for e in theirs(bob, "--all")] == [2, 1]
    assert "has shared no generation 3" in bob.fails("rollback", entry["name"])
    ann.git("update-ref", "-d", name, cwd=remote)
    bob.ok("history", "fetch")
    assert theirs(bob, "--all")  # nothing that was seen is lost by itself
    assert "gone the top, default" in bob.ok("history", "fetch", "--prune")
    assert theirs(bob, "--all") == []


def test_a_copy_of_a_clone_is_another_clone_and_a_moved_one_the_same(team, tmp_path):
    ann, bob, _ = team
    ann.ok("set", "LEVEL=2")
    ann.ok("history", "push")
    copy = tmp_path / "ann" / "copy"
    shutil.copytree(ann.root, copy, symlinks=True)
    ann.ok("set", "LEVEL=3", cwd=copy)
    ann.ok("set", "LEVEL=4")
    ann.ok("history", "push")
    ann.ok("history", "push", cwd=copy)
    bob.ok("history", "fetch")
    levels = {e["clone"]: e["variables"]["LEVEL"] for e in theirs(bob)}
    assert sorted(levels.values()) == ["3", "4"]
    moved = tmp_path / "ann" / "moved"
    ann.root.rename(moved)
    ann.ok("set", "LEVEL=5", cwd=moved)
    ann.ok("history", "push", cwd=moved)
    bob.ok("history", "fetch")
    assert {e["clone"]: e["variables"]["LEVEL"] for e in theirs(bob)}.keys() == levels.keys()
    # A copy on another machine, where the original cannot be seen.
    shutil.copytree(moved, tmp_path / "far", symlinks=True)
    (tmp_path / "far" / ".git/stead/clone").write_text(
        (moved / ".git/stead/clone").read_text().split("\n")[0] + "\n/not/here\n"
    )
    ann.ok("set", "LEVEL=6", cwd=tmp_path / "far")
    ann.ok("set", "LEVEL=7", cwd=moved)
    ann.ok("history", "push", cwd=moved)
    assert "another clone shares as" in ann.run("history", "push", cwd=tmp_path / "far").stderr
    bob.ok("history", "fetch")
    assert sorted(e["variables"]["LEVEL"] for e in theirs(bob)) == ["3", "6", "7"]


@pytest.mark.parametrize("how", ["linked", "merge", "rebase", "detached", "shallow", "nameless"])
def test_whatever_the_repository_is_in_the_middle_of(team, tmp_path, how):
    ann, bob, remote = team
    root = ann.root
    if how == "linked":
        root = tmp_path / "main"
        ann.git("worktree", "add", "-q", "-b", "other", str(root))
    elif how in ("merge", "rebase"):
        ann.git("checkout", "-qb", "side")
        (root / "code").write_text("side")
        ann.git("add", "code")
        ann.git("commit", "-qm", "side")
        ann.git("checkout", "-q", "main")
        (root / "code").write_text("main")
        ann.git("add", "code")
        ann.git("commit", "-qm", "main")
        ann.git(how, "side", ok=False)
    elif how == "detached":
        ann.git("checkout", "-q", "--detach")
    elif how == "shallow":
        ann.git("commit", "-q", "--allow-empty", "-m", "second")
        ann.git("push", "-q")
        shutil.rmtree(root)
        ann.git("clone", "-q", "--depth=1", remote.as_uri(), str(root), cwd=tmp_path)
    else:
        ann.git("config", "user.useConfigOnly", "true")
        (Path(ann.machine.environ["GIT_CONFIG_GLOBAL"])).write_text("")
        ann.git("config", "push.gpgSign", "true")
        ann.git("config", "commit.gpgSign", "true")
        ann.git("config", "push.followTags", "true")
        ann.git("config", "remote.origin.mirror", "true")
    ann.ok("set", "LEVEL=2", cwd=root)
    before = ann.everything(), ann.machine.tree(root)
    ann.ok("history", "push", cwd=root)
    ann.ok("history", "fetch", cwd=root)
    assert ann.everything() == before[0]
    now = ann.machine.tree(root)
    different = {p for p in {*now, *before[1]} if now.get(p) != before[1].get(p)}
    assert not [p for p in different if "/.git/" not in p and not p.endswith("/.git")]
    bob.ok("history", "fetch")
    (entry,) = theirs(bob)
    assert entry["name"].endswith("/linked-main:2" if how == "linked" else ":2")
    bob.ok("rollback", entry["name"])
    assert 'LEVEL = "2"' in (bob.root / "stead.toml").read_text()


def test_what_was_recorded_before_there_was_a_repository_is_shared_too(machine, tmp_path):
    ann = Person(machine, tmp_path / "ann", tmp_path / "a" / "stead")
    ann.root.mkdir()
    (ann.root / "stead.toml").write_text(MANIFEST)
    for level in (2, 3):
        ann.ok("set", f"LEVEL={level}")
    nested = ann.root / "a" / "b"
    nested.mkdir(parents=True)
    (nested / "stead.toml").write_text('[vars]\nB = "1"\n')
    ann.ok("set", "B=2", cwd=nested)
    ann.git("init", "-q")
    ann.git("init", "-q", "--bare", str(tmp_path / "remote"))
    ann.git("remote", "add", "up", str(tmp_path / "remote"))
    out = ann.ok("history", "push")
    assert "a/b, default" in out
    names = ann.git("for-each-ref", "--format=%(refname)", cwd=tmp_path / "remote").split()
    assert sorted(n.split("/")[-2] for n in names) == ["%2E", "a%2Fb"]
    count = ann.git("rev-list", "--count", names[0], cwd=tmp_path / "remote")
    assert count.strip() == "3"

"""Every kind of change is recorded: once, with its words and its reason, in the store and in git."""

from __future__ import annotations

import getpass
import subprocess

import pytest

MANIFEST = """\
[packages.pypi]
tool = "*"

[vars]
LEVEL = "1"

[uses]
shared = {{ git = "{url}", rev = "v1" }}
"""


@pytest.fixture
def place(machine, project, forge):
    """A place in a repository of its own, whose history has begun."""
    forge.push("shared", {"stead.toml": "[vars]\nSHARED = '1'\n"}, tag="v1")
    forge.push("shared", {"stead.toml": "[vars]\nSHARED = '2'\n"}, tag="v2")
    root = project({"stead.toml": MANIFEST.format(url=forge.url("shared")), ".gitignore": ".env\n"})
    forge.git("init", "-q", cwd=root)
    forge.git("add", "-A", cwd=root)
    forge.git("commit", "-qm", "begin", cwd=root)
    machine.ok("build", cwd=root)
    return root


def log(machine, root, environment="default"):
    return machine.json("log", "-n", "100", "-e", environment, cwd=root)


def commits(forge, root, environment="default"):
    """The subjects on the hidden reference of an environment, the latest first."""
    name = f"refs/stead/main/%2E/{environment}"
    return forge.git("log", "--format=%s", name, "--", cwd=root).splitlines()


def edit(old, new):
    def change(root):
        file = root / "stead.toml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    return change


BRANCH = edit('tool = "*"', 'tool = "*"\nbranch = "<2"')
VALUE = edit('LEVEL = "1"', 'LEVEL = "2"')

CHANGES = [
    (["add", "leaf<2"], ["add", "leaf<2"], {"lock", "build"}),
    (["add", "--no-build", "leaf<2"], ["add", "--no-build", "leaf<2"], {"lock"}),
    (["remove", "tool"], ["remove", "tool"], {"lock", "build"}),
    (["set", "LEVEL=2"], ["set", "LEVEL"], {"variables"}),
    (["set", "NEW=s3cret"], ["set", "NEW"], {"variables"}),
    (["unset", "LEVEL"], ["unset", "LEVEL"], {"variables"}),
    (["use", "shared@v2"], ["use", "shared@v2"], {"lock", "modules", "variables"}),
    (["use", "--drop", "shared"], ["use", "--drop", "shared"], {"lock", "modules", "variables"}),
    (["work", "shared"], ["work", "shared"], {"lock", "modules"}),
]


@pytest.mark.parametrize(
    ("words", "command", "changed"), CHANGES, ids=[" ".join(c[0]) for c in CHANGES]
)
def test_a_command_is_one_generation(machine, place, forge, words, command, changed):
    branch, head = "HEAD", forge.git("rev-parse", "HEAD", cwd=place)
    (before,) = log(machine, place)
    machine.ok(*words, "-m", "because\nof that", cwd=place)
    now, last = log(machine, place)
    assert last == {**before, "current": False}
    assert (now["number"], now["command"], now["current"]) == (2, command, True)
    assert now["reason"] == "because\nof that"
    assert now["who"] == "Test <test@example.invalid>"
    assert now["time"] >= before["time"]
    differs = {key for key in ("lock", "build", "variables", "modules") if now[key] != before[key]}
    assert differs - {"build"} == changed - {"build"}
    assert "build" not in changed or now["build"] != before["build"]
    assert now["spec"] != before["spec"]
    assert commits(forge, place)[0] == "because"
    assert len(commits(forge, place)) == 2
    assert forge.git("rev-parse", branch, cwd=place) == head
    assert "A  " not in forge.git("status", "--porcelain", cwd=place)  # the index is as it was
    machine.ok("run", "true", cwd=place)
    assert len(log(machine, place)) == 2


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (["run", "true"], BRANCH),
        (["run", "true"], VALUE),
        (["build"], BRANCH),
        (["lock"], BRANCH),
        (["lock"], VALUE),
    ],
    ids=["run package", "run variable", "build package", "lock package", "lock variable"],
)
def test_an_edited_manifest_that_is_then_built(machine, place, words, change):
    change(place)
    machine.ok(*words, cwd=place)
    entries = log(machine, place)
    assert len(entries) >= 2
    assert entries[0]["spec"] != entries[-1]["spec"]
    assert {tuple(e["command"]) for e in entries[:-1]} <= {(), (words[0],), tuple(words)}
    machine.ok(*words, cwd=place)
    assert len(log(machine, place)) == len(entries)
    machine.ok("rollback", "1", cwd=place)
    assert log(machine, place)[0]["variables"]["LEVEL"] == "1"


@pytest.mark.parametrize(
    "words",
    [
        ["add", "leaf"],
        ["remove", "tool"],
        ["set", "NEW=1"],
        ["use", "shared@v2"],
        ["work", "shared"],
    ],
    ids=" ".join,
)
def test_an_edit_before_a_command_is_a_generation_of_its_own(machine, place, words):
    """So that undo takes back the command alone."""
    VALUE(place)
    machine.ok(*words, cwd=place)
    entries = log(machine, place)
    assert [e["command"] for e in entries[:2]] == [
        ["set", "NEW"] if words[0] == "set" else words,
        [],
    ]
    machine.ok("undo", cwd=place)
    assert 'LEVEL = "2"' in (place / "stead.toml").read_text(encoding="utf-8")
    assert log(machine, place)[0]["spec"] == entries[1]["spec"]


def test_a_layer_is_recorded_with_its_environment(machine, place, forge):
    machine.ok("add", "--layer", "test", "leaf<2", "-m", "to test with", cwd=place)
    (entry,) = log(machine, place, "test")[:1]
    assert (entry["command"][0], entry["reason"]) == ("add", "to test with")
    assert commits(forge, place, "test")[0] == "to test with"


def test_upgrading_is_recorded(machine, project, forge):
    root = project({"stead.toml": '[packages.pypi]\nleaf = "<2"\n'})
    machine.ok("lock", cwd=root)
    edit("<2", "*")(root)
    machine.ok("lock", cwd=root)
    machine.ok("lock", "--upgrade", "leaf", "-m", "newer", cwd=root)
    first = log(machine, root)[0]
    assert (first["command"], first["reason"]) == (["lock", "--upgrade", "leaf"], "newer")
    assert "~ pypi:leaf 1.0 → 2.0" in machine.ok("diff", cwd=root)


def test_what_changes_nothing_is_not_recorded(machine, place):
    for words in (
        ["status"],
        ["log", "-p"],
        ["diff"],
        ["tree"],
        ["why", "tool"],
        ["explain", "LEVEL"],
        ["check"],
        ["env", "list"],
        ["config", "list"],
        ["use"],
        ["work"],
        ["set", "--private", "OWN=1"],
    ):
        machine.ok(*words, cwd=place)
        assert len(log(machine, place)) == 1, words


def test_what_fails_is_not_recorded(machine, place):
    for words in (
        ["add", "not-there-at-all"],
        ["remove", "not-there-at-all"],
        ["set", "LEVEL=${NOWHERE"],
        ["unset", "NOWHERE"],
        ["use", "shared@v9"],
        ["work", "shared", "--at", "stead.toml"],
        ["rollback", "9"],
    ):
        done = machine.run(*words, cwd=place)
        assert done.returncode not in (0, 70), words
        assert len(log(machine, place)) == 1, words
    BRANCH(place)
    machine.fails("lock", "--check", cwd=place)
    assert len(log(machine, place)) == 1


def test_the_author_is_whom_git_knows(machine, project):
    root = project({"stead.toml": "[vars]\nA = '1'\n"})
    machine.ok("set", "A=2", cwd=root)
    assert machine.json("log", cwd=root)[0]["who"].startswith(f"{getpass.getuser()}@")
    subprocess.run(["git", "init", "-q", root], env=machine.environ, check=True)
    machine.ok("set", "A=3", cwd=root)
    assert machine.json("log", cwd=root)[0]["who"] == "Test <test@example.invalid>"
    machine.ok("undo", cwd=root)
    assert machine.json("log", cwd=root)[0]["who"] == "Test <test@example.invalid>"
    assert "  Test  stead undo" in machine.ok("log", cwd=root)
    words = ["git", "-C", root, "log", "-n1", "--all", "--format=%an <%ae> %cn <%ce>"]
    said = subprocess.run(words, env=machine.environ, capture_output=True, text=True, check=True)
    assert said.stdout == "Test <test@example.invalid> Test <test@example.invalid>\n"
    subprocess.run(["git", "-C", root, "fsck", "--strict"], env=machine.environ, check=True)

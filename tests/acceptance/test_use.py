"""`stead use`: which modules a place uses, and at which revision."""

from __future__ import annotations

import os
import subprocess
import tomllib

import pytest

MANIFEST = """\
# what we need
[uses]   # modules
shared = { git = '%s', rev = 'v1' }   # the common part

[vars]
OWN = '${LEVEL}x'
"""


@pytest.fixture
def origin(machine, tmp_path):
    """A repository with a module at two tags; `main` is at a third commit."""
    root = tmp_path / "origin"
    (root / "deep").mkdir(parents=True)

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=root,
            env=machine.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(level: str) -> str:
        (root / "stead.toml").write_text(f"[vars]\nLEVEL = '{level}'\n", encoding="utf-8")
        (root / "deep" / "stead.toml").write_text("[vars]\nDEPTH = '1'\n", encoding="utf-8")
        git("add", "-A")
        git("commit", "-qm", level)
        return git("rev-parse", "HEAD")

    git("init", "-q")
    commits = {}
    for level in ("1", "2", "3"):
        commits[level] = commit(level)
        if level != "3":
            git("tag", f"v{level}")
    root_ = root

    class Origin:
        root = root_
        url = root_.as_uri()
        by_level = commits

    Origin.git, Origin.commit = staticmethod(git), staticmethod(commit)
    return Origin


@pytest.fixture
def place(machine, project, origin):
    root = project({"stead.toml": MANIFEST % origin.url})
    machine.ok("lock", cwd=root)
    return root


def says(machine, root, name="OWN", *options):
    return machine.ok("run", *options, "--", "sh", "-c", f"echo ${name}", cwd=root).strip()


def pins(root):
    return tomllib.loads((root / "stead.lock").read_text(encoding="utf-8")).get("pin", {})


def state(root):
    return {name: (root / name).read_bytes() for name in ("stead.toml", "stead.lock")}


def test_another_revision_changes_one_word_and_nothing_else(machine, place, origin):
    text = (place / "stead.toml").read_text(encoding="utf-8")
    said = machine.ok("use", "shared@v2", "-m", "what is new", cwd=place)
    assert "changed stead.toml" in said
    short = {level: commit[:12] for level, commit in origin.by_level.items()}
    assert f"~ module shared v1 ({short['1']}) → v2 ({short['2']})" in said
    assert (place / "stead.toml").read_text(encoding="utf-8") == text.replace("'v1'", '"v2"')
    assert pins(place)["shared"]["commit"] == origin.by_level["2"]
    assert says(machine, place) == "2x"
    first = machine.json("log", cwd=place)[0]
    assert first["command"] == ["use", "shared@v2"]
    assert first["reason"] == "what is new"
    assert first["variables"] == {"LEVEL": "2", "OWN": "2x"}
    assert f"~ module shared v1 ({short['1']})" in machine.ok("diff", cwd=place)
    (found,) = machine.json("diff", cwd=place)["modules"]
    assert [found[key]["requested"] for key in ("before", "after")] == ["v1", "v2"]
    machine.ok("undo", cwd=place)
    assert (place / "stead.toml").read_text(encoding="utf-8") == text
    assert says(machine, place, "OWN", "--offline") == "1x"


def test_line_ends_and_byte_order_mark_stay(machine, place):
    file = place / "stead.toml"
    exact = b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(exact)
    machine.ok("use", "shared@v2", cwd=place)
    assert file.read_bytes() == exact.replace(b"'v1'", b'"v2"')
    machine.ok("set", "MORE=1", cwd=place)
    assert file.read_bytes() == exact.replace(b"'v1'", b'"v2"') + b'MORE = "1"\r\n'
    machine.ok("add", "leaf<2", "--no-build", cwd=place)
    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")


def test_a_branch_is_taken_afresh_by_its_name_alone(machine, place, origin):
    machine.ok("use", "shared@main", cwd=place)
    assert says(machine, place) == "3x"
    before = (place / "stead.toml").read_bytes()
    newest = origin.commit("4")
    assert says(machine, place) == "3x"
    machine.ok("use", "shared", cwd=place)
    assert (place / "stead.toml").read_bytes() == before
    assert pins(place)["shared"]["commit"] == newest
    assert says(machine, place) == "4x"
    again = machine.ok("use", "shared", cwd=place)
    assert "nothing to change" in again


@pytest.mark.parametrize(
    ("word", "entry", "name"),
    [
        ("other={url}", None, ""),
        ("other=git+{url}@v2", {"git": "{url}", "rev": "v2"}, "other"),
        ("git+{url}@feature/x", {"git": "{url}", "rev": "feature/x"}, "origin"),
        ("git+../origin@v2", {"git": "../origin", "rev": "v2"}, "origin"),
        (
            "git+{url}@v2#subdirectory=deep",
            {"git": "{url}", "rev": "v2", "subdirectory": "deep"},
            "deep",
        ),
        ("../origin/", {"path": "../origin"}, "origin"),
        ("other=../origin", {"path": "../origin"}, "other"),
    ],
)
def test_a_module_is_added(machine, project, origin, word, entry, name):
    origin.git("branch", "feature/x", "v2")
    root = project({"stead.toml": "[vars]\n# mine\nA = '1'\n"})
    if entry is None:
        assert "git+file://" in machine.fails("use", word.format(url=origin.url), cwd=root, code=2)
        return
    machine.ok("use", word.format(url=origin.url), cwd=root)
    text = (root / "stead.toml").read_text(encoding="utf-8")
    assert text.startswith("[vars]\n# mine\nA = '1'\n")
    expected = {key: value.format(url=origin.url) for key, value in entry.items()}
    assert tomllib.loads(text)["uses"] == {name: expected}
    if "deep" in word:
        assert says(machine, root, "DEPTH") == "1"
    else:
        assert says(machine, root, "LEVEL") == ("3" if "path" in entry else "2")


def test_a_name_by_option_and_a_table_of_its_own(machine, project, origin):
    table = f"[uses.shared]\ngit = '{origin.url}'  # there\n# and then\nrev = 'v1'\n"
    root = project({"stead.toml": table})
    machine.ok("use", "shared@v2", cwd=root)
    assert (root / "stead.toml").read_text() == table.replace("'v1'", '"v2"')
    machine.ok("use", "git+../origin@v2#subdirectory=deep", "--as", "more", cwd=root)
    assert set(tomllib.loads((root / "stead.toml").read_text())["uses"]) == {"shared", "more"}
    assert "--as" in machine.fails("use", "shared@v1", "--as", "x", cwd=root, code=2)


def test_pyproject_keeps_its_own_table(machine, project, origin):
    text = f"[tool.stead.uses]\nshared = {{ git = '{origin.url}', rev = 'v1' }}\n\n[tool.other]\n"
    root = project({"pyproject.toml": text})
    machine.ok("use", "shared@v2", cwd=root)
    assert (root / "pyproject.toml").read_text() == text.replace("'v1'", '"v2"')
    machine.ok("use", "--drop", "shared", cwd=root)
    assert (root / "pyproject.toml").read_text() == "[tool.stead.uses]\n\n[tool.other]\n"


def test_drop(machine, place):
    before = state(place)
    assert "OWN refers to ${LEVEL}" in machine.fails("use", "--drop", "shared", cwd=place)
    assert state(place) == before
    machine.ok("unset", "OWN", cwd=place)
    machine.ok("use", "--drop", "shared", "--no-build", cwd=place)
    text = (place / "stead.toml").read_text(encoding="utf-8")
    assert text == "# what we need\n[uses]   # modules\n\n[vars]\n"
    assert pins(place) == {}
    assert machine.json("use", cwd=place) == []


def test_the_list_fetches_nothing(machine, place, origin):
    (one,) = machine.json("use", cwd=place)
    assert (one["name"], one["revision"], one["commit"]) == (
        "shared",
        "v1",
        origin.by_level["1"],
    )
    os.rename(origin.root, origin.root.parent / "away")
    assert f"v1 ({origin.by_level['1'][:12]})" in machine.ok("use", cwd=place)


def test_what_cannot_be_says_what_can_and_changes_nothing(machine, place, origin):
    before = state(place)

    def refused(*words, code=1):
        message = machine.fails("use", *words, cwd=place, code=code)
        assert "→" in message
        assert state(place) == before
        return message

    assert "did you mean shared?" in refused("shard@v1", code=2)
    assert "did you mean v2?" in refused("shared@v22")
    assert "there are: main, v1, v2\n" in refused("shared@nothing")
    assert origin.by_level["1"] in refused(f"shared@{origin.by_level['1'][:8]}")
    assert "no commit" in refused(f"shared@{'ab' * 20}")
    assert "--exec" in refused("shared@--exec=touch harmed")
    assert "NAME@REV" in refused("shared@", code=2)
    assert "did you mean origin?" in refused("x=../orgin", code=2)
    assert "no directory" in refused("./stead.toml", code=2)
    assert "holds no manifest" in refused("x=../origin/.git")
    assert "could not be fetched" in refused("x=git+../nowhere@v1")
    assert "#subdirectory" in refused("x=git+../origin#deep", code=2)
    assert "has no directory dep" in refused("x=git+../origin#subdirectory=dep")
    assert "in a circle" in refused("me=.")
    assert "password" in refused("x=git+https://me:secret@example.invalid/r.git")
    assert "offline" in refused("shared@v2", "--offline")
    assert "no module other" in refused("--drop", "other", code=2)
    assert "which module" in refused("--drop", code=2)


def test_a_revision_that_is_gone_can_be_replaced(machine, project, origin):
    root = project({"stead.toml": (MANIFEST % origin.url).replace("v1", "gone")})
    machine.fails("run", "true", cwd=root)
    machine.ok("use", "shared@v2", cwd=root)
    assert says(machine, root) == "2x"


def test_offline_what_is_here_can_be_used(machine, place, origin):
    machine.ok("use", "shared@v2", cwd=place)
    os.rename(origin.root, origin.root.parent / "away")
    machine.ok("use", f"shared@{origin.by_level['1']}", "--offline", cwd=place)
    assert says(machine, place, "OWN", "--offline") == "1x"


def test_what_is_not_committed_takes_no_part_and_that_is_said(machine, project, origin):
    (origin.root / "stead.toml").write_text("[vars]\nLEVEL = 'mine'\n", encoding="utf-8")
    root = project({"stead.toml": "[vars]\n"})
    done = machine.run("use", "shared=git+../origin@main", cwd=root)
    assert done.returncode == 0
    assert "not committed" in done.stderr
    assert says(machine, root, "LEVEL") == "3"
    machine.ok("use", "shared=../origin", cwd=root)
    assert says(machine, root, "LEVEL") == "mine"
    assert "has no revisions" in machine.fails("use", "shared@v1", cwd=root, code=2)


def test_what_a_parent_uses_is_changed_there(machine, project, origin):
    root = project(
        {
            "stead.toml": f"[workspace]\n[uses]\nshared = {{ git = '{origin.url}', rev = 'v1' }}\n",
            "a/stead.toml": "[vars]\nB = '1'\n",
        }
    )
    assert says(machine, root / "a", "LEVEL") == "1"
    message = machine.fails("use", "shared@v2", cwd=root / "a")
    assert f"stead -C {root} use shared" in message
    machine.ok("-C", "..", "use", "shared@v2", cwd=root / "a")
    assert says(machine, root / "a", "LEVEL") == "2"


def test_every_environment_follows_and_asks_the_repository_no_more_than_twice(
    machine, place, origin, tmp_path
):
    """What a revision means is asked before and after waiting for others, and then no more."""
    with open(place / "stead.toml", "a", encoding="utf-8") as file:
        file.write("[layer.a.packages.pypi]\nleaf = '*'\n[layer.b.packages.pypi]\ntool = '*'\n")
    for environment in ("a", "b"):
        machine.ok("lock", "-e", environment, cwd=place)
    tools, asked = tmp_path / "tools", tmp_path / "asked"
    tools.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True)
    (tools / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *ls-remote*) echo "$@" >>{asked};; esac\n'
        f'exec {real.stdout.strip()} "$@"\n',
        encoding="utf-8",
    )
    (tools / "git").chmod(0o755)
    machine.environ["PATH"] = f"{tools}{os.pathsep}{machine.environ['PATH']}"
    machine.ok("use", "shared@v2", "-e", "b", cwd=place)
    assert len(asked.read_text().splitlines()) <= 2
    assert {p["commit"] for p in pins(place).values()} == {origin.by_level["2"]}
    assert says(machine, place, "OWN", "-e", "a", "--locked") == "2x"


def test_locking_says_which_modules_changed(machine, place, origin):
    machine.ok("use", "shared@main", cwd=place)
    newest = origin.commit("4")
    old, new = origin.by_level["3"][:12], newest[:12]
    said = machine.ok("lock", "--upgrade", "shared", cwd=place).splitlines()
    assert said[0] == f"~ module shared main ({old}) → main ({new})"
    assert machine.ok("diff", cwd=place).splitlines()[0] == said[0]
    assert "module" not in machine.ok("lock", cwd=place)


def test_json(machine, place):
    done = machine.json("use", "shared@v2", "--no-build", cwd=place)
    assert done["files"] == [str(place / "stead.toml")]
    assert len(done["modules"]) == 1
    assert done["environments"][0]["environment"] == "default"

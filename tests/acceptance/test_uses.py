"""Modules that a place uses: by path, and from git at a pinned commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib

import pytest

from stead.testing.index import Sdist, project_files

ASK = "[uses]\nshared = { git = '%s'%s }\n"


@pytest.fixture
def repository(machine, tmp_path):
    """A git repository that holds a module; gives a function that commits files to it."""
    root = tmp_path / "origin"
    root.mkdir()

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

    git("init", "-q")

    def commit(files: dict[str, str]) -> str:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        git("add", "-A")
        git("commit", "-qm", "more")
        return git("rev-parse", "HEAD")

    commit.root = root  # type: ignore[attr-defined]
    commit.git = git  # type: ignore[attr-defined]
    return commit


def level(machine, root, *options):
    return machine.ok("run", *options, "sh", "-c", "echo $LEVEL", cwd=root).strip()


def pins(root):
    return tomllib.loads((root / "stead.lock").read_text(encoding="utf-8")).get("pin", {})


def asked(url, revision="", subdirectory=""):
    extra = f", rev = '{revision}'" if revision else ""
    extra += f", subdirectory = '{subdirectory}'" if subdirectory else ""
    return ASK % (url, extra)


def test_path_brings_packages_and_variables(machine, project):
    root = project(
        {
            "app/stead.toml": "[uses]\nshared = { path = '../shared' }\n[vars]\nOWN = '${LEVEL}x'\n",
            "shared/stead.toml": "[packages.pypi]\nleaf = '<2'\n[vars]\nLEVEL = '3'\n",
        }
    )
    code = "import leaf, os; print(leaf.__version__, os.environ['OWN'])"
    assert machine.ok("run", "python", "-c", code, cwd=root / "app") == "1.0 3x\n"


def test_an_edit_of_a_used_path_takes_effect(machine, project):
    root = project(
        {
            "app/stead.toml": "[uses]\nshared = { path = '../shared' }\n",
            "shared/stead.toml": "[vars]\nLEVEL = '3'\n",
        }
    )
    assert level(machine, root / "app") == "3"
    (root / "shared" / "stead.toml").write_text("[vars]\nLEVEL = '4'\n", encoding="utf-8")
    assert level(machine, root / "app") == "4"


@pytest.mark.parametrize("kind", ["branch", "tag", "annotated tag", "commit", "none"])
def test_revision(machine, project, repository, kind):
    first = repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    repository.git("branch", "stable")
    # Names that end alike, and sort after it, are others.
    repository.git("tag", "v1") if kind == "tag" else repository.git("tag", "-m", "one", "v1")
    second = repository({"stead.toml": "[vars]\nLEVEL = '2'\n"})
    repository.git("branch", "zz/stable")
    repository.git("tag", "zz/v1")
    revision = {"branch": "stable", "commit": first, "none": ""}.get(kind, "v1")
    root = project({"stead.toml": asked(repository.root.as_uri(), revision)})
    assert level(machine, root) == ("2" if kind == "none" else "1")
    assert pins(root)["shared"]["commit"] == (second if kind == "none" else first)


def test_subdirectory(machine, project, repository):
    repository({"one/two/stead.toml": "[vars]\nLEVEL = 'deep'\n", "stead.toml": "[vars]\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), subdirectory="one/two")})
    assert level(machine, root) == "deep"


def test_branch_stays_pinned_until_upgraded(machine, project, repository):
    first = repository({"stead.toml": "[packages.pypi]\nleaf = '*'\n[vars]\nLEVEL = '1'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    machine.ok("lock", cwd=root)
    second = repository({"stead.toml": "[packages.pypi]\nleaf = '<2'\n[vars]\nLEVEL = '2'\n"})
    machine.ok("lock", cwd=root)
    assert level(machine, root) == "1"
    assert pins(root)["shared"]["commit"] == first
    machine.ok("lock", "--upgrade", "leaf", cwd=root)
    assert pins(root)["shared"]["commit"] == first
    machine.ok("lock", "--upgrade", "shared", cwd=root)
    assert pins(root)["shared"]["commit"] == second
    assert level(machine, root) == "2"
    code = "import leaf; print(leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "1.0\n"


def test_pin_follows_a_changed_request(machine, project, repository):
    first = repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    repository.git("tag", "v1")
    second = repository({"stead.toml": "[vars]\nLEVEL = '2'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    assert level(machine, root) == "2"
    assert pins(root)["shared"]["commit"] == second
    project({"stead.toml": asked(repository.root.as_uri(), "v1")})
    assert level(machine, root) == "1"
    assert pins(root) == {
        "shared": {"location": repository.root.as_uri(), "requested": "v1", "commit": first}
    }
    project({"stead.toml": "[vars]\nLEVEL = '0'\n"})
    machine.ok("lock", cwd=root)
    assert pins(root) == {}


def test_two_places_pin_one_name_differently(machine, project, repository):
    repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    repository.git("tag", "v1")
    repository({"stead.toml": "[vars]\nLEVEL = '2'\n"})
    url = repository.root.as_uri()
    root = project(
        {
            "stead.toml": "[workspace]\n",
            "a/stead.toml": asked(url, "v1"),
            "b/stead.toml": asked(url, "main"),
        }
    )
    for _ in range(2):
        assert level(machine, root / "a") == "1"
        assert level(machine, root / "b") == "2"
    before = (root / "stead.lock").read_bytes()
    machine.ok("lock", cwd=root / "a")
    machine.ok("lock", cwd=root / "b")
    assert (root / "stead.lock").read_bytes() == before
    machine.ok("run", "--locked", "true", cwd=root / "a")


def test_reading_commands_never_fetch(machine, project, repository, tmp_path):
    repository({"stead.toml": "[packages.pypi]\nleaf = '*'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    tools = tmp_path / "tools"
    tools.mkdir()
    called = tmp_path / "called"
    (tools / "git").write_text(f'#!/bin/sh\necho "$@" >> {called}\nexit 9\n', encoding="utf-8")
    (tools / "git").chmod(0o755)
    usual = machine.environ["PATH"]
    spied = f"{tools}{os.pathsep}{usual}"
    reading = (["status"], ["env", "list"], ["env", "show"], ["env", "path"], ["tree"])
    machine.environ["PATH"] = spied
    for words in reading[1:]:
        assert "stead lock" in machine.fails(*words, cwd=root)
    said = machine.ok("status", cwd=root)
    assert str(root) in said
    assert "module shared is not in the lock" in said
    assert "→ run `stead lock`" in said
    machine.environ["PATH"] = usual
    machine.ok("build", cwd=root)
    machine.environ["PATH"] = spied
    for words in reading:
        machine.ok(*words, cwd=root)
    machine.ok("run", "true", cwd=root)
    assert not called.exists()
    machine.fails("lock", "--upgrade", "shared", cwd=root)  # the spy does stand in the way
    assert called.exists()


def test_status_says_that_a_module_was_not_fetched(machine, project, repository):
    repository({"stead.toml": "[packages.pypi]\nleaf = '*'\n"})
    manifest = asked(repository.root.as_uri(), "main") + "[packages.pypi]\nbranch = '*'\n"
    root = project({"stead.toml": manifest})
    machine.ok("lock", cwd=root)
    whole = json.loads(machine.ok("status", "--json", cwd=root))
    shutil.rmtree(machine.stead_home / "modules")  # as on another machine, with the lock from git
    lacking = json.loads(machine.ok("status", "--json", cwd=root))
    assert lacking.keys() == whole.keys()
    for key in ("place", "root", "name", "environment", "platform", "in_use"):
        assert lacking[key] == whole[key]
    assert [r["file"] for r in lacking["read"]] == [str(root / "stead.toml")]
    assert [a["request"] for a in lacking["asked"]] == ["pypi branch"]
    assert "module shared has not been fetched yet" in lacking["problems"][0]["what"]
    assert "stead.toml:2" in lacking["problems"][0]["what"]
    assert lacking["problems"][0]["mend"] == "run `stead lock`"
    assert not (machine.stead_home / "modules").exists()
    assert "has not been fetched yet" in machine.ok("status", cwd=root)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("[packages.conda]\nchannels = ['./channel']\n", "./channel"),
        ("[packages.pypi]\nindexes = ['../index']\n", "../index"),
        ("[packages.pypi]\nfind-links = ['wheels']\n", "wheels"),
    ],
)
def test_fetched_module_brings_no_channel_or_index_of_its_own(
    machine, project, repository, table, what
):
    """Where its clone lies is a matter of this machine, which a lock must not name."""
    repository({"stead.toml": table, f"{what.strip('./')}/x": ""})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    message = machine.fails("lock", cwd=root)
    assert what in message
    assert "stead.toml:2" in message
    assert "→" in message
    assert not (root / "stead.lock").exists()


def test_collection_takes_checkouts_that_no_place_names(machine, project, repository):
    first = repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    assert level(machine, root) == "1"
    second = repository({"stead.toml": "[vars]\nLEVEL = '2'\n"})
    assert first != second
    machine.ok("lock", "--upgrade", cwd=root)
    assert level(machine, root) == "2"
    modules = machine.stead_home / "modules"
    both = set(os.listdir(modules))
    assert len(both) == 2

    machine.ok("gc", "--older-than", "0s", cwd=root)
    assert set(os.listdir(modules)) == both  # whoever asked a moment ago may be at work
    for name in both:
        os.utime(modules / name, (1e9, 1e9))
    machine.ok("gc", cwd=root)
    assert set(os.listdir(modules)) == both  # undo may want it
    for name in both:
        os.utime(modules / name, (1e9, 1e9))
    plan = machine.json("gc", "--no-history", "--dry-run", cwd=root)
    assert set(os.listdir(modules)) == both
    (spent,) = (r["name"] for r in plan["removed"] if r["kind"] == "module")
    with subprocess.Popen(["sleep", "60"], cwd=machine.stead_home / spent) as process:
        try:
            machine.ok("gc", "--no-history", cwd=root)
            assert set(os.listdir(modules)) == both  # a process stands in it
        finally:
            process.kill()
    machine.ok("gc", "--no-history", cwd=root)
    (kept,) = os.listdir(modules)
    assert spent != f"modules/{kept}"
    assert level(machine, root, "--offline", "--") == "2"

    os.utime(modules / kept, (1e9, 1e9))
    lock = root / "stead.lock"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace("version = ", "version = 99", 1), encoding="utf-8")
    assert "modules stay" in machine.run("gc", cwd=machine.home).stderr
    assert os.listdir(modules) == [kept]
    lock.write_text(text, encoding="utf-8")
    machine.ok("lock", cwd=root)
    assert os.stat(modules / kept).st_mtime > 1e9 + 1  # asked for again


def test_gone_repository_leaves_what_is_here_working(machine, project, repository):
    repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    assert level(machine, root) == "1"
    before = (root / "stead.lock").read_bytes()
    shutil.rmtree(repository.root)
    assert level(machine, root, "--offline", "--") == "1"
    machine.ok("lock", cwd=root)
    message = machine.fails("lock", "--upgrade", cwd=root)
    assert repository.root.as_uri() in message
    assert "stead.toml:2" in message
    assert "→" in message
    assert (root / "stead.lock").read_bytes() == before


def test_locked_fetches_what_is_pinned_and_nothing_else(machine, project, repository):
    repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    assert "not in the lock" in machine.fails("run", "--locked", "true", cwd=root)
    machine.ok("lock", cwd=root)
    repository({"stead.toml": "[vars]\nLEVEL = '2'\n"})
    machine.environ["STEAD_HOME"] = str(machine.home / "another")  # a colleague's machine
    assert "offline" in machine.fails("run", "--offline", "true", cwd=root)
    assert level(machine, root, "--locked", "--") == "1"
    machine.ok("lock", "--check", cwd=root)


@pytest.mark.parametrize("revision", ["no-such", "ab" * 20])
def test_revision_that_does_not_exist(machine, project, repository, revision):
    repository({"stead.toml": "[vars]\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), revision)})
    message = machine.fails("lock", cwd=root)
    assert revision in message
    assert "stead.toml:2" in message
    assert "→" in message
    assert not (root / "stead.lock").exists()


@pytest.mark.parametrize("subdirectory", ["not/there", "out"])
def test_subdirectory_that_cannot_be(machine, project, repository, subdirectory):
    os.symlink("../../..", repository.root / "out")
    repository({"stead.toml": "[vars]\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), subdirectory=subdirectory)})
    message = machine.fails("lock", cwd=root)
    assert subdirectory in message
    assert "stead.toml:2" in message


def test_hostile_address_or_revision_starts_nothing(machine, project, repository, tmp_path):
    """Option injection, as in CVE-2017-1000117 and CVE-2022-25648, and remote helpers."""
    repository({"stead.toml": "[vars]\n"})
    sign = tmp_path / "harmed"
    url = repository.root.as_uri()
    for address, revision in [
        (f"--upload-pack=touch {sign}; true", ""),
        (f"-u=touch {sign}", "main"),
        (f"ext::sh -c touch% {sign}", ""),
        (f"ssh://-oProxyCommand=touch {sign}/x", ""),
        (url, f"--upload-pack=touch {sign};"),
        (url, "--exec=touch"),
        (url, "main:refs/heads/main"),
        (url, "*"),
    ]:
        root = project({"stead.toml": asked(address, revision)})
        message = machine.fails("lock", cwd=root)
        assert "stead.toml:2" in message, message
        assert "→" in message
        assert not sign.exists()
        assert not (root / "stead.lock").exists()


def test_hostile_pin_starts_nothing(machine, project, repository, tmp_path):
    commit = repository({"stead.toml": "[vars]\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    machine.ok("lock", cwd=root)
    sign = tmp_path / "harmed"
    lock = root / "stead.lock"
    text = lock.read_text(encoding="utf-8")
    assert commit in text
    lock.write_text(text.replace(commit, f"--upload-pack=touch {sign};"), encoding="utf-8")
    message = machine.fails("run", "true", cwd=root)
    assert "no commit" in message
    assert "→" in message
    assert not sign.exists()


def test_works_within_a_hook_of_another_repository(machine, project, repository, tmp_path):
    """git tells a hook about its own repository by variables: not this one's."""
    repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True, env=machine.environ)
    machine.environ["GIT_DIR"] = str(other / ".git")
    machine.environ["GIT_INDEX_FILE"] = str(other / ".git" / "index")
    machine.environ["GIT_WORK_TREE"] = str(other)
    assert level(machine, root) == "1"
    assert os.listdir(other) == [".git"]
    assert not (other / ".git" / "index").exists()


def test_project_in_a_git_module_comes_from_git(machine, project, repository):
    """The lock says the address and the commit, not where this machine keeps a clone."""
    commit = repository(
        {
            **project_files(Sdist("widget", "1.5")),
            "stead.toml": "[packages.pypi]\nwidget = { path = '.', editable = true }\n",
        }
    )
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    code = "import widget; print(widget.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "1.5\n"
    text = (root / "stead.lock").read_text(encoding="utf-8")
    assert str(machine.home) not in text
    assert "modules/" not in text
    assert commit in text
    machine.environ["STEAD_HOME"] = str(machine.home / "another")
    machine.ok("run", "--locked", "python", "-c", code, cwd=root)


def test_module_of_a_module(machine, project, repository):
    repository({"inner/stead.toml": "[vars]\nLEVEL = 'inner'\n"})
    root = project(
        {
            "stead.toml": "[uses]\nmiddle = { path = 'middle' }\n",
            "middle/stead.toml": asked(repository.root.as_uri(), "main", "inner"),
        }
    )
    assert level(machine, root) == "inner"
    assert set(pins(root)) == {"shared"}


def test_fetched_module_cannot_be_edited_in_place(machine, project, repository):
    repository({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    root = project({"stead.toml": asked(repository.root.as_uri(), "main")})
    machine.ok("lock", cwd=root)
    (fetched,) = (machine.stead_home / "modules").glob("[!.]*")
    assert [p.name for p in fetched.iterdir()] == ["stead.toml"]
    assert not (fetched / "stead.toml").stat().st_mode & 0o222


@pytest.mark.parametrize(
    "entry",
    [
        "[uses]\nx = { path = '../../../secret' }\n",
        "[uses]\nx = { path = 'out' }\n",
        "[uses]\nx = { git = '../../../secret' }\n",
        "[packages.pypi]\nx = { path = '../../../secret' }\n",
    ],
    ids=["path", "through a link", "git", "project"],
)
def test_fetched_module_uses_nothing_of_this_machine(machine, project, repository, entry, tmp_path):
    secret = machine.home / "secret"
    secret.mkdir()
    (secret / "stead.toml").write_text("[vars]\nLEVEL = 'secret'\n", encoding="utf-8")
    (secret / "pyproject.toml").write_text("[project]\nname='x'\nversion='1'\n", encoding="utf-8")
    os.symlink(secret, repository.root / "out")
    repository({"stead.toml": entry})
    root = project({"stead.toml": asked(repository.root.as_uri())})
    message = machine.fails("lock", cwd=root)
    assert "not in its repository" in message
    assert "→" in message
    assert not (root / "stead.lock").exists()


def test_fetched_module_uses_its_own_directories(machine, project, repository):
    repository(
        {"a/stead.toml": "[uses]\nb = { path = '../b' }\n", "b/stead.toml": "[vars]\nLEVEL = 'b'\n"}
    )
    root = project({"stead.toml": asked(repository.root.as_uri(), subdirectory="a")})
    assert level(machine, root) == "b"

"""Working copies: a module from git, edited beside the project that uses it."""

from __future__ import annotations

import json
import os
import shutil
import tomllib

import pytest

from stead.testing.index import Sdist, project_files


def uses(url, rev="main", subdirectory="", name="shared"):
    extra = f", rev = '{rev}'" if rev else ""
    extra += f", subdirectory = '{subdirectory}'" if subdirectory else ""
    return f"[uses]\n{name} = {{ git = '{url}'{extra} }}\n"


def level(machine, root, *options):
    return machine.ok("run", *options, "--", "sh", "-c", "echo $LEVEL", cwd=root).strip()


def pins(root):
    return tomllib.loads((root / "stead.lock").read_text(encoding="utf-8")).get("pin", {})


def variables(value: str) -> dict[str, str]:
    return {"stead.toml": f"[vars]\nLEVEL = '{value}'\n"}


@pytest.fixture
def place(machine, project, forge):
    """A project that uses a module; the module's branch has moved on since it was locked."""
    forge.first = forge.push("shared", variables("1"))
    root = project({"stead.toml": uses(forge.url("shared"))})
    machine.ok("lock", cwd=root)
    forge.push("shared", variables("2"))
    return root


def test_an_edit_takes_effect_and_drop_goes_back(machine, place, forge):
    manifest, lock = (place / "stead.toml").read_bytes(), (place / "stead.lock").read_bytes()
    assert "cloned" in machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    assert forge.git("rev-parse", "HEAD", cwd=copy) == forge.first
    assert forge.git("branch", "--show-current", cwd=copy) == "main"
    assert forge.git("rev-parse", "--abbrev-ref", "@{upstream}", cwd=copy) == "origin/main"
    assert (place / "stead.toml").read_bytes() == manifest
    assert pins(place)["shared"]["working"] == "../shared"
    assert pins(place)["shared"]["commit"] == forge.first
    said = machine.ok("status", cwd=place)
    assert f"working copy shared from {copy}, instead of main ({forge.first[:12]})" in said
    assert level(machine, place) == "1"
    (copy / "stead.toml").write_text("[vars]\nLEVEL = 'edited'\n", encoding="utf-8")
    assert level(machine, place) == "edited"
    machine.ok("lock", "--upgrade", cwd=place)
    assert pins(place)["shared"]["commit"] == forge.first  # what it stands for stays
    assert level(machine, place) == "edited"

    before = machine.tree(place.parent / "shared")
    message = machine.fails("work", "shared", "--drop", cwd=place, code=2)
    assert "uncommitted: stead.toml" in message
    assert machine.tree(place.parent / "shared").keys() >= before.keys()
    assert level(machine, place) == "edited"
    assert "removed" in machine.ok("work", "shared", "--drop", "--force", cwd=place)
    assert not copy.exists()
    assert (place / "stead.lock").read_bytes() == lock
    assert level(machine, place) == "1"


@pytest.mark.parametrize("how", ["commit", "branch", "tag", "stash", "new file", "worktree"])
def test_drop_refuses_to_lose_work(machine, place, forge, how):
    machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    if how == "new file":
        (copy / "new").write_text("", encoding="utf-8")
    elif how == "worktree":
        forge.git("worktree", "add", "-q", "--detach", "../elsewhere", cwd=copy)
    else:
        (copy / "stead.toml").write_text("[vars]\nLEVEL = 'edited'\n", encoding="utf-8")
        if how == "stash":
            forge.git("stash", cwd=copy)
        else:
            forge.git("checkout", "-q", "--detach", cwd=copy)
            forge.git("commit", "-qam", "a thought of mine", cwd=copy)
            if how != "commit":
                forge.git(how, "mine", cwd=copy)
                forge.git("checkout", "-q", "main", cwd=copy)
    message = machine.fails("work", "shared", "--drop", cwd=place, code=2)
    assert "holds work that is nowhere else" in message
    assert "--force" in message
    assert copy.is_dir()
    assert pins(place)["shared"]["working"]


def test_pushed_work_may_be_dropped(machine, place, forge):
    machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    forge.git("pull", "-q", cwd=copy)
    (copy / "stead.toml").write_text("[vars]\nLEVEL = 'mine'\n", encoding="utf-8")
    forge.git("commit", "-qam", "mine", cwd=copy)
    (one,) = machine.json("work", "--list", cwd=place)
    assert len(one["unpushed"]) == 1
    assert one["uncommitted"] == []
    forge.git("push", "-q", cwd=copy)
    done = machine.run("work", "shared", "--drop", cwd=place)
    assert done.returncode == 0, done.stderr
    assert f"shared is at main ({forge.first[:12]}): `stead use shared` takes" in done.stderr
    assert level(machine, place) == "1"
    machine.ok("lock", "--upgrade", "shared", cwd=place)
    assert level(machine, place) == "mine"


def test_a_package_of_the_module_is_imported_from_the_copy(machine, project, forge):
    forge.push(
        "shared",
        {
            **project_files(Sdist("widget", "1.5")),
            "stead.toml": "[packages.pypi]\nwidget = { path = '.' }\n",
        },
    )
    root = project({"stead.toml": uses(forge.url("shared"))})
    code = "import widget; print(widget.__version__, widget.__file__)"
    version, before = machine.ok("run", "python", "-c", code, cwd=root).split()
    assert version == "1.5"
    machine.ok("work", "shared", cwd=root)
    version, file = machine.ok("run", "python", "-c", code, cwd=root).split()
    copy = root.parent / "shared"
    assert file.startswith(f"{copy}/")
    text = (root / "stead.lock").read_text(encoding="utf-8")
    assert str(root.parent) not in text.replace(forge.url("shared"), "")
    with open(file, "a", encoding="utf-8") as module:
        module.write("\n__version__ = 'edited'\n")
    assert machine.ok("run", "python", "-c", code, cwd=root).split()[0] == "edited"
    machine.ok("work", "shared", "--drop", "--force", cwd=root)
    assert machine.ok("run", "python", "-c", code, cwd=root).split() == ["1.5", before]


def test_locked_refuses_a_lock_with_working_copies(machine, place):
    machine.ok("work", "shared", cwd=place)
    assert level(machine, place) == "1"  # and a record is kept
    for words in (["run", "--locked", "true"], ["lock", "--check"], ["build", "--locked"]):
        message = machine.fails(*words, cwd=place)
        assert "working copies" in message
        assert "stead work shared --drop" in message
    machine.ok("work", "shared", "--drop", cwd=place)
    machine.ok("run", "--locked", "true", cwd=place)


def test_the_list(machine, place, forge):
    assert machine.json("work", cwd=place) == []
    machine.ok("work", "shared", cwd=place)
    (one,) = machine.json("work", cwd=place)
    assert one["name"] == "shared"
    assert one["commit"] == one["head"] == forge.first
    assert one["directory"] == str(place.parent / "shared")
    assert (one["branch"], one["unpushed"], one["uncommitted"]) == ("main", [], [])
    said = machine.ok("work", "--list", cwd=place)
    assert "on main, nothing unpushed" in said
    assert forge.first[:12] in said
    shutil.rmtree(place.parent / "shared")
    assert "not there" in machine.ok("work", cwd=place)


def test_a_copy_that_was_deleted(machine, place):
    machine.ok("work", "shared", cwd=place)
    shutil.rmtree(place.parent / "shared")
    message = machine.fails("run", "true", cwd=place)
    assert "stead work shared --drop" in message
    assert "not there" in machine.ok("status", cwd=place)
    machine.ok("work", "shared", cwd=place)
    assert level(machine, place) == "1"
    shutil.rmtree(place.parent / "shared")
    machine.ok("work", "shared", "--drop", cwd=place)
    assert level(machine, place) == "1"
    assert "working" not in pins(place)["shared"]


def test_at_another_directory_and_one_that_is_there(machine, place, forge):
    occupied = place.parent / "shared"
    occupied.mkdir()
    (occupied / "mine").write_text("", encoding="utf-8")
    message = machine.fails("work", "shared", cwd=place, code=2)
    assert "there already" in message
    assert "--at" in message
    assert "no clone" in machine.fails("work", "shared", "--at", "../shared", cwd=place, code=2)
    assert os.listdir(occupied) == ["mine"]
    own = place.parent / "my own clone"
    forge.git("clone", "-q", forge.url("shared"), str(own), cwd=place)
    assert "used" in machine.ok("work", "shared", "--at", "../my own clone", cwd=place)
    assert level(machine, place) == "2"
    done = machine.run("work", "shared", "--drop", cwd=place)
    assert "Stead did not make it" in done.stderr
    assert own.is_dir()
    assert level(machine, place) == "1"


def test_a_tag_is_worked_on_without_a_branch(machine, project, forge):
    first = forge.push("shared", variables("1"), tag="v1")
    forge.push("shared", variables("2"), tag="v2")
    root = project({"stead.toml": uses(forge.url("shared"), "v1")})
    done = machine.run("work", "shared", cwd=root)
    assert "git switch -c" in done.stderr
    assert forge.git("rev-parse", "HEAD", cwd=root.parent / "shared") == first
    machine.ok("work", "shared", "--drop", cwd=root)


def test_one_repository_with_all_modules(machine, project, forge):
    """Both layouts work, and to move a module changes one line of [uses]."""
    forge.push(
        "all", {"a/stead.toml": "[vars]\nA = 'a'\n", "b/stead.toml": "[vars]\nLEVEL = 'b'\n"}
    )
    forge.push("own", {"stead.toml": "[vars]\nLEVEL = 'own'\n"})
    a = uses(forge.url("all"), subdirectory="a", name="a")
    together = a + uses(forge.url("all"), subdirectory="b", name="b").removeprefix("[uses]\n")
    apart = a + uses(forge.url("own"), name="b").removeprefix("[uses]\n")
    root = project({"stead.toml": together})
    machine.ok("work", "a", cwd=root)
    machine.ok("work", "b", cwd=root)
    assert pins(root)["a"]["working"] == pins(root)["b"]["working"] == "../all"
    copy = root.parent / "all"
    (copy / "b" / "stead.toml").write_text("[vars]\nLEVEL = 'edited'\n", encoding="utf-8")
    assert level(machine, root) == "edited"
    machine.ok("work", "a", "--drop", cwd=root)
    assert copy.is_dir()  # b is worked on in it
    project({"stead.toml": apart})
    assert level(machine, root) == "own"
    assert machine.json("work", cwd=root) == []
    machine.ok("work", "b", cwd=root)
    (root.parent / "b" / "stead.toml").write_text("[vars]\nLEVEL = 'mine'\n", encoding="utf-8")
    assert level(machine, root) == "mine"


def test_a_colleague_who_gets_the_lock(machine, place, tmp_path):
    """Nothing but the lock travels: what it names is absent there, or not asked by git."""
    machine.ok("work", "shared", cwd=place)
    other = tmp_path / "elsewhere" / "project"
    shutil.copytree(place, other)
    assert "stead work shared" in machine.fails("run", "true", cwd=other)
    sign = tmp_path / "harmed"
    hostile = other.parent / "shared"
    shutil.copytree(place.parent / "shared", hostile)
    with open(hostile / ".git" / "config", "a", encoding="utf-8") as config:
        config.write(f'[core]\nfsmonitor = "touch {sign}"\n[filter "x"]\nclean = touch {sign}\n')
    (hostile / ".git" / "info" / "attributes").write_text("* filter=x\n", encoding="utf-8")
    os.utime(hostile / "stead.toml", (1e9, 1e9))
    (one,) = machine.json("work", cwd=other)
    assert one["known"] is False
    machine.ok("status", cwd=other)
    assert not sign.exists()


def test_locks_with_and_without_a_copy_merge(machine, place, forge):
    def git(*words):
        return forge.git(*words, cwd=place)

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "locked")
    git("switch", "-qc", "packages")
    machine.ok("add", "leaf", cwd=place)
    git("commit", "-qam", "leaf")
    git("switch", "-q", "main")
    machine.ok("work", "shared", cwd=place)
    git("commit", "-qam", "at work")
    git("merge", "-q", "-m", "both", "packages")
    assert pins(place)["shared"]["working"] == "../shared"
    assert machine.ok("run", "python", "-c", "import leaf; print(1)", cwd=place) == "1\n"


def test_every_place_of_the_workspace_follows(machine, project, forge):
    forge.push("shared", variables("1"))
    entry = uses(forge.url("shared"))
    root = project({"stead.toml": "[workspace]\n", "a/stead.toml": entry, "b/stead.toml": entry})
    machine.ok("lock", cwd=root / "a")
    machine.ok("lock", cwd=root / "b")
    machine.ok("work", "shared", cwd=root / "a")
    copy = root.parent / "shared" / "stead.toml"
    copy.write_text("[vars]\nLEVEL = 'edited'\n", encoding="utf-8")
    assert level(machine, root / "a") == level(machine, root / "b") == "edited"


def test_what_cannot_be(machine, place, forge, project):
    assert "did you mean shared" in machine.fails("work", "shard", cwd=place, code=2)
    assert "no working copy" in machine.fails("work", "shared", "--drop", cwd=place, code=2)
    assert "which module" in machine.fails("work", "--drop", cwd=place, code=2)
    assert "--drop" in machine.fails("work", "shared", "--force", cwd=place, code=2)
    project({"near/stead.toml": "[vars]\n", "stead.toml": "[uses]\nnear = { path = 'near' }\n"})
    assert "by path" in machine.fails("work", "near", cwd=place, code=2)


def test_offline_and_gone_repositories_leave_nothing(machine, place, forge):
    lock = (place / "stead.lock").read_bytes()
    assert "offline" in machine.fails("work", "shared", "--offline", cwd=place)
    shutil.move(forge.base / "shared.git", forge.base / "away.git")
    assert "could not be cloned" in machine.fails("work", "shared", cwd=place)
    assert sorted(os.listdir(place.parent)) == ["forge", "home", "project"]
    assert (place / "stead.lock").read_bytes() == lock


def test_a_module_that_does_not_lock_in_the_copy_changes_nothing(machine, place, forge):
    own = place.parent / "clone"
    forge.git("clone", "-q", forge.url("shared"), str(own), cwd=place)
    (own / "stead.toml").write_text("[uses]\nx = { path = '../..' }\n", encoding="utf-8")
    lock = (place / "stead.lock").read_bytes()
    assert "not in its repository" in machine.fails("work", "shared", "--at", str(own), cwd=place)
    assert (place / "stead.lock").read_bytes() == lock
    assert own.is_dir()


def test_json(machine, place):
    done = json.loads(machine.ok("work", "shared", "--json", cwd=place))
    assert done["done"] == "cloned"
    assert done["there"]

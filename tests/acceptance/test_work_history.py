"""Working copies and repositories of modules as changes of the environment: told, undone, moved."""

from __future__ import annotations

import json
import os
import shutil
import tomllib

import pytest

from stead.testing.index import Sdist, project_files


def level(machine, root, *options):
    return machine.ok("run", *options, "--", "sh", "-c", "echo $LEVEL", cwd=root).strip()


def pin(root, name="shared"):
    return tomllib.loads((root / "stead.lock").read_text(encoding="utf-8"))["pin"][name]


def variables(value):
    return {"stead.toml": f"[vars]\nLEVEL = '{value}'\n"}


@pytest.fixture
def place(machine, project, forge):
    forge.first = forge.push("shared", variables("1"), tag="v1")
    root = project({"stead.toml": f"[uses]\nshared = {{ git = '{forge.url('shared')}' }}\n"})
    machine.ok("lock", cwd=root)
    return root


def test_a_working_copy_is_a_generation(machine, place, forge):
    machine.ok("work", "shared", "-m", "mend it", cwd=place)
    copy = place.parent / "shared"
    now = machine.json("log", cwd=place)[0]
    assert (now["command"], now["reason"]) == (["work", "shared"], "mend it")
    commit = forge.first[:12]
    (line, *_) = machine.ok("diff", cwd=place).splitlines()
    assert line == f"~ module shared {commit} → working copy ../shared of {commit}"
    assert line in machine.ok("log", "-p", "-n", "1", cwd=place)

    (copy / "stead.toml").write_text("[vars]\nLEVEL = 'mine'\n", encoding="utf-8")
    (copy / "new").write_text("", encoding="utf-8")
    assert level(machine, place) == "mine"
    machine.ok("undo", cwd=place)  # what was edited in the copy was noticed, and is a step
    done = machine.run("undo", cwd=place)
    assert f"{copy} stays as it is: `stead work shared`" in done.stderr
    assert "working" not in pin(place)
    assert level(machine, place) == "1"
    assert (copy / "stead.toml").read_text(encoding="utf-8") == "[vars]\nLEVEL = 'mine'\n"
    assert (copy / "new").exists()

    machine.ok("work", "shared", cwd=place)  # takes it up, and does not clone
    assert level(machine, place) == "mine"
    assert pin(place)["working"] == "../shared"
    assert "holds work" in machine.fails("work", "shared", "--drop", cwd=place, code=2)


def test_redo_and_rollback_go_into_and_out_of_a_copy(machine, place):
    machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    number = machine.json("log", cwd=place)[0]["number"]
    machine.ok("undo", cwd=place)
    machine.ok("redo", cwd=place)
    assert pin(place)["working"] == "../shared"
    machine.ok("rollback", "1", cwd=place)
    assert "working" not in pin(place)
    machine.ok("rollback", str(number), cwd=place)
    assert pin(place)["working"] == "../shared"
    (copy / "stead.toml").write_text("[vars]\nLEVEL = 'mine'\n", encoding="utf-8")
    assert level(machine, place) == "mine"


def test_the_undo_of_a_drop_says_that_the_clone_is_gone(machine, place, forge):
    machine.ok("work", "shared", cwd=place)
    machine.ok("work", "shared", "--drop", cwd=place)
    entries = machine.json("log", cwd=place)
    assert entries[0]["command"] == ["work", "shared", "--drop"]
    assert not (place.parent / "shared").exists()
    done = machine.run("undo", cwd=place)
    assert done.returncode == 0
    assert "is not there any more: `stead work shared` makes one" in done.stderr
    note = json.loads(machine.ok("redo", "--json", cwd=place))["notes"]
    assert note == []
    machine.ok("undo", cwd=place)
    assert "stead work shared" in machine.fails("run", "true", cwd=place)
    machine.ok("work", "shared", cwd=place)
    assert level(machine, place) == "1"
    assert forge.git("rev-parse", "HEAD", cwd=place.parent / "shared") == forge.first


def test_another_revision_while_there_is_a_copy(machine, place, forge):
    machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    second = forge.push("shared", variables("2"), tag="v2")
    done = machine.run("use", "shared@v2", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "is worked on, and stays what is used" in done.stderr
    assert (pin(place)["commit"], pin(place)["working"]) == (second, "../shared")
    assert level(machine, place) == "1"
    # The clone does not know that commit, and can be asked about all the same.
    (one,) = machine.json("work", cwd=place)
    assert (one["commit"], one["unpushed"], one["uncommitted"]) == (second, [], [])
    forge.git("commit", "-q", "--allow-empty", "-m", "a thought", cwd=copy)
    assert "a thought" in machine.fails("work", "shared", "--drop", cwd=place, code=2)
    forge.git("reset", "-q", "--hard", "HEAD~", cwd=copy)
    machine.ok("work", "shared", "--drop", cwd=place)
    assert level(machine, place) == "2"


def test_a_commit_that_only_the_copy_has_is_no_revision_to_drop_for(machine, place, forge):
    """Else dropping would remove the one clone that has it."""
    machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    (copy / "stead.toml").write_text("[vars]\nLEVEL = 'mine'\n", encoding="utf-8")
    forge.git("commit", "-qam", "mine", cwd=copy)
    mine = forge.git("rev-parse", "HEAD", cwd=copy)
    machine.run("use", f"shared@{mine}", cwd=place)
    machine.run("work", "shared", "--drop", cwd=place)
    assert forge.git("rev-parse", "HEAD", cwd=copy) == mine


def test_use_of_another_repository_leaves_the_copy_of_the_former(machine, place, forge):
    machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    forge.push("other", variables("other"))
    done = machine.run("use", f"shared=git+{forge.url('other')}", cwd=place)
    assert done.returncode == 0, done.stderr
    assert f"{copy} stays" in done.stderr
    assert level(machine, place) == "other"
    assert copy.is_dir()
    assert forge.url("shared") in machine.ok("diff", cwd=place)
    machine.ok("undo", cwd=place)
    assert pin(place)["working"] == "../shared"
    machine.ok("use", "--drop", "shared", cwd=place)
    assert copy.is_dir()


@pytest.mark.parametrize("words", [["run", "--locked", "true"], ["lock", "--check"]])
def test_locked_refuses_whatever_the_way_to_the_copy(machine, place, words):
    """Not only the command that took the copy: redo and rollback lead to it too."""
    machine.ok("work", "shared", cwd=place)
    machine.ok("undo", cwd=place)
    machine.ok("run", "--locked", "true", cwd=place)
    machine.ok("redo", cwd=place)
    assert "working copies" in machine.fails(*words, cwd=place)


MODULE = {
    **project_files(Sdist("widget", "1.5")),
    "stead.toml": "[packages.pypi]\nwidget = { path = '.' }\nleaf = '<2'\n"
    "[vars]\nLEVEL = 'b'\n[paths]\nplan = 'plan'\n",
}
SAYS = (
    "import json, os, leaf, widget; print(json.dumps([leaf.__version__, widget.__version__,"
    " os.environ['LEVEL'], os.environ['A']]))"
)


def environment(machine, root):
    """All that a process is given by the modules: packages, variables, what is imported."""
    shown = machine.json("env", "show", cwd=root)
    packages = sorted((p["ecosystem"], p["name"], p["version"]) for p in shown["packages"])
    values = {v["name"]: v["value"] for v in machine.json("config", "list", cwd=root)}
    return packages, values, json.loads(machine.ok("run", "python", "-c", SAYS, cwd=root))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["by hand", "by use"])
def test_a_module_moves_by_one_line_and_the_environment_is_the_same(machine, project, forge, how):
    """From one repository with all modules to one of its own, and back."""
    forge.push(
        "all", {**{f"b/{n}": t for n, t in MODULE.items()}, "a/stead.toml": "[vars]\nA='a'\n"}
    )
    forge.push("own", MODULE)
    inside = f"git+{forge.url('all')}@main#subdirectory=b"
    root = project(
        {
            "stead.toml": "# the modules\n[uses]\n"
            f"a = {{ git = '{forge.url('all')}', rev = 'main', subdirectory = 'a' }}\n"
            f'b = {{ git = "{forge.url("all")}", rev = "main", subdirectory = "b" }}\n'
        }
    )
    machine.ok("lock", cwd=root)
    file = root / "stead.toml"
    together, before = file.read_text(encoding="utf-8"), environment(machine, root)
    assert before[2] == ["1.0", "1.5", "b", "a"]

    line = f'b = {{ git = "{forge.url("own")}", rev = "main" }}'
    if how == "by hand":
        lines = together.splitlines()
        lines[3] = line
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        machine.ok("lock", cwd=root)
    else:
        machine.ok("use", f"b=git+{forge.url('own')}@main", cwd=root)
    apart = file.read_text(encoding="utf-8").splitlines()
    changed = [
        n for n, (x, y) in enumerate(zip(together.splitlines(), apart, strict=True)) if x != y
    ]
    assert changed == [3]
    assert apart[3] == line
    assert environment(machine, root) == before
    difference = machine.json("diff", cwd=root)
    assert [m["name"] for m in difference["modules"]] == ["b"]
    assert difference["packages"] == difference["variables"] == []

    machine.ok("use", f"b={inside}", cwd=root)
    assert file.read_text(encoding="utf-8") == together
    assert environment(machine, root) == before


def test_a_collected_module_is_still_there_for_undo(machine, place, forge):
    forge.push("shared", variables("2"), tag="v2")
    machine.ok("use", "shared@v2", cwd=place)
    modules = machine.stead_home / "modules"
    for name in os.listdir(modules):
        os.utime(modules / name, (1e9, 1e9))
    machine.ok("gc", cwd=place)
    shutil.move(forge.base, forge.base.with_name("away"))
    machine.ok("undo", cwd=place)
    assert level(machine, place, "--offline") == "1"

"""Histories whose place was moved, and records that were damaged or lost."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

MANIFEST = """\
[vars]
LEVEL = "1"
OTHER = "x"
MORE = "y"
"""


@pytest.fixture
def place(machine, project):
    root = project({"the place/stead.toml": MANIFEST}) / "the place"
    for level in (2, 3, 4):
        machine.ok("set", f"LEVEL={level}", "-m", f"to {level}", cwd=root)
    return root


@pytest.fixture
def repository(machine, place):
    subprocess.run(["git", "init", "-q", place], check=True, env=machine.environ)
    machine.ok("set", "LEVEL=5", cwd=place)
    return place


def numbers(machine, root, *words):
    return [e["number"] for e in machine.json("log", *words, cwd=root)]


def directory(machine):
    (found,) = machine.stead_home.glob("places/at/**/.stead@/history@/default")
    return found


def level(root):
    return (root / "stead.toml").read_text().split("\n")[1]


def test_a_moved_place_goes_on_with_its_history(machine, place):
    moved = place.parent / "renamed" / "deeper"
    moved.parent.mkdir()
    place.rename(moved)
    done = machine.run("log", cwd=moved)
    assert f"this place was at {place}" in done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert numbers(machine, moved) == [4, 3, 2, 1]
    machine.ok("undo", cwd=moved)
    assert level(moved) == 'LEVEL = "3"'
    machine.ok("set", "LEVEL=7", cwd=moved)
    assert numbers(machine, moved) == [6, 5, 4, 3, 2, 1]
    assert machine.run("log", cwd=moved).stderr == ""


def test_a_change_comes_first_after_the_move(machine, place):
    moved = place.parent / "renamed"
    place.rename(moved)
    (moved / "stead.toml").write_text((moved / "stead.toml").read_text().replace('"x"', '"z"'))
    before = machine.json("status", cwd=moved)
    machine.ok("set", "LEVEL=7", cwd=moved)
    assert numbers(machine, moved) == [6, 5, 4, 3, 2, 1]
    assert before["place"] == str(moved)
    machine.ok("undo", cwd=moved)
    machine.ok("undo", cwd=moved)
    assert 'OTHER = "x"' in (moved / "stead.toml").read_text()


@pytest.mark.parametrize("harm", ["gone", "garbage"])
def test_the_records_are_all_that_there_is_of_a_history(machine, place, harm):
    """What stands beside them only helps to find them, and is made again."""
    before = machine.json("log", "-p", cwd=place)
    known = machine.stead_home / "places" / "known"
    beside = [*known.iterdir(), directory(machine) / ".lock"]
    assert len(beside) > 1
    for path in beside:
        if harm == "gone":
            path.unlink()
        else:
            path.write_bytes(b"\xff\0not/a/path\0")
    if harm == "garbage":
        for name in ("pin-", "pin-x", "1-x.pack", ".5.tmp", "9x", "1-2.pack~"):
            (directory(machine) / name).write_bytes(b"\xff")
    assert machine.json("log", "-p", cwd=place) == before
    machine.ok("undo", cwd=place)
    assert level(place) == 'LEVEL = "3"'
    machine.ok("set", "LEVEL=5", cwd=place)
    assert numbers(machine, place) == [6, 5, 4, 3, 2, 1]
    moved = place.parent / "moved"
    place.rename(moved)
    assert numbers(machine, moved) == [6, 5, 4, 3, 2, 1]


def test_a_copy_is_a_place_of_its_own(machine, place):
    copy = place.parent / "copy"
    shutil.copytree(place, copy)
    assert numbers(machine, copy) == []
    machine.ok("set", "LEVEL=9", cwd=copy)
    assert numbers(machine, copy) == [2, 1]
    assert numbers(machine, place) == [4, 3, 2, 1]


def test_another_project_at_the_same_inode_begins_anew(machine, place):
    """A file system gives the number of a directory that is gone to the next one."""
    (place / "stead.toml").write_text('[vars]\nQUITE = "different"\n')
    place.rename(place.parent / "other")
    assert numbers(machine, place.parent / "other") == []


def test_a_move_that_no_disk_remembers_is_told(machine, place):
    copy = place.parent / "moved"
    assert "nothing was recorded" in machine.fails("history", "moved", str(copy), cwd=place)
    shutil.copytree(place, copy)
    assert "still there" in machine.fails("history", "moved", str(place), cwd=copy)
    shutil.rmtree(place)
    assert "4 generations" in machine.ok("history", "moved", "../the place", cwd=copy)
    assert numbers(machine, copy) == [4, 3, 2, 1]
    machine.ok("undo", cwd=copy)
    assert level(copy) == 'LEVEL = "3"'


def test_a_place_moved_within_its_repository_keeps_one_chain_of_commits(machine, repository):
    inner = repository / "a"
    inner.mkdir()
    (inner / "stead.toml").write_text(MANIFEST + '[packages.pypi]\ntool = "*"\n')
    for value in (2, 3):
        machine.ok("set", f"LEVEL={value}", cwd=inner)
        machine.ok("lock", cwd=inner)
    inner.rename(repository / "b")
    machine.ok("set", "LEVEL=4", cwd=repository / "b")
    machine.ok("rollback", "2", cwd=repository / "b")
    assert level(repository / "b") == 'LEVEL = "2"'
    machine.ok("undo", cwd=repository / "b")
    assert not inner.exists()
    shutil.rmtree(machine.stead_home)
    done = machine.run("log", cwd=repository / "b")
    assert "taken from its repository: 8 generations" in done.stderr
    assert len(done.stdout.splitlines()) == 8
    machine.ok("rollback", "2", cwd=repository / "b")
    assert level(repository / "b") == 'LEVEL = "2"'


@pytest.mark.parametrize("name", ["a", "renamed"])
def test_a_place_moved_out_of_its_workspace_is_all_that_goes_back(machine, project, name):
    top = project(
        {
            "w/stead.toml": '[workspace]\nname = "w"\n[vars]\nTOP = "1"\n',
            "w/a/stead.toml": MANIFEST + '[packages.pypi]\nleaf = "*"\n',
            "out/x": "",
        }
    )
    here, there = top / "w" / "a", top / "out" / name
    machine.ok("lock", cwd=here)
    machine.ok("set", "LEVEL=2", cwd=here)
    machine.ok("set", "LEVEL=3", cwd=here)
    workspace = machine.tree(top / "w")
    here.rename(there)
    assert numbers(machine, there) == [4, 3, 2, 1]
    assert level(there) == 'LEVEL = "3"'
    machine.ok("undo", cwd=there)
    assert level(there) == 'LEVEL = "2"'
    machine.ok("run", "true", cwd=there)
    assert machine.run("run", "printenv", "TOP", cwd=there).returncode == 1
    assert "leaf" in (there / "stead.lock").read_text()
    (there / "stead.toml").unlink()
    machine.ok("undo", cwd=there)
    assert level(there) == 'LEVEL = "2"'
    assert sorted(p.name for p in (top / "out").iterdir()) == sorted([name, "x"])
    left = {path: seen for path, seen in workspace.items() if not path.startswith(str(here))}
    assert machine.tree(top / "w") == left


def test_a_moved_workspace_goes_on_with_the_histories_in_it(machine, project):
    top = project({"w/stead.toml": '[vars]\nTOP = "1"\n', "w/a/stead.toml": MANIFEST})
    machine.ok("set", "LEVEL=2", cwd=top / "w" / "a")
    (top / "w" / "stead.toml").write_text('[vars]\nTOP = "2"\n')
    machine.ok("set", "LEVEL=3", cwd=top / "w" / "a")
    (top / "w").rename(top / "v")
    machine.ok("rollback", "1", cwd=top / "v" / "a")
    assert level(top / "v" / "a") == 'LEVEL = "1"'
    assert 'TOP = "1"' in (top / "v" / "stead.toml").read_text()


def test_a_lost_store_is_rebuilt_from_git(machine, repository):
    before = machine.json("log", "-p", cwd=repository)
    # What came before the repository is not in git yet: sharing commits it, to any remote.
    remote = repository.parent / "remote"
    subprocess.run(["git", "init", "-q", "--bare", remote], check=True)
    subprocess.run(["git", "remote", "add", "o", remote], check=True, cwd=repository)
    shutil.rmtree(machine.stead_home)
    done = machine.run("log", cwd=repository)
    assert "taken from its repository" in done.stderr
    after = machine.json("log", "-p", cwd=repository)
    kept = [e for e in before if e["number"] in {e["number"] for e in after}]
    assert kept
    for old, new in zip(kept, after, strict=True):
        assert {k: v for k, v in old.items() if k != "difference"} == {
            k: v for k, v in new.items() if k != "difference"
        }
    machine.ok("set", "LEVEL=8", cwd=repository)
    assert numbers(machine, repository)[0] == before[0]["number"] + 1


def test_a_change_does_not_begin_anew_what_git_still_has(machine, repository):
    shutil.rmtree(machine.stead_home)
    machine.ok("set", "LEVEL=8", cwd=repository)
    assert numbers(machine, repository)[0] == 6
    machine.ok("undo", cwd=repository)
    assert level(repository) == 'LEVEL = "5"'


def damage(path):
    path.write_bytes(b"nonsense")


@pytest.mark.parametrize("harm", [damage, lambda path: path.unlink()], ids=["damaged", "lost"])
def test_a_record_is_restored_from_git(machine, repository, harm):
    for value in (6, 7):
        machine.ok("set", f"LEVEL={value}", cwd=repository)
    whole = machine.ok("log", "-p", cwd=repository)
    harm(directory(machine) / "6")
    done = machine.run("undo", cwd=repository)
    assert done.returncode == 0
    assert "restored from git" in done.stderr
    assert level(repository) == 'LEVEL = "6"'
    machine.ok("redo", cwd=repository)
    harm(directory(machine) / "6")
    done = machine.run("log", "-p", cwd=repository)
    assert "restored from git: generations 6, 8" in done.stderr  # 8 took its text from it
    assert done.stdout.split("\n", 2)[2:] != []
    assert [x for x in whole.splitlines() if " 6 " in x] == [
        x for x in done.stdout.splitlines() if " 6 " in x
    ]
    harm(directory(machine) / "7")
    assert "restored generation 7" in machine.ok("history", "restore", cwd=repository)
    assert machine.ok("history", "restore", cwd=repository) == "every record can be read\n"


def test_the_newest_record_is_restored_before_what_it_stands_for_is_merged(machine, repository):
    machine.ok("set", "LEVEL=6", cwd=repository)
    damage(directory(machine) / "6")
    machine.ok("undo", cwd=repository)
    assert level(repository) == 'LEVEL = "5"'
    machine.ok("redo", cwd=repository)
    assert level(repository) == 'LEVEL = "6"'


@pytest.mark.parametrize("harm", [damage, lambda path: path.unlink()], ids=["damaged", "lost"])
def test_without_git_the_nearest_readable_one_is_offered(machine, place, harm):
    harm(directory(machine) / "3")
    done = machine.run("log", cwd=place)
    assert "generation 3 cannot be gone to: records are damaged or lost" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [">", "2", "1"]
    message = machine.fails("undo", cwd=place)
    assert "generation 3 cannot be read whole: records are damaged or lost" in message
    assert "`stead rollback 2` (stead set LEVEL)" in message
    assert level(place) == 'LEVEL = "4"'
    assert "`stead rollback 2`" in machine.fails("rollback", "3", cwd=place)
    assert machine.run("history", "restore", cwd=place).returncode == 1
    machine.ok("rollback", "2", cwd=place)
    assert level(place) == 'LEVEL = "2"'
    machine.ok("undo", cwd=place)
    assert level(place) == 'LEVEL = "4"'


def test_a_damaged_newest_record_counts_as_an_edit(machine, place):
    damage(directory(machine) / "4")
    done = machine.run("log", cwd=place)
    assert "generation 4 cannot be gone to: records are damaged or lost" in done.stderr
    message = machine.fails("undo", cwd=place)
    assert "what it changed counts as an edit by hand" in message
    assert 'now:  LEVEL = "4"' in message


def test_going_where_nothing_can_be_built_offers_what_can(machine, project, tmp_path):
    root = project({"stead.toml": '[packages.pypi]\nleaf = "<2"\n'})
    machine.ok("run", "python", "-c", "", cwd=root)
    machine.ok("set", "A=1", cwd=root)
    machine.ok("add", "tool", cwd=root)
    machine.ok("remove", "leaf", cwd=root)
    builds = {e["number"]: e["build"] for e in machine.json("log", cwd=root)}
    for gone in (machine.stead_home / "packages", machine.stead_home / "store" / builds[3]):
        subprocess.run(["chmod", "-R", "u+w", gone], check=True)
        subprocess.run(["rm", "-rf", gone], check=True)
    machine.environ["UV_DEFAULT_INDEX"] = (tmp_path / "empty").as_uri()
    before = {p: (root / p).read_bytes() for p in ("stead.toml", "stead.lock")}
    lines = machine.ok("log", cwd=root).splitlines()
    assert [("to be rebuilt" in line) for line in lines] == [False, True, False, False]
    message = machine.fails("undo", cwd=root)
    assert "generation 3 cannot be made again" in message
    assert "leaf" in message
    assert "`stead rollback 2` (stead set A) goes to the nearest whose build is there" in message
    assert {p: (root / p).read_bytes() for p in before} == before
    machine.ok("rollback", "2", cwd=root)
    assert machine.ok("run", "python", "-c", "import leaf; print(leaf.__version__)", cwd=root)
    assert json.loads(machine.ok("status", "--json", cwd=root))

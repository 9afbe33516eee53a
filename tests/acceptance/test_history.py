"""History: what changed is told, taken back and done again, by directory."""

from __future__ import annotations

import subprocess

import pytest

from stead.store.generations import History

MANIFEST = """\
[packages.pypi]
tool = "*"

[vars]
LEVEL = "1"
"""


def state(root):
    names = ("stead.toml", "stead.lock")
    return {n: (root / n).read_bytes() if (root / n).exists() else None for n in names}


def log(machine, root, *words):
    return machine.json("log", *words, cwd=root)


def test_packages_and_variables_go_back_and_forward(machine, project):
    root = project({"stead.toml": MANIFEST})
    states = [state(root)]
    for words in (("add", "leaf<2"), ("set", "LEVEL=2"), ("add", "branch<2"), ("remove", "leaf")):
        machine.ok(*words, "-m", f"because of {words[0]}", cwd=root)
        states.append(state(root))
    entries = log(machine, root)
    assert [e["number"] for e in entries] == [5, 4, 3, 2, 1]
    assert entries[0]["command"] == ["remove", "leaf"]
    assert entries[2]["command"] == ["set", "LEVEL"]
    assert entries[0]["reason"] == "because of remove"
    assert entries[0]["current"]
    for before in reversed(states[1:-1]):
        machine.ok("undo", "--json", cwd=root)
        assert state(root) == before
    machine.ok("undo", cwd=root)
    # The lock was not there before the first change.
    assert state(root) == states[0]
    assert "nothing to undo" in machine.fails("undo", cwd=root)
    for after in states[1:]:
        machine.ok("redo", cwd=root)
        assert state(root) == after
    assert "nothing to redo" in machine.fails("redo", cwd=root)
    machine.ok("rollback", "3", cwd=root)
    assert state(root) == states[2]
    code = "import os, leaf; print(os.environ['LEVEL'], leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "2 1.0\n"
    machine.ok("undo", cwd=root)
    assert state(root) == states[-1]
    count = len(log(machine, root, "-n", "100"))
    machine.ok("run", "python", "-c", "", cwd=root)
    assert len(log(machine, root, "-n", "100")) == count


def test_a_change_after_undo_ends_what_could_be_redone(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("set", "A=1", cwd=root)
    machine.ok("set", "B=1", cwd=root)
    machine.ok("undo", cwd=root)
    machine.ok("set", "C=1", cwd=root)
    assert "nothing to redo" in machine.fails("redo", cwd=root)
    machine.ok("undo", cwd=root)
    machine.ok("undo", cwd=root)
    assert (root / "stead.toml").read_text() == MANIFEST


def test_what_was_edited_since_stays(machine, project):
    root = project({"stead.toml": MANIFEST})
    file = root / "stead.toml"
    machine.ok("add", "leaf", cwd=root)
    added = file.read_text()
    file.write_text(added.replace('LEVEL = "1"', 'LEVEL = "7"').replace("leaf =", "# mine\nleaf ="))
    out = machine.ok("undo", cwd=root)
    assert "your own changes kept" in out
    assert file.read_text() == MANIFEST.replace('"1"', '"7"').replace("[vars]", "[vars]").replace(
        'tool = "*"\n', 'tool = "*"\n# mine\n'
    )
    code = "import os; print(os.environ['LEVEL'])"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "7\n"
    assert machine.run("run", "python", "-c", "import leaf", cwd=root).returncode == 1
    machine.ok("redo", cwd=root)
    assert "leaf" in file.read_text()
    assert 'LEVEL = "7"' in file.read_text()


def test_a_true_conflict_is_shown_and_nothing_is_written(machine, project):
    root = project({"stead.toml": MANIFEST})
    file = root / "stead.toml"
    machine.ok("set", "LEVEL=2", cwd=root)
    file.write_text(file.read_text().replace('LEVEL = "2"', 'LEVEL = "3"'))
    before = state(root)
    message = machine.fails("undo", cwd=root)
    assert 'now:  LEVEL = "3"' in message
    assert 'then: LEVEL = "1"' in message
    assert f"{file}:5" in message
    assert state(root) == before


def test_an_older_text_put_back_by_hand_contradicts_nothing(machine, project):
    root = project({"stead.toml": MANIFEST})
    file = root / "stead.toml"
    machine.ok("set", "A=2", cwd=root)
    then = file.read_text()
    machine.ok("set", "C=5", cwd=root)
    older = file.read_text()
    machine.ok("set", "A=7", cwd=root)
    file.write_text(older)
    machine.ok("rollback", "2", cwd=root)
    assert file.read_text() == then


def test_what_was_edited_by_hand_is_never_called_as_in_the_generation(machine, project):
    root = project({"stead.toml": MANIFEST})
    file = root / "stead.toml"
    machine.ok("set", "A=2", cwd=root)
    assert "edited since" not in machine.ok("log", cwd=root)
    said = machine.ok("rollback", "2", cwd=root)
    assert "your own" not in said
    file.write_text(file.read_text() + 'B = "1"\n')
    assert [e["edited"] for e in log(machine, root)] == [True, False, False]
    said = machine.ok("rollback", "2", cwd=root)
    assert "but for your own changes" in said.splitlines()[0]
    assert "stead.toml stays as it is, your own changes kept" in said
    assert "edited since" in machine.ok("log", cwd=root).splitlines()[0]
    file.unlink()
    assert "edited since" in machine.ok("log", cwd=root).splitlines()[0]
    said = machine.ok("rollback", "2", cwd=root)
    assert "your own" not in said
    assert "edited since" not in machine.ok("log", cwd=root)


def test_status_says_which_generation_is_here(machine, project):
    root = project({"stead.toml": MANIFEST})
    assert "history      nothing yet\n" in machine.ok("status", cwd=root)
    machine.ok("set", "A=2", "-m", "why", cwd=root)
    assert "history      generation 2, stead set A\n" in machine.ok("status", cwd=root)
    file = root / "stead.toml"
    file.write_text(file.read_text() + 'B = "1"\n')
    said = "history      generation 2, stead set A; edited since\n"
    assert said in machine.ok("status", cwd=root)


def test_log_tells_where_undo_went_and_commands_as_they_are_typed(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("add", "leaf<2", cwd=root)
    machine.ok("undo", cwd=root)
    machine.ok("redo", cwd=root)
    file = root / "stead.toml"
    file.write_text(file.read_text() + 'B = "1"\n')
    said = machine.ok("undo", cwd=root)
    assert "as in generation 1 (as found), but for your own changes" in said
    file.write_text(file.read_text() + 'C = "1"\n')
    machine.ok("set", "D=1", cwd=root)
    lines = machine.ok("log", cwd=root).splitlines()
    assert [line.partition("@")[2].partition("  ")[2] for line in lines] == [
        "stead set D",
        "edited by hand",
        "stead undo  (as 1, your own changes kept)",
        "stead redo  (as 2)",
        "stead undo  (as 1)",
        "stead add 'leaf<2'",
        "as found",
    ]


def test_a_log_that_is_asked_for_wrongly_says_so(machine, project):
    root = project({"stead.toml": f"{MANIFEST}[layer.test.vars]\nA = '1'\n"})
    machine.ok("set", "A=2", cwd=root)
    for count in ("0", "-3"):
        done = machine.run("log", "-n", count, cwd=root)
        assert done.returncode == 2
        assert "from 1 on" in done.stderr
    assert "did you mean 'test'" in machine.fails("log", "-e", "tset", cwd=root)
    assert machine.json("log", "-e", "test", cwd=root) == []


def test_an_edit_that_is_built_is_recorded_and_a_comment_is_not(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("run", "python", "-c", "", cwd=root)
    (root / "stead.toml").write_text(MANIFEST + 'MORE = "x"\n')
    machine.ok("run", "python", "-c", "pass  # --token s3cr3t", cwd=root)
    (root / "stead.toml").write_text("# said\n" + MANIFEST + 'MORE = "x"\n')
    machine.ok("run", "python", "-c", "", cwd=root)
    entries = log(machine, root)
    assert len(entries) == 2
    assert entries[0]["command"] == ["run"]
    assert entries[0]["variables"] == {"LEVEL": "1", "MORE": "x"}
    machine.ok("undo", cwd=root)
    assert (root / "stead.toml").read_text() == "# said\n" + MANIFEST


def test_a_comment_written_before_a_change_outlives_its_undo(machine, project):
    root = project({"stead.toml": "[vars]\nLEVEL = '1'\n"})
    machine.ok("set", "LEVEL=2", cwd=root)
    text = (root / "stead.toml").read_text() + "# of two levels\n"
    (root / "stead.toml").write_text(text)
    machine.ok("set", "COLOUR=red", cwd=root)
    machine.ok("undo", cwd=root)
    assert (root / "stead.toml").read_text() == text
    machine.ok("run", "true", cwd=root)
    assert [e["command"] for e in log(machine, root)][:2] == [["undo"], ["set", "COLOUR"]]


def test_no_history_holds_what_is_private(machine, project):
    manifest = (
        MANIFEST + 'URL = "http://${HOST}/"\n[vars.KEY]\ntype = "secret"\nvalue = "env:OUTSIDE"\n'
    )
    root = project({"stead.toml": manifest, ".env": "HOST=hush-hush\n", ".gitignore": ".env\n"})
    env = {"OUTSIDE": "open-sesame"}
    machine.ok("run", "python", "-c", "", cwd=root, env=env)
    machine.ok("set", "LEVEL=2", cwd=root, env=env)
    machine.ok("set", "--private", "HOST=more-hush", cwd=root, env=env)
    entries = log(machine, root)
    assert entries[0]["variables"] == {"KEY": "env:OUTSIDE", "LEVEL": "2", "URL": "http://${HOST}/"}
    done = machine.run("undo", cwd=root)
    assert ".env stays as it is" in done.stderr
    assert (root / ".env").read_text() == "HOST=more-hush\n"
    home = str(machine.stead_home)
    for generation in History(home, str(root), "default").numbers():
        history = History(home, str(root), "default")
        kept = history.find(generation)
        texts = [history.text(kept, name) for name in kept.files]
        whole = str([kept.as_json(), texts, history.absent(kept)])
        assert "LEVEL" in whole
        assert "hush" not in whole
        assert "sesame" not in whole


def test_diff_says_meaning_before_text(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("add", "leaf<2", cwd=root)
    machine.ok("set", "LEVEL=2", "NEW=x", cwd=root)
    (root / "stead.toml").write_text((root / "stead.toml").read_text().replace('"<2"', '">=2"'))
    machine.ok("lock", cwd=root)
    lines = machine.ok("diff", "2", "5", cwd=root).splitlines()
    assert lines[:4] == ["~ pypi:leaf 1.0 → 2.0", "~ LEVEL=1 → 2", "+ NEW=x", "changed stead.toml"]
    assert '  +NEW = "x"' in lines
    found = machine.json("diff", "1", "2", cwd=root)
    assert [p["name"] for p in found["packages"]] == ["leaf", "tool"]
    assert "there is no generation 9" in machine.fails("diff", "9", cwd=root)
    assert "they go from 1 to" in machine.fails("rollback", "9", cwd=root)


def test_gc_keeps_what_is_pinned_and_log_marks_what_is_gone(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("run", "python", "-c", "", cwd=root)
    machine.ok("add", "leaf<2", cwd=root)
    first, second = (e["build"] for e in reversed(log(machine, root)))
    machine.ok("gc", cwd=root)
    assert (machine.stead_home / "store" / first).is_dir()
    assert (machine.stead_home / "store" / second).is_dir()
    subprocess.run(["chmod", "-R", "u+w", machine.stead_home / "store" / first], check=True)
    subprocess.run(["rm", "-rf", machine.stead_home / "store" / first], check=True)
    assert [e["rebuild"] for e in log(machine, root)] == [False, True]
    assert "(to be rebuilt)" in machine.ok("log", cwd=root)
    machine.ok("undo", cwd=root)
    assert [e["rebuild"] for e in log(machine, root)] == [False, False, False]
    machine.ok("pin", "2", cwd=root)
    assert log(machine, root)[1]["pinned"]
    assert machine.ok("pin", "--remove", "2", cwd=root) == "generation 2 is no longer pinned\n"
    assert "there is no generation 40" in machine.fails("pin", "40", cwd=root)


def test_a_build_whose_packages_are_gone_leaves_everything_as_it_is(machine, project, tmp_path):
    root = project({"stead.toml": MANIFEST})
    machine.ok("run", "python", "-c", "", cwd=root)
    machine.ok("remove", "tool", cwd=root)
    for name in ("store", "packages"):
        subprocess.run(["chmod", "-R", "u+w", machine.stead_home / name], check=True)
        subprocess.run(["rm", "-rf", machine.stead_home / name], check=True)
    before = state(root)
    machine.environ["UV_DEFAULT_INDEX"] = (tmp_path / "empty").as_uri()
    message = machine.fails("undo", cwd=root)
    assert "tool" in message
    assert "generation 1 cannot be made again" in message
    assert state(root) == before


@pytest.mark.parametrize(
    ("words", "level"), [(("undo",), "3"), (("rollback", "4"), "3"), (("rollback", "3"), "2")]
)
def test_what_was_deleted_comes_back(machine, project, words, level):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    machine.ok("set", "LEVEL=2", cwd=root)
    machine.ok("set", "LEVEL=3", cwd=root)
    before = state(root)
    (root / "stead.toml").unlink()
    (root / "stead.lock").unlink()
    said = machine.ok(*words, cwd=root)
    assert "changed stead.toml" in said
    assert "changed stead.lock" in said
    after = state(root)
    assert after["stead.lock"] == before["stead.lock"]
    assert after["stead.toml"] == before["stead.toml"].replace(b'"3"', f'"{level}"'.encode())


def test_a_deletion_is_the_last_change_and_undone_by_itself(machine, project):
    root = project({"stead.toml": MANIFEST, "requirements.txt": "leaf\n"})
    machine.ok("set", "LEVEL=2", cwd=root)
    machine.ok("set", "LEVEL=3", cwd=root)
    before = state(root)
    (root / "stead.toml").unlink()
    assert machine.ok("undo", cwd=root).startswith("as in generation 3 (stead set LEVEL)\n")
    assert state(root) == before
    # One of several, beside an edit that is not lost.
    (root / "requirements.txt").unlink()
    (root / "stead.toml").write_text(before["stead.toml"].decode() + 'OWN = "1"\n')
    said = machine.ok("undo", cwd=root)
    assert "changed requirements.txt\nstead.toml stays as it is, your own changes kept" in said
    assert (root / "requirements.txt").read_text() == "leaf\n"
    (root / "stead.toml").write_bytes(before["stead.toml"])
    machine.ok("undo", cwd=root)
    assert 'LEVEL = "2"' in (root / "stead.toml").read_text()
    # What can be redone still can.
    (root / "stead.toml").unlink()
    machine.ok("undo", cwd=root)
    assert 'LEVEL = "2"' in (root / "stead.toml").read_text()
    machine.ok("redo", cwd=root)
    assert state(root) == before
    targets = [e["at"] for e in log(machine, root)]
    assert targets == [3, 2, 2, 3, 3, 3, 2, 1]


@pytest.mark.parametrize("word", ["undo", "redo"])
def test_one_step_takes_no_number(machine, project, word):
    root = project({"stead.toml": MANIFEST})
    machine.ok("set", "LEVEL=2", cwd=root)
    before = state(root)
    assert "`stead rollback N` goes to" in machine.fails(word, "1", cwd=root, code=2)
    assert state(root) == before


def test_a_place_that_is_gone_is_said_to_come_back(machine, project):
    root = project({"stead.toml": MANIFEST, "sub/x": ""})
    machine.ok("set", "LEVEL=2", cwd=root)
    (root / "stead.toml").unlink()
    back = "`stead rollback 2` brings stead.toml back; `stead init` begins anew"
    for words in (
        ("status",),
        ("run", "true"),
        ("explain", "LEVEL"),
        ("lock",),
        ("shell", "-c", ":"),
    ):
        assert back in machine.fails(*words, cwd=root)
    assert "`stead -C .. rollback 2` brings" in machine.fails("run", "true", cwd=root / "sub")
    machine.ok("-C", "..", "rollback", "2", cwd=root / "sub")
    assert 'LEVEL = "2"' in (root / "stead.toml").read_text()
    said = machine.run("shell", "-c", "rm stead.toml; stead status; stead abort", cwd=root).stderr
    assert "no manifest in" in said
    assert "`stead abort` puts back what the place had" in said
    assert (root / "stead.toml").exists()


def test_a_place_of_another_environment_s_history_comes_back_too(machine, project):
    root = project({"stead.toml": MANIFEST + '[layer.test.vars]\nT = "1"\n'})
    machine.ok("run", "-e", "test", "true", cwd=root)
    (root / "stead.toml").unlink()
    assert "`stead rollback -e test 1` brings stead.toml back" in machine.fails("tree", cwd=root)
    machine.ok("rollback", "-e", "test", "1", cwd=root)
    assert (root / "stead.toml").exists()


def test_a_damaged_record_is_told_and_passed_over(machine, project):
    root = project({"stead.toml": MANIFEST})
    for number in range(3):
        machine.ok("set", f"LEVEL={number + 5}", cwd=root)
    (directory,) = machine.stead_home.glob("places/at/**/.stead@/history@/default")
    (directory / "3").write_bytes(b"3 nonsense")
    done = machine.run("log", cwd=root)
    assert "generation 3 cannot be gone to: records are damaged" in done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert "generation 3 cannot be read whole" in machine.fails("undo", cwd=root)
    machine.ok("rollback", "2", cwd=root)
    assert 'LEVEL = "5"' in (root / "stead.toml").read_text()


def test_what_needs_a_damaged_record_is_listed_and_named(machine, project):
    root = project({"stead.toml": MANIFEST})
    for number in range(3):
        machine.ok("set", f"LEVEL={number + 5}", cwd=root)
    machine.ok("undo", cwd=root)
    (directory,) = machine.stead_home.glob("places/at/**/.stead@/history@/default")
    (directory / "3").write_bytes(b"3 nonsense")
    done = machine.run("log", cwd=root)
    assert [line.split()[0].strip(">") or line.split()[1] for line in done.stdout.splitlines()] == [
        *("5", "4", "2", "1")
    ]
    assert "generations 3, 5 cannot be gone to" in done.stderr
    machine.fails("history", "restore", cwd=root)
    assert "generation 5 cannot be read whole" in machine.fails("rollback", "5", cwd=root)
    assert 'LEVEL = "6"' in (root / "stead.toml").read_text()
    machine.ok("rollback", "4", cwd=root)


def test_two_places_of_one_lock_go_back_each_by_itself(machine, project):
    root = project(
        {
            "stead.toml": '[workspace]\nname = "w"\n',
            "a/stead.toml": MANIFEST,
            "a/b c/stead.toml": '[packages.pypi]\nleaf = "<2"\n',
        }
    )
    a, b = root / "a", root / "a" / "b c"
    machine.ok("add", "branch<2", cwd=a)
    machine.ok("run", "python", "-c", "import leaf", cwd=b)
    nested = (b / "stead.toml").read_text()
    machine.ok("undo", cwd=a)
    assert (a / "stead.toml").read_text() == MANIFEST
    assert (b / "stead.toml").read_text() == nested
    lock = (root / "stead.lock").read_text()
    assert "branch" in lock  # the nested place still has it
    assert machine.run("run", "python", "-c", "import branch", cwd=a).returncode == 1

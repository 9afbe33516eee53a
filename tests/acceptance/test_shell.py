"""A shell without a person: all of it holds, or none of it does."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

MANIFEST = """\
# mine
[packages.pypi]
tool = "*"

[vars]
LEVEL = "1"
"""


def content(root):
    """Every file of a place with its mode and its bytes."""
    return {
        p.relative_to(root).as_posix(): (p.stat().st_mode, p.read_bytes())
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def log(machine, root):
    return machine.json("log", cwd=root)


def transaction_directory(machine, root):
    return machine.stead_home / "places" / "at" / str(root)[1:] / ".stead@" / "transaction@"


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_what_is_staged_is_there_for_the_next_command(machine, project, shell):
    root = project({"stead.toml": MANIFEST})
    script = (
        "set -eu; export PATH=/my/own:$PATH; stead add leaf >&2; stead set LEVEL=2 NEW=n >&2;"
        " python -c 'import leaf; print(leaf.__version__)'; echo $LEVEL $NEW; echo $PATH;"
        " stead remove leaf >&2; stead unset NEW >&2; echo ${NEW-none};"
        " if python -c 'import leaf' 2>/dev/null; then echo there; fi; echo $PATH"
    )
    env = {"SHELL": shell}
    done = machine.run("shell", "-m", "trying", "-c", script, cwd=root, env=env)
    assert done.returncode == 0, done.stderr
    version, variables, path, new, path_then = done.stdout.splitlines()
    assert (version, variables, new) == ("2.0", "2 n", "none")
    for value in (path, path_then):
        first, own, *rest = value.split(os.pathsep)
        assert first.startswith(str(machine.stead_home / "store"))
        assert own == "/my/own"
        assert rest == machine.environ["PATH"].split(os.pathsep)
    assert (root / "stead.toml").read_text() == MANIFEST.replace('"1"', '"2"')
    entry, before = log(machine, root)
    assert (entry["reason"], entry["command"]) == ("trying", ["shell"])
    assert before["variables"]["LEVEL"] == "1"
    assert not transaction_directory(machine, root).exists()


def test_what_is_staged_stays_in_its_store_without_home(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.environ.pop("STEAD_HOME")
    script = "unset HOME XDG_DATA_HOME; stead set LEVEL=2 && stead commit"
    machine.ok("shell", "-c", script, cwd=root)
    assert log(machine, root)[0]["variables"]["LEVEL"] == "2"


def test_all_is_one_generation_that_undo_takes_back(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    before, count = content(root), len(log(machine, root))
    script = "stead set LEVEL=2 && stead add leaf && stead set --private SECRET=hush"
    machine.ok("shell", "-c", script, cwd=root)
    after = content(root)
    assert after[".env"][0] & 0o777 == 0o600
    assert len(log(machine, root)) == count + 1
    assert log(machine, root)[0]["reason"] == "set LEVEL; add leaf; set --private SECRET"
    machine.ok("undo", cwd=root)
    assert {n: v for n, v in content(root).items() if n != ".env"} == before


@pytest.mark.parametrize("end", ["exit 7", "false", "python -c 'raise SystemExit(7)'"])
def test_a_script_that_fails_leaves_everything_as_it_was(machine, project, end):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    before, history = content(root), log(machine, root)
    script = (
        "stead set LEVEL=2 && stead add leaf && stead set --private SECRET=hush &&"
        f" echo '# by hand' >>stead.toml && {end}"
    )
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.returncode == (1 if end == "false" else 7)
    assert "dropped 3 staged changes" in done.stderr
    assert content(root) == before
    assert log(machine, root) == history
    directory = transaction_directory(machine, root)
    assert not directory.exists()
    kept = list((directory.parent / "aborted@").rglob("stead.toml"))
    assert [k.read_text() for k in kept] == [MANIFEST + "# by hand\n"]
    assert str(kept[0].parent) in done.stderr


@pytest.mark.parametrize("script", ["tool", "stead set A=1 && stead abort", "tool; stead commit"])
def test_what_nobody_staged_is_not_committed(machine, project, script):
    """A lock that the environment needed is nobody's change; who commits by name means all."""
    root = project({"stead.toml": "[packages.pypi]\ntool = '*'\n"})
    before = content(root)
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.returncode == 0, done.stderr
    after = content(root)
    assert after.keys() - before.keys() == ({"stead.lock"} if "commit" in script else set())
    assert after["stead.toml"] == before["stead.toml"]


def test_the_place_stays_as_it_is_until_the_end(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    before = content(root)
    script = (
        "stead set LEVEL=2 && stead add leaf && stead lock --upgrade && cat stead.toml"
        " && stead env show && stead status"
    )
    done = machine.run("shell", "--dry-run", "-c", script, cwd=root)
    assert done.returncode == 0, done.stderr
    assert MANIFEST in done.stdout
    assert "this shell" in done.stdout
    assert "2 staged changes" in done.stdout
    assert "+ pypi:leaf 2.0" in done.stdout.splitlines()
    assert "~ LEVEL=1 → 2" in done.stdout.splitlines()
    assert "stead.toml would be changed" in done.stdout.splitlines()
    assert content(root) == before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("trust --yes", "trust"),
        ("trust --yes .", "trust"),
        ("trust --revoke", "trust"),
        ("rollback 1", "rollback N"),
        ("launcher true", "launcher"),
        ("kernel", "kernel"),
        ("pin 1", "pin"),
        ("restore", "restore"),
        ("undo", "undo"),
    ],
)
def test_what_takes_effect_at_once_is_refused(machine, project, words, named):
    root = project({"stead.toml": "[vars]\nLEVEL = '1'\n", "other/stead.toml": "[vars]\n"})
    machine.ok("set", "LEVEL=2", cwd=root)
    before = machine.tree(root, machine.stead_home / "trust")
    done = machine.run("shell", "-c", f"stead set A=1 && stead {words}", cwd=root)
    assert done.returncode == 2
    assert f"`stead {named}` takes effect at once" in done.stderr
    assert machine.tree(root, machine.stead_home / "trust") == before
    assert "A = " not in (root / "stead.toml").read_text()


def test_what_only_shows_or_is_about_another_place_is_not_refused(machine, project):
    root = project({"stead.toml": "[vars]\nLEVEL = '1'\n", "other/stead.toml": "[vars]\n"})
    script = "stead set A=1; stead trust --show; stead trust --list; stead trust --yes other"
    done = machine.run("shell", "-c", f"set -e; {script}", cwd=root)
    assert done.returncode == 0, done.stderr


def test_diff_inside_says_what_an_edit_by_hand_means(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    script = "sed -i 's/^tool.*/&\\nleaf = \"<2\"/' stead.toml; stead diff; exit 1"
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.stdout.splitlines()[:2] == ["+ pypi:leaf 1.0", "changed stead.toml"]
    script = "sed -i 's/^tool.*/&\\nnever = \"*\"/' stead.toml; stead diff; exit 1"
    done = machine.run("shell", "-c", script, cwd=root)
    assert "packages are compared as they are locked: " in done.stderr
    assert done.stdout.startswith("changed stead.toml")


@pytest.mark.parametrize("declared", [False, True])
def test_diff_inside_says_what_other_environments_get(machine, project, declared):
    extra = '\n[layer.test.vars]\nT = "t"\n' if declared else ""
    root = project({"stead.toml": MANIFEST + extra})
    machine.ok("lock", cwd=root)
    script = (
        "stead add --layer test leaf >&2; stead set --layer test C=2 >&2; stead set LEVEL=2 >&2;"
        " stead diff; exit 1"
    )
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.stdout.splitlines()[:4] == [
        "~ LEVEL=1 → 2",
        "+ pypi:leaf 2.0  (environment test)",
        "+ C=2  (environment test)",
        "changed stead.toml",
    ]
    done = machine.run("shell", "--dry-run", "-c", "stead set --layer test C=2 >&2", cwd=root)
    assert "+ C=2  (environment test)" in done.stdout.splitlines()


def test_diff_inside_says_what_a_commit_would_change(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    script = "stead diff; stead set LEVEL=2 >&2; stead diff; stead diff --json >&2; exit 1"
    done = machine.run("shell", "-c", script, cwd=root)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["~ LEVEL=1 → 2", "changed stead.toml"]
    assert '  +LEVEL = "2"' in lines
    assert "no difference" in done.stderr
    assert '"LEVEL"' in done.stderr


def test_a_private_value_is_named_as_changed_and_never_shown(machine, project):
    root = project({"stead.toml": MANIFEST, ".env": "OLD=quiet\n"})
    machine.ok("lock", cwd=root)
    script = "stead set --private NEW=hush >&2"
    done = machine.run("shell", "--dry-run", "-c", script, cwd=root)
    assert done.stdout.splitlines() == [".env would be changed"]
    assert "hush" not in done.stderr + done.stdout
    done = machine.run("shell", "--dry-run", "--json", "-c", script, cwd=root)
    assert json.loads(done.stdout)["files"] == [{"name": ".env", "what": "changed", "diff": []}]
    (root / ".env").unlink()
    assert machine.ok("shell", "--dry-run", "-c", script, cwd=root) == ".env would be added\n"


def test_scripts_in_files_and_on_standard_input(machine, project):
    body = 'stead set A=1 >&2; echo "$A" "$@"\n'
    root = project(
        {
            "stead.toml": MANIFEST,
            "plain": body,
            "one.sh": f"#!/bin/sh -eu\n{body}",
            "two.bash": f"#!/usr/bin/env bash\n{body}",
            "three.py": "import os, sys; print(os.environ['LEVEL'], *sys.argv[1:])\n",
        }
    )
    for name in ("plain", "one.sh", "two.bash"):
        done = machine.run("shell", "--dry-run", name, "x y", "-z", cwd=root)
        assert done.stdout.splitlines()[0] == "1 x y -z", (name, done.stderr)
    assert machine.ok("shell", "three.py", "x y", cwd=root) == "1 x y\n"
    done = machine.run("shell", cwd=root, stdin=body)
    assert done.stdout == "1\n"
    assert 'A = "1"' in (root / "stead.toml").read_text()
    assert "there is no script" in machine.fails("shell", "nothing", cwd=root, code=2)


def test_savepoints_and_commits_inside(machine, project):
    root = project({"stead.toml": MANIFEST})
    script = """
set -e
stead set A=1 >&2
stead savepoint here >&2
stead set A=2 B=2 >&2
stead rollback to here >&2
echo $A ${B-none}
stead commit -m first >&2
stead set C=3 >&2
stead abort >&2
echo ${C-none}
stead set D=4 >&2
"""
    assert machine.ok("shell", "-c", script, cwd=root) == "1 none\nnone\n"
    text = (root / "stead.toml").read_text()
    assert text == MANIFEST + 'A = "1"\nD = "4"\n'
    assert [e["reason"] for e in log(machine, root)][:2] == ["set D", "first"]


@pytest.mark.parametrize(
    "words", [("commit",), ("abort",), ("savepoint",), ("rollback", "to", "x")]
)
def test_outside_a_transaction_its_commands_are_refused(machine, project, words):
    root = project({"stead.toml": MANIFEST})
    message = machine.fails(*words, cwd=root, code=2)
    assert "this is no transaction" in message
    assert "`stead shell`" in message


def started(machine, root, script, *words):
    """Start a shell whose script says when it has come to its end."""
    process = subprocess.Popen(
        [str(machine.program), "shell", *words, "-c", f"{script}; echo ready; exec sleep 600"],
        cwd=root,
        env={**machine.environ, "PWD": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.stdout.readline() != "ready\n":
        assert process.poll() is None, process.stderr.read()
    return process


def ended(process):
    """Kill what is left of a session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_roll_back(machine, project, number):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    before = content(root)
    process = started(machine, root, "stead set LEVEL=2 >&2; stead add leaf >&2")
    try:
        os.killpg(process.pid, number)
        assert process.wait(90) == 128 + number
    finally:
        ended(process)
    assert content(root) == before
    assert not transaction_directory(machine, root).exists()


def test_two_at_once(machine, project):
    root = project({"stead.toml": MANIFEST})
    first = started(machine, root, "stead set A=1 >&2")
    try:
        message = machine.fails("shell", "--no-wait", "-c", "true", cwd=root)
        assert f"process {first.pid}" in message
        assert "another transaction is open here" in message
        status = machine.json("status", cwd=root)["transaction"]
        assert (status["pid"], status["alive"], status["staged"]) == (first.pid, True, 1)
        second = subprocess.Popen(
            [str(machine.program), "shell", "-c", "stead set B=2"],
            cwd=root,
            env={**machine.environ, "PWD": str(root)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        with second:
            assert f"process {first.pid}" in second.stderr.readline()
            os.kill(first.pid, signal.SIGTERM)
            second.stderr.read()
            assert second.wait(90) == 0
    finally:
        ended(first)
    assert (root / "stead.toml").read_text() == MANIFEST + 'B = "2"\n'


def test_a_killed_one_is_resumed_or_rolled_back(machine, project):
    root = project({"stead.toml": MANIFEST})
    before = content(root)
    for words in (("--resume", "-c", "echo $A; stead set B=2 >&2"), ("-c", "echo ${A-none}")):
        process = started(machine, root, "stead set A=1 >&2")
        ended(process)
        assert content(root) == before
        status = machine.json("status", cwd=root)["transaction"]
        assert (status["pid"], status["alive"]) == (process.pid, False)
        assert "its shell has ended" in machine.ok("status", cwd=root)
        done = machine.run("shell", *words, cwd=root)
        assert done.returncode == 0, done.stderr
        if "--resume" in words:
            assert done.stdout == "1\n"
            text = (root / "stead.toml").read_text()
            assert text == MANIFEST + 'A = "1"\nB = "2"\n'
            (root / "stead.toml").write_text(MANIFEST)
        else:
            assert done.stdout == "none\n"
            assert f"process {process.pid}" in done.stderr
            assert "1 change staged" in done.stderr
            kept = done.stderr.partition("what it had staged is kept in ")[2].split("\n")[0]
            assert 'A = "1"' in (Path(kept) / "stead.toml").read_text()
        assert machine.json("status", cwd=root)["transaction"] is None
        before = content(root)
    assert "no transaction to go on with" in machine.fails(
        "shell", "--resume", "-c", "true", cwd=root, code=2
    )


def test_who_is_left_over_stages_nothing(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    process = started(machine, root, "stead set A=1 >&2")
    ended(process)
    env = {"STEAD_SHELL": str(transaction_directory(machine, root))}
    for _ in range(2):
        done = machine.run("set", "B=1", cwd=root, env=env)
        assert done.returncode == 2
        assert "the transaction of this shell is over" in done.stderr
        assert "unset STEAD_SHELL" in done.stderr
        assert machine.run("run", "sh", "-c", "echo $LEVEL", cwd=root, env=env).stdout == "1\n"
        machine.ok("shell", "-c", "true", cwd=root)  # now it is gone altogether
    assert (root / "stead.toml").read_text() == MANIFEST


def test_what_others_changed_meanwhile_is_kept(machine, project):
    root = project({"stead.toml": MANIFEST})
    env = {"HAND": MANIFEST.replace("# mine", "# mine, changed")}
    script = 'stead set A=1 && printf %s "$HAND" >stead.toml && stead set B=2 && echo $A $B >&2'
    machine.ok("shell", "-c", script, cwd=root, env=env)
    assert (root / "stead.toml").read_text() == env["HAND"] + 'A = "1"\nB = "2"\n'
    env = {"HAND": MANIFEST.replace('"1"', '"7"')}
    script = 'stead set LEVEL=5 && printf %s "$HAND" >stead.toml'
    done = machine.run("shell", "-c", script, cwd=root, env=env)
    assert done.returncode == 1
    assert "contradict each other" in done.stderr
    assert 'LEVEL = "7"' in done.stderr
    assert 'LEVEL = "5"' in done.stderr
    assert "stead shell --resume" in done.stderr
    assert (root / "stead.toml").read_text() == env["HAND"]


def test_a_manifest_that_is_staged_before_it_is_there(machine, project):
    root = project({"requirements.txt": "tool\n"})
    before = content(root)
    script = "stead set A=1 >&2; stead add leaf >&2; ls; tool; echo $A; exit 3"
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.stdout == "requirements.txt\ntool ran\n1\n", done.stderr
    assert content(root) == before
    machine.ok("shell", "-c", "stead set A=1", cwd=root)
    assert "A" in (root / "stead.toml").read_text()


def test_elsewhere_commands_act_as_usual(machine, project, tmp_path):
    root = project({"stead.toml": MANIFEST})
    other = tmp_path / "other"
    other.mkdir()
    (other / "stead.toml").write_text('[vars]\nA = "1"\n')
    machine.run("shell", "-c", "cd ../other && stead set A=2; exit 1", cwd=root)
    assert (other / "stead.toml").read_text() == '[vars]\nA = "2"\n'


def test_nothing_goes_round_the_transaction(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("set", "LEVEL=2", cwd=root)
    before = content(root)
    for command in (
        "undo",
        "redo",
        "rollback 1",
        "shell -c true",
        "init",
        "typings",
        "secret set X",
    ):
        done = machine.run("shell", "-c", f"stead {command}", cwd=root)
        assert done.returncode == 2, command
        assert "transaction" in done.stderr
    assert content(root) == before


def test_time_is_no_order(machine, project):
    """A clock that is set back changes nothing: the journal's order is that of its numbers."""
    root = project({"stead.toml": MANIFEST})
    directory = transaction_directory(machine, root)
    script = (
        f"stead set A=1 >&2; for f in {directory}/states/*; do touch -d 2040-01-01 $f; done;"
        " stead set A=2 >&2; echo $A"
    )
    assert machine.ok("shell", "-c", script, cwd=root) == "2\n"


def test_a_damaged_state_is_named_and_the_one_before_it_used(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    directory = transaction_directory(machine, root)
    script = (
        f"stead set A=1 >&2; stead set B=2 >&2; echo x >>{directory}/states/3.json;"
        " stead set C=3; stead status"
    )
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.returncode == 0, done.stderr
    assert "state 3 of the transaction is damaged" in done.stderr
    assert (root / "stead.toml").read_text() == MANIFEST + 'A = "1"\nC = "3"\n'


def test_a_module_is_used_and_a_repository_begun_in_a_transaction(machine, project):
    root = project({"stead.toml": MANIFEST, "lib/stead.toml": '[vars]\nOF_LIB = "l"\n'})
    before = content(root)
    script = "stead use lib=./lib >&2; echo $OF_LIB; git init -q .; stead set A=1 >&2; echo $A"
    done = machine.run("shell", "-c", f"{script}; exit 1", cwd=root)
    assert done.stdout == "l\n1\n", done.stderr
    assert {n: v for n, v in content(root).items() if not n.startswith(".git/")} == before
    machine.ok("shell", "-c", script, cwd=root)
    assert log(machine, root)[0]["reason"] == "use lib=./lib; set A"


def test_another_command_that_is_recorded_meanwhile_is_not_taken_back(machine, project):
    root = project({"stead.toml": MANIFEST})
    script = (
        "stead set A=1 >&2; env -u STEAD_SHELL stead set B=2 >&2; echo $A; stead status >/dev/null;"
        " echo $A $B"
    )
    done = machine.run("shell", "-c", f"{script}; exit 1", cwd=root)
    assert done.returncode == 1
    assert "put back" not in done.stderr
    text = (root / "stead.toml").read_text()
    assert text == MANIFEST + 'B = "2"\n'
    done = machine.run("shell", "-m", "both", "-c", script.replace("B=2", "B=3"), cwd=root)
    assert done.returncode == 0, done.stderr
    assert (root / "stead.toml").read_text() == MANIFEST + 'B = "3"\nA = "1"\n'
    entries = log(machine, root)
    assert entries[0]["reason"] == "both"
    assert [e["command"][:1] for e in entries] == [["shell"], ["set"], ["set"], []]


def test_other_environments_are_recorded_too(machine, project):
    layer = '[layer.test.packages.pypi]\nbranch = "<2"\n'
    root = project({"stead.toml": MANIFEST + layer})
    machine.ok("lock", "-e", "test", cwd=root)
    machine.ok("shell", "-m", "both", "-c", "stead add 'leaf<2'", cwd=root)
    for environment in ("default", "test"):
        entry = machine.json("log", "-e", environment, cwd=root)[0]
        assert (entry["reason"], entry["command"]) == ("both", ["shell"])


def test_a_layer_that_another_environment_has_is_recorded_there(machine, project):
    layer = '[layer.test.vars]\nWHO = "t"\n'
    root = project({"stead.toml": MANIFEST + layer})
    machine.ok("lock", cwd=root)
    count = len(log(machine, root))
    machine.ok("shell", "-m", "who", "-c", "stead set --layer test WHO=u", cwd=root)
    edit = "sed -i 's/WHO = .*/WHO = \"v\"/' stead.toml"
    machine.ok("shell", "-m", "by hand", "-c", edit, cwd=root)
    found = machine.json("log", "-e", "test", cwd=root)
    assert [e["reason"] for e in found] == ["by hand", "who", ""]
    assert [e["variables"]["WHO"] for e in found] == ["v", "u", "t"]
    assert len(log(machine, root)) == count
    machine.ok("undo", "-e", "test", cwd=root)
    assert 'WHO = "u"' in (root / "stead.toml").read_text()


def test_commands_that_run_side_by_side_lose_nothing(machine, project):
    root = project({"stead.toml": MANIFEST})
    script = (
        "for i in 1 2 3 4 5; do stead set P$i=$i & done; wait; stead status >/dev/null; echo $P3"
    )
    machine.ok("shell", "-c", script, cwd=root)
    lines = (root / "stead.toml").read_text().splitlines()
    assert sorted(lines[-5:]) == [f'P{n} = "{n}"' for n in range(1, 6)]
    assert len(log(machine, root)[0]["reason"].split("; ")) == 5


def test_what_is_another_place_s_or_environment_s_is_not_taken_back(machine, project):
    root = project(
        {
            "stead.toml": MANIFEST + '[layer.test.vars]\nWHO = "t"\n',
            "a/stead.toml": '[vars]\nA = "1"\n',
            "b/stead.toml": '[vars]\nB = "1"\n',
        }
    )
    for place in (root, root / "a", root / "b"):
        machine.ok("lock", cwd=place)
    script = (
        "stead set A=2 && unset STEAD_SHELL && stead -C ../b add leaf && stead -C .. set UP=1"
        " && stead -C .. set --layer test WHO=u && stead lock -e test; exit 3"
    )
    done = machine.run("shell", "-c", script, cwd=root / "a")
    assert done.returncode == 3, done.stderr
    assert "put back" not in done.stderr
    machine.ok("lock", "--check", cwd=root / "b")
    text = (root / "stead.toml").read_text()
    assert 'UP = "1"' in text
    assert 'WHO = "u"' in text
    script = "unset STEAD_SHELL; stead set --layer test WHO=v; stead lock -e test; exit 3"
    done = machine.run("shell", "-c", script, cwd=root)
    assert "put back" not in done.stderr
    assert 'WHO = "v"' in (root / "stead.toml").read_text()


def test_a_lock_that_a_hand_changed_is_put_back(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    before = content(root)
    for change in ("echo '# more' >>stead.lock", "rm stead.lock", "echo nothing >stead.lock"):
        assert machine.run("shell", "-c", f"{change}; exit 3", cwd=root).returncode == 3
        assert content(root) == before


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_script_may_begin_a_transaction_of_another_place(machine, project, tmp_path, shell):
    root = project({"a/stead.toml": '[vars]\nA = "1"\n', "b/stead.toml": '[vars]\nB = "1"\n'})
    own = tmp_path / "bash_env"
    own.write_text("MINE=mine\n", encoding="utf-8")
    inner = "stead set B=2; echo $B ${MINE-}; bash -c 'echo $B ${MINE-}'"
    script = f"stead set A=2; cd ../b; stead shell -c {shlex.quote(inner)}; cd ../a; echo $A"
    env = {"SHELL": shell, "BASH_ENV": str(own)}
    done = machine.run("shell", "-c", script, cwd=root / "a", env=env)
    assert done.returncode == 0, done.stderr
    seen = "2 mine" if shell == "/bin/bash" else "2"
    assert [s for s in done.stdout.splitlines() if "staged" not in s] == [seen, "2 mine", "2"]
    assert 'A = "2"' in (root / "a/stead.toml").read_text()
    assert 'B = "2"' in (root / "b/stead.toml").read_text()


def test_what_a_script_has_committed_itself_stays_and_is_named(machine, project):
    root = project({"stead.toml": MANIFEST})
    script = "stead set A=20; stead commit; stead set B=1; {}"
    done = machine.run("shell", "-c", script.format("false"), cwd=root)
    assert done.returncode == 1
    assert "stead: 1 commit of the script itself stays" in done.stderr
    assert 'A = "20"' in (root / "stead.toml").read_text()
    assert "B" not in (root / "stead.toml").read_text()
    again = "stead set A=1; stead commit; stead set --private P=1; stead commit; exit 3"
    done = machine.run("shell", "-c", again, cwd=root)
    assert "stead: 2 commits of the script itself stay" in done.stderr
    for quiet in (script.format("true"), "stead set C=1; stead abort; stead commit; false"):
        assert "of the script itself" not in machine.run("shell", "-c", quiet, cwd=root).stderr


def test_names_of_savepoints(machine, project):
    root = project({"stead.toml": MANIFEST})

    def inside(script):
        done = machine.run("shell", "-c", f"stead set A=1 >&2; {script}; exit 3", cwd=root)
        assert done.returncode == 3
        return done.stdout + done.stderr

    assert "already" in inside("stead savepoint s1; stead set A=2; stead savepoint s1")
    kept = "stead savepoint s1; stead set A=2; stead savepoint s1; stead rollback to s1; echo =$A"
    assert "=1" in inside(kept)
    assert "`stead rollback to 'a b'` comes back" in inside("stead savepoint 'a b'")
    for empty in ("''", "' '"):
        said = inside(f"stead savepoint {empty}")
        assert "needs a name" in said
        assert "comes back" not in said
    said = inside("stead savepoint 'a b'; stead savepoint c; stead rollback to")
    assert "which savepoint?" in said
    assert "there are: 'a b', c" in said
    assert "generation" not in said
    assert "`stead savepoint` makes one" in inside("stead rollback to")

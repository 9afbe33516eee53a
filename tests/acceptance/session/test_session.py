"""`stead shell` with a person at a terminal, from the first prompt to the last question."""

from __future__ import annotations

import os
import re
import signal
import time

import pexpect
import pytest

MANIFEST = '[vars]\nLEVEL = "1"\n'


def test_staged_kept_and_committed(machine, project, begin, shell, files_of):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, shell)
    assert session.marked == "(project)"
    assert session.value("LEVEL") == "1"
    session.run("stead set COLOUR=red")
    assert session.marked == "(project*)"
    assert session.value("COLOUR") == "red"
    assert "LEVEL changed" in session.export("LEVEL", "2")
    assert "FRESH set" in session.export("FRESH", "'a$b{c}'")
    status = session.run("stead status")
    assert re.search("by hand +FRESH set: uncommitted", status)
    assert "LEVEL changed: uncommitted" in status
    assert "staged FRESH" in session.run("stead keep FRESH")
    assert session.value("FRESH") == "a$b{c}"
    assert session.value("LEVEL") == "2"
    assert "FRESH" not in session.run("stead status | grep uncommitted")
    assert files_of(root) == {"stead.toml": MANIFEST.encode()}
    code, said = session.leave("c")
    assert code == 0
    assert "set COLOUR" in said
    assert "keep FRESH" in said
    assert 'COLOUR = "red"' in (root / "stead.toml").read_text()
    assert 'LEVEL = "1"' in (root / "stead.toml").read_text()
    assert machine.ok("run", "printenv", "FRESH", cwd=root) == "a$b{c}\n"
    assert machine.json("status", cwd=root)["transaction"] is None
    assert machine.json("log", cwd=root)[0]["number"] == 2


def test_what_another_command_recorded_is_not_by_hand(machine, project, begin):
    root = project({"stead.toml": MANIFEST, "a/stead.toml": '[vars]\nA = "1"\n'})
    for place in (root, root / "a"):
        machine.ok("lock", cwd=place)
    session = begin(root / "a", "bash")
    machine.ok("set", "UP=1", cwd=root)
    assert "by hand" not in session.run("true")
    assert "by hand" not in session.run("stead status")
    with (root / "a/stead.toml").open("a", encoding="utf-8") as file:
        file.write("# mine\n")
    assert f"{root}/a/stead.toml was edited by hand" in session.run("true")
    assert "edited       stead.toml by hand" in session.run("stead status")
    session.run("stead set B=1")
    code, said = session.leave("k")
    assert code == 0
    assert re.findall(r"  (\S+) edited by hand", said) == ["stead.toml"]


def test_a_manifest_that_is_removed_is_named_so(project, begin):
    root = project({"stead.toml": MANIFEST, ".env": "HID=1\n"})
    session = begin(root, "bash")
    assert f"{root}/stead.toml was removed by hand" in session.run("rm stead.toml")
    status = session.run("stead status")
    assert "removed      stead.toml by hand: uncommitted" in status
    session.run("stead set B=1")
    assert "stead.toml removed by hand" in session.leave("d")[1]
    assert (root / "stead.toml").read_text() == MANIFEST


@pytest.mark.parametrize("answer", ["d", "discard"])
def test_discarded_at_the_end(machine, project, begin, answer, files_of):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run("stead set COLOUR=red")
    code, said = session.leave("what?", answer, how="^D")
    assert code == 0
    assert "dropped 1 staged change" in said
    assert files_of(root) == {"stead.toml": MANIFEST.encode()}
    assert machine.json("status", cwd=root)["transaction"] is None


@pytest.mark.parametrize("answer", ["k", "^D", "^C"])
def test_kept_for_later_and_resumed(machine, project, begin, answer):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run("stead set COLOUR=red")
    session.export("MINE", "7")
    code, _ = session.leave(answer)
    assert code == 0
    told = machine.json("status", cwd=root)["transaction"]
    assert (told["alive"], told["staged"]) == (False, 1)
    assert told["by_hand"] == [{"name": "MINE", "kind": "new", "added": []}]
    session = begin(root, "zsh", "--resume", ready=False)
    said = session.ready()
    assert "set COLOUR" in said
    assert "MINE set by hand" in said
    assert session.marked == "(project*)"
    assert session.value("COLOUR") == "red"
    assert session.value("MINE") == "7"
    session.leave("c")
    assert 'COLOUR = "red"' in (root / "stead.toml").read_text()


def test_leaving_with_nothing_staged_asks_nothing(machine, project, begin, shell):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, shell)
    session.export("MINE", "7")
    code, said = session.leave(how="exit 3")
    assert code == 3
    assert "later" not in said
    assert machine.json("status", cwd=root)["transaction"] is None


def test_a_lock_that_was_missing_is_nobody_s_change(machine, project, begin):
    """The environment needs one from the start; who did nothing is not asked what becomes of it."""
    root = project({"stead.toml": "[packages.pypi]\ntool = '*'\n"})
    session = begin(root, "bash")
    assert session.marked == "(project)"
    session.run("stead set LEVEL=2")
    assert session.marked == "(project*)"
    session.run("stead abort")
    code, said = session.leave()
    assert (code, "?" in said) == (0, False)
    assert not (root / "stead.lock").exists()


def test_what_a_killed_session_left_is_offered(machine, project, begin, files_of):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run("stead set COLOUR=red")
    session.kill()
    asking = begin(root, "bash", ready=False)
    said = asking.expect("as it is?")
    assert "set COLOUR" in said
    asking.child.sendline("l")
    asking.child.expect(pexpect.EOF)
    asking.child.wait()
    assert machine.json("status", cwd=root)["transaction"]["staged"] == 1
    asking = begin(root, "bash", ready=False)
    asking.expect("as it is?")
    asking.child.sendline("r")
    asking.ready()
    assert asking.value("COLOUR") == "red"
    asking.kill()
    asking = begin(root, "bash", ready=False)
    asking.expect("as it is?")
    asking.child.sendline("d")
    assert "rolled back" in asking.ready()
    assert asking.value("COLOUR") == ""
    asking.leave()
    assert files_of(root) == {"stead.toml": MANIFEST.encode()}


def test_a_closed_terminal_keeps_what_is_staged(
    machine, project, begin, shell, files_of, ended, descendants
):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, shell)
    session.run("stead set COLOUR=red")
    session.export("MINE", "7")
    pids = [session.child.pid, *descendants(session.child.pid)]
    assert len(pids) > 1
    os.close(session.child.child_fd)
    session.child.closed = True
    for pid in pids:
        assert ended(pid)
    told = machine.json("status", cwd=root)["transaction"]
    assert (told["alive"], told["staged"]) == (False, 1)
    assert [hand["name"] for hand in told["by_hand"]] == ["MINE"]
    assert files_of(root) == {"stead.toml": MANIFEST.encode()}


def test_asked_to_end_it_takes_its_shell_along(machine, project, begin, ended, descendants):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run("stead set COLOUR=red")
    pids = [session.child.pid, *descendants(session.child.pid)]
    os.kill(session.child.pid, signal.SIGTERM)
    session.child.expect(pexpect.EOF)
    for pid in pids:
        assert ended(pid)
    assert machine.json("status", cwd=root)["transaction"]["staged"] == 1


@pytest.mark.parametrize("busy", [False, True])
def test_killed_it_takes_its_shell_along(
    machine, project, begin, shell, ended, descendants, tmp_path, busy
):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, shell, under=("bash", "-c", 'set -m; "$@"; exec cat', "sh"))
    session.run("stead set COLOUR=red")
    session.export("MINE", "7")
    owner = machine.json("status", cwd=root)["transaction"]["pid"]
    pids = descendants(owner)
    if busy:
        session.child.sendline(f"touch {tmp_path}/busy; sleep 600")
        while not (tmp_path / "busy").exists():
            time.sleep(0.02)
    os.kill(owner, signal.SIGKILL)
    for pid in (owner, *pids):
        assert ended(pid)
    if not busy:  # else zsh, which ends its job, and bash race for the terminal
        session.child.sendline("for whoever is around it")
        session.child.expect_exact("for whoever is around it")
    told = machine.json("status", cwd=root)["transaction"]
    assert (told["alive"], told["staged"]) == (False, 1)
    assert [hand["name"] for hand in told["by_hand"]] == ["MINE"]
    session.kill()


def test_a_shell_that_is_left_says_that_its_process_is_gone(
    machine, project, begin, shell, ended, descendants
):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, shell, under=("sh", "-c", '"$@"; sleep 600', "sh"))
    session.run("stead set COLOUR=red")
    owner = machine.json("status", cwd=root)["transaction"]["pid"]
    (watch,) = (pid for pid in descendants(owner) if os.getsid(pid) == pid)
    for pid in (watch, owner):
        os.kill(pid, signal.SIGKILL)
        assert ended(pid)
    assert "stead shell --resume" in session.run("true")
    assert session.run("true") == ""
    assert session.value("COLOUR") == "red"
    assert "is over" in session.run("stead set COLOUR=blue")
    assert machine.json("status", cwd=root)["transaction"]["staged"] == 1
    session.kill()


def test_a_commit_at_the_end_that_cannot_be_is_kept(machine, project, begin):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run("stead set LEVEL=2")
    edited = MANIFEST.replace('"1"', '"3"')
    (root / "stead.toml").write_text(edited)
    code, said = session.leave("c")
    assert code == 1
    assert "contradict" in said
    assert "--resume" in said
    assert (root / "stead.toml").read_text() == edited
    assert machine.json("status", cwd=root)["transaction"]["staged"] == 1


def test_a_place_with_an_odd_name(machine, tmp_path, begin, shell):
    root = tmp_path / "it's a $(place) 100% *ü*"
    root.mkdir()
    (root / "stead.toml").write_text(MANIFEST)
    session = begin(root, shell)
    assert session.marked == "(it_s_a___place__100___ü_)"
    session.run("stead set COLOUR=red")
    assert session.value("COLOUR") == "red"
    assert "FRESH set" in session.export("FRESH", "a")
    session.run("cd /")
    assert session.value("COLOUR") == "red"
    session.run("cd -")
    assert "FRESH set: uncommitted" in session.run("stead status")
    assert session.leave("d")[0] == 0


def test_what_is_private_is_kept_in_env_alone(machine, project, begin):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.export("API_TOKEN", "hush-hush")
    assert "looks private" in session.run("stead keep API_TOKEN")
    assert "staged API_TOKEN in .env" in session.run("stead keep --private API_TOKEN")
    assert "uncommitted" not in session.run("stead status")
    for path in machine.stead_home.rglob("*"):
        if path.is_file() and b"hush-hush" in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0
    session.leave("c")
    assert (root / ".env").read_text() == "API_TOKEN=hush-hush\n"
    assert (root / ".env").stat().st_mode & 0o777 == 0o600
    assert "hush" not in (root / "stead.toml").read_text()
    left = [p for p in machine.stead_home.rglob("*") if p.is_file()]
    assert not [p for p in left if b"hush-hush" in p.read_bytes() and "history@" in str(p)]


def test_zsh_has_the_directory_of_its_files_back(machine, project, begin, setup):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "zsh")
    assert session.run("echo ${ZDOTDIR-none} ${HISTFILE-none}") == "none none"
    session.leave()
    dots = machine.home / "my dots"
    dots.mkdir()
    (dots / ".zshrc").write_text(setup["zsh"][1] + "FROM=dots\n")
    (machine.home / ".zshenv").write_text('ZDOTDIR="$HOME/my dots"\n')
    session = begin(root, "zsh")
    assert session.run("echo $ZDOTDIR $FROM") == f"{dots} dots"
    session.leave()
    (machine.home / ".zshenv").unlink()
    machine.environ["ZDOTDIR"] = str(dots)
    session = begin(root, "zsh")
    assert session.run("echo $FROM; printenv ZDOTDIR") == f"dots\n{dots}"


def test_a_directory_is_kept_at_its_end_of_the_list(machine, project, begin):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run(f"export PATH=$PATH:{root}/late:/opt/elsewhere")
    said = session.run("stead keep PATH")
    assert "staged PATH in stead.toml" in said
    near = os.path.relpath("/opt/elsewhere", root)
    told = f"/opt/elsewhere is a path of this machine alone; relative to stead.toml it is {near}"
    assert told in said
    assert "late is" not in said
    assert session.value("PATH").endswith(f":{root}/late:/opt/elsewhere")
    assert "uncommitted" not in session.run("stead status")
    session.run(f"export PATH={root}/first:$PATH")
    said = session.run("stead keep first")
    assert "adds to a list at one end only" in said
    assert f"put {root}/first at the end as well" in said
    assert session.leave("c")[0] == 0
    assert machine.ok("run", "printenv", "PATH", cwd=root).endswith(":/opt/elsewhere\n")
    assert 'value = ["${PATH}", "late", "/opt/elsewhere"]' in (root / "stead.toml").read_text()


def test_what_came_from_outside_can_be_unset_by_hand_alone(project, begin):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run("unset LANG; export MINE=7")
    said = session.run("stead keep LANG")
    assert "LANG came from outside of the place" in said
    assert "`stead set LANG=` makes it empty here" in said
    said = session.run("stead keep --all")
    assert "staged MINE in stead.toml" in said
    assert "not kept, for it came from outside of the place: LANG unset" in said
    assert session.leave("d")[0] == 0


def test_there_is_one_shell_for_a_place(machine, project, begin):
    root = project({"stead.toml": MANIFEST})
    first = begin(root, "bash")
    assert "and leave the shell" in first.run("stead shell")
    second = begin(root, "bash", "--no-wait", ready=False)
    assert f"process {first.child.pid}" in second.expect("--no-wait")
    third = begin(root, "bash", ready=False)
    third.expect(f"process {first.child.pid}")
    first.leave()
    third.ready()
    assert third.value("LEVEL") == "1"


@pytest.mark.slow
def test_killed_resumed_and_aborted_the_place_is_byte_for_byte_what_it_was(
    machine, project, begin, shell, files_of
):
    root = project({"stead.toml": '[packages.pypi]\ntool = "*"\n\n' + MANIFEST, "bin/x": "#!\n"})
    machine.ok("lock", cwd=root)
    machine.ok("run", "true", cwd=root)
    before = files_of(root)
    session = begin(root, shell)
    session.run("stead add leaf")
    session.run("stead set COLOUR=red")
    if shell == "fish":
        said = session.run(f"set -gx PATH {root}/bin $PATH")
    else:
        said = session.run(f"export PATH={root}/bin:$PATH")
    assert f"{root}/bin added to PATH" in said
    assert "staged bin" in session.run("stead keep bin")
    manifest = root / "stead.toml"
    manifest.write_text(manifest.read_text() + 'EDITED = "yes"\n')
    assert "stead.toml was edited by hand" in session.run("true")
    session.export("MINE", "7")
    assert session.run("python -c 'import leaf; print(leaf.__version__)'") == "2.0"
    session.kill()
    told = machine.json("status", cwd=root)["transaction"]
    assert told["staged"] == 3
    assert told["edited"] == [str(manifest)]
    session = begin(root, shell, "--resume", ready=False)
    said = session.ready()
    assert "add leaf" in said
    assert "stead.toml edited by hand" in said
    assert "MINE set by hand" in said
    assert session.value("COLOUR") == "red"
    assert session.value("MINE") == "7"
    assert f"{root}/bin" in session.value("PATH").split(":")
    assert session.run("python -c 'import leaf; print(leaf.__version__)'") == "2.0"
    session.run("stead set LATER=1")
    said = session.run("stead abort")
    assert "put back stead.toml" in said
    assert session.value("COLOUR") == ""
    assert session.marked == "(project)"
    assert files_of(root) == before
    code, said = session.leave()
    assert code == 0
    assert "later" not in said
    assert files_of(root) == before
    kept = list(machine.stead_home.rglob("aborted@/*/stead.toml"))
    assert len(kept) == 1
    assert "EDITED" in kept[0].read_text()


BACKEND = """\
import pathlib, time
def build_editable(*_, **__):
    pathlib.Path("building").touch()
    time.sleep(600)
build_wheel = build_editable
"""
SLOW = """\
[project]
name = "slow"
version = "1"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def test_what_is_interrupted_while_it_builds_is_not_staged(project, begin):
    root = project({"stead.toml": MANIFEST})
    lib = root.parent / "slow"
    lib.mkdir()
    (lib / "pyproject.toml").write_text(SLOW)
    (lib / "backend.py").write_text(BACKEND)
    session = begin(root, "bash")
    session.run("stead set COLOUR=red")
    session.child.sendline("stead add ../slow")
    for _ in range(600):
        if (lib / "building").exists():
            break
        time.sleep(0.05)
    assert (lib / "building").exists()
    session.child.sendintr()
    said = session.ready()
    assert "nothing of this command is staged" in said
    assert "interrupted" in said
    assert [o for o in session.run("stead diff").splitlines() if "slow" in o] == []
    assert session.value("COLOUR") == "red"
    said = session.leave("d")[1]
    assert "set COLOUR" in said
    assert "add" not in said


def test_what_ends_with_the_shell_is_named(project, begin, shell):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, shell)
    session.export("EARLIER", "1")
    last = "set -gx BYHAND x; exit 4" if shell == "fish" else "export BYHAND=x; exit 4"
    code, said = session.leave(how=last)
    assert code == 4
    assert "gone with this shell: BYHAND set, EARLIER set" in said
    session = begin(root, shell)
    assert "gone" not in session.leave()[1]


def test_leaving_shows_and_lists_what_there_is(project, begin):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.run("stead set LEVEL=2")
    session.export("MINE", "7")
    diff = session.run("stead diff").splitlines()
    said = session.leave("s", "d")[1]
    asked, shown, ended = said.partition("LEVEL=1 → 2")
    assert "MINE set by hand, uncommitted" in asked
    assert shown
    assert all(line in said for line in diff)
    assert "gone with this shell: MINE set" in ended
    assert (root / "stead.toml").read_text() == MANIFEST


def test_what_is_kept_on_the_same_line_is_kept_once(project, begin, shell):
    """The shell has what is staged only at its next prompt; every command knows of it before."""
    root = project({"stead.toml": '[vars]\nGONE = "1"\n', "tools/x": "", ".gitignore": ".env\n"})
    session = begin(root, shell)
    for name in ("FIRST", "API_TOKEN", "LAST"):
        session.export(name, "1")
    session.run("set -e GONE" if shell == "fish" else "unset GONE")
    tools = f"{root}/tools"
    session.run(f"fish_add_path -P {tools}" if shell == "fish" else f"PATH={tools}:$PATH")
    said = session.run(
        "stead keep FIRST GONE; stead keep tools; stead keep --private API_TOKEN; "
        "stead status; stead keep --all"
    )
    assert re.findall(r"(\w+) set: uncommitted", said) == ["LAST"]
    assert said.splitlines()[-1] == "staged LAST in stead.toml", said
    assert "uncommitted" not in session.run("stead status")
    text = 'FIRST = "1"\nPATH = { type = "paths", value = ["tools", "${PATH}"] }\nLAST = "1"\n'
    session.run("stead commit")
    assert (root / "stead.toml").read_text() == f"[vars]\n{text}"
    session.export("MORE", "2")
    session.type("stead keep MORE; exit 0")
    said = session.expect("for later?")
    session.type("c")
    said += session.rest()
    assert "by hand" not in said
    assert 'MORE = "2"' in (root / "stead.toml").read_text()


def test_all_is_kept_but_what_is_private_which_is_named(project, begin):
    root = project({"stead.toml": MANIFEST})
    session = begin(root, "bash")
    session.export("API_TOKEN", "hush")
    session.export("MINE", "7")
    session.export("PASSWORD", "hush")
    said = session.run("stead keep --all || echo code $?")
    assert "staged MINE in stead.toml" in said
    assert "`stead keep --private API_TOKEN PASSWORD`" in said
    assert "code 1" in said
    assert "hush" not in said
    assert "staged API_TOKEN, PASSWORD in .env" in session.run("stead keep --all --private")
    session.leave("d")

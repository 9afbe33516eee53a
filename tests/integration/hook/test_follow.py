"""The hook in real interactive shells, with records made by hand."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from stead.values.activation import Change

SET = {
    "bash": "export {n}='{v}'",
    "zsh": "export {n}='{v}'",
    "fish": "set -gx {n} '{v}'",
}
LOCAL = {"bash": "{n}='{v}'", "zsh": "{n}='{v}'", "fish": "set -g {n} '{v}'"}
STATUS = {"bash": "$?", "zsh": "$?", "fish": "$status"}


def put(shell: str, name: str, value: str, table: dict[str, str] = SET) -> str:
    return table[shell].format(n=name, v=value)


def quoted(path) -> str:
    """A path for all three shells, in double quotes, without what they read differently."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


HOSTILE = "a'b\"c $HOME `id` \\ -n\n\ttäst* [x] ~"


def test_leaving_restores_every_variable_exactly(world, shell, open_terminal):
    place = world.place(
        "p",
        Change("set", "NEW", HOSTILE),
        Change("set", "HAD", "place's"),
        Change("set", "LOCAL", "place's"),
        Change("set", "EMPTY", ""),
        Change("set", "name", "a name the hook might use itself"),
        Change("unset", "GONE"),
        Change("unset", "NEVER"),
        Change("default", "KEPT", "not this"),
        Change("default", "GIVEN", "default's"),
        Change("prepend", "PATH", "/opt/first/bin"),
        Change("prepend", "PATH", "/usr/bin"),
        Change("append", "MORE", "last", ";"),
    )
    terminal = open_terminal(shell)
    for name, value in {"HAD": "mine", "GONE": "here", "KEPT": "", "name": "n"}.items():
        terminal.run(put(shell, name, value))
    terminal.run(put(shell, "LOCAL", "not exported", LOCAL))
    before = terminal.everything()

    terminal.run(f"cd {quoted(place)}")
    inside = terminal.everything()
    assert inside["NEW"] == HOSTILE
    assert inside["HAD"] == "place's"
    assert inside["LOCAL"] == "place's"
    assert inside["EMPTY"] == ""
    assert inside["KEPT"] == ""
    assert inside["GIVEN"] == "default's"
    assert inside["MORE"] == "last"
    assert "GONE" not in inside
    rest = [e for e in before["PATH"].split(":") if e != "/usr/bin"]
    assert inside["PATH"].split(":") == ["/usr/bin", "/opt/first/bin", *rest]

    terminal.run("cd ..")
    assert terminal.everything() == before
    assert terminal.run('echo "[$LOCAL]"') == "[not exported]"
    assert world.asked() == 0


def test_an_unchanged_prompt_and_entering_start_no_process(world, shell, open_terminal):
    place = world.place(
        "p",
        *(Change("set", f"V{n}", f"value {n}") for n in range(100)),
        Change("prepend", "PATH", "/opt/x/bin"),
        Change("unset", "PYTHONPATH"),
    )
    trace = world.base / "trace"
    terminal = open_terminal(
        shell, under=["strace", "-f", "-qq", "-e", "trace=%process", "-o", trace]
    )

    def started() -> list[str]:
        calls = ("fork(", "vfork(", "clone(", "clone3(", "execve(")
        lines = trace.read_text().splitlines()
        return [
            line
            for line in lines
            if any(f" {c}" in f" {line.split(None, 1)[1]}" for c in calls)
            and "CLONE_THREAD" not in line
        ]

    terminal.run("true")
    before = len(started())
    terminal.run(f"cd {place}")
    assert terminal.run("echo $V42") == "value 42"
    for _ in range(3):
        terminal.run("true")
    terminal.run("cd ..")
    assert terminal.run('echo "[$V42]"') == "[]"
    assert started()[before:] == []
    assert world.asked() == 0


def test_what_the_user_changed_meanwhile_stays(world, shell, open_terminal):
    place = world.place(
        "p",
        Change("set", "A", "1"),
        Change("set", "B", "1"),
        Change("set", "C", "1"),
        Change("unset", "D"),
        Change("prepend", "PATH", "/opt/x/bin"),
    )
    terminal = open_terminal(shell)
    terminal.run(put(shell, "B", "old"))
    terminal.run(put(shell, "D", "old"))
    path = terminal.value("PATH")
    terminal.run(f"cd {place}")
    terminal.run(put(shell, "A", "mine"))
    terminal.run("set -e C" if shell == "fish" else "unset C")
    terminal.run(put(shell, "D", "mine"))
    terminal.run(
        "set -gx PATH /mine/first $PATH /mine/last"
        if shell == "fish"
        else "PATH=/mine/first:$PATH:/mine/last"
    )
    assert terminal.value("PATH") == f"/mine/first:/opt/x/bin:{path}:/mine/last"
    terminal.run("cd ..")
    found = terminal.values("A", "B", "C", "D", "PATH", "STEAD_APPLIED", "STEAD_OLD_A")
    assert found == {
        "A": "mine",
        "B": "old",
        "C": None,
        "D": "mine",
        "PATH": f"/mine/first:{path}:/mine/last",
        "STEAD_APPLIED": None,
        "STEAD_OLD_A": None,
    }


def test_from_place_to_place_and_back(world, shell, open_terminal):
    outer = world.place("outer", Change("set", "A", "outer"), Change("set", "O", "1"))
    inner = world.place("outer/inner", Change("set", "A", "inner"), Change("set", "I", "1"))
    (outer / "plain").mkdir()
    terminal = open_terminal(shell)
    before = terminal.everything()

    def here() -> tuple:
        return tuple(terminal.values("A", "O", "I", "STEAD_PLACE").values())

    in_outer, in_inner = ("outer", "1", None, str(outer)), ("inner", None, "1", str(inner))
    terminal.run(f"cd {outer}/plain")
    assert here() == in_outer
    terminal.run("cd ../inner")
    assert here() == in_inner
    terminal.run("cd -")
    assert here() == in_outer
    terminal.run(f"pushd {inner}")
    assert here() == in_inner
    terminal.run("popd")
    assert here() == in_outer
    terminal.run(f"cd {world.base}")
    assert terminal.everything() == before
    assert world.asked() == 0


def test_cd_in_a_function(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "1"))
    terminal = open_terminal(shell)
    terminal.run(f"function go; cd {place}; end" if shell == "fish" else f"go() {{ cd {place}; }}")
    terminal.run("go")
    assert terminal.value("A") == "1"


STRANGE = (
    "with space",
    "it's",
    'dou"ble',
    "dollar$HOME",
    "semi;colon & (x)",
    "täst*[a]",
    "-dash",
    "new\nline",
)


def test_strange_names(world, shell, open_terminal):
    terminal = open_terminal(shell)
    where = "(pwd -P | string collect)" if shell == "fish" else '"$(pwd -P)"'
    for number, name in enumerate(STRANGE):
        place = world.place(f"{name}/p", Change("set", "A", "1"))
        (place / "sub").mkdir()
        # The hook is tested, not the typing: the shell learns the name by a link.
        (world.base / f"link{number}").symlink_to(place)
        terminal.run(f"cd {world.base}/link{number}/sub; cd {where}")
        assert terminal.values("A", "STEAD_PLACE") == {"A": "1", "STEAD_PLACE": str(place)}
        terminal.run(f"cd {world.base}")
        assert terminal.value("A") is None
    assert world.asked() == 0


def test_a_symlinked_directory_is_a_place_by_the_name_it_was_entered(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "1"))
    link = world.tree / "link"
    link.symlink_to(place)
    terminal = open_terminal(shell)
    world.keep(link, Change("set", "A", "by the link"))
    terminal.run(f"cd {link}")
    assert terminal.value("A") == "by the link"
    terminal.run("cd ..")
    assert terminal.value("A") is None


def test_a_deleted_directory(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "1"))
    (place / "sub").mkdir()
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}/sub")
    (place / "sub").rmdir()
    terminal.run("true")
    assert terminal.run("echo $A") == "1"
    shutil.rmtree(place)
    terminal.run("true")
    assert terminal.run('echo "[$A]"') == "[]"
    terminal.run(f"cd {world.base}")
    assert terminal.value("STEAD_APPLIED") is None


def test_another_environment_by_a_variable(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "default's"))
    world.keep(place, Change("set", "A", "dev's"), environment="dev")
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    terminal.run(put(shell, "STEAD_ENVIRONMENT", "dev"))
    assert terminal.values("A", "STEAD_ENV") == {"A": "dev's", "STEAD_ENV": "dev"}
    terminal.run("set -e STEAD_ENVIRONMENT" if shell == "fish" else "unset STEAD_ENVIRONMENT")
    assert terminal.values("A", "STEAD_ENV") == {"A": "default's", "STEAD_ENV": "default"}
    said = terminal.run(put(shell, "STEAD_ENVIRONMENT", "../evil"))
    assert "cannot name an environment" in said
    assert terminal.value("A") is None


def test_a_record_made_anew_elsewhere_is_taken_at_the_next_prompt(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "1"))
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    world.keep(place, Change("set", "A", "2"))
    terminal.run("true")
    assert terminal.value("A") == "2"
    assert world.asked() == 0


def test_an_edit_is_noticed_and_asked_about_once(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "1"))
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    (place / "stead.toml").write_text("# edited\n")
    said = terminal.run("true")
    assert world.asked() == 1
    assert "cannot tell" in said
    assert "cannot tell" not in terminal.run("true")
    assert world.asked() == 1
    assert terminal.value("A") == "1", "the last good environment stays"


@pytest.mark.parametrize("how", ["mv", "cp -p", "touch -d"])
def test_an_older_file_put_in_place_is_noticed(world, shell, open_terminal, how):
    place = world.place("p", Change("set", "A", "1"))
    other = world.base / "other"
    other.write_text("# older\n")
    os.utime(other, (1_000_000_000, 1_000_000_000))
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    if how == "touch -d":
        terminal.run("touch -d 2001-01-01 stead.toml")
    else:
        terminal.run(f"{how} {other} stead.toml")
    terminal.run("true")
    assert world.asked() == 1


def test_a_manifest_that_appears_below_or_above_is_noticed(world, shell, open_terminal):
    place = world.place("p/q", Change("set", "A", "1"), absent=(str(world.tree / "p/stead.toml"),))
    (place / "sub").mkdir()
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}/sub")
    (place / "sub" / "requirements.txt").write_text("")
    terminal.run("true")
    assert world.asked() == 1
    (place / "sub" / "requirements.txt").unlink()
    terminal.run(f"cd {place}")
    assert terminal.value("A") == "1"
    assert world.asked() == 1
    (world.tree / "p/stead.toml").write_text("")
    terminal.run("true")
    assert world.asked() == 2


def test_a_manifest_that_appears_where_there_was_none(world, shell, open_terminal):
    (world.tree / "a" / "b").mkdir(parents=True)
    terminal = open_terminal(shell)
    terminal.run(f"cd {world.tree}/a/b")
    terminal.run("true")
    assert world.asked() == 0
    (world.tree / "a" / "pyproject.toml").write_text("")
    terminal.run("true")
    assert world.asked() == 1


def test_a_build_that_vanished_ends_the_record(world, shell, open_terminal):
    build = world.base / "build"
    build.mkdir()
    place = world.place("p", Change("set", "A", "1"), requires=(str(build),))
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    assert terminal.value("A") == "1"
    build.rmdir()
    terminal.run("true")
    assert world.asked() == 1


def test_the_exit_code_survives_the_prompt(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "1"))
    terminal = open_terminal(shell)
    terminal.run("sh -c 'exit 3'")
    assert terminal.run(f"echo {STATUS[shell]}") == "3"
    terminal.run(f"cd {place}; sh -c 'exit 4'")
    assert terminal.run(f"echo {STATUS[shell]}") == "4"


@pytest.mark.parametrize(
    "rc",
    [
        "PROMPT_COMMAND='before=$?'",
        "PROMPT_COMMAND=('before=$?' 'again=1')",
        "set -u; PROMPT_COMMAND='before=$?'",
        "IFS=x; shopt -s nullglob failglob nocasematch; PROMPT_COMMAND='before=$?'",
    ],
)
def test_bash_with_other_prompt_commands_and_options(world, open_terminal, rc):
    place = world.place("p", Change("set", "Axe", "1 x"), Change("prepend", "PATH", "/opt/x"))
    terminal = open_terminal("bash", rc=rc)
    path = terminal.value("PATH")
    terminal.run(f"cd {place}; (exit 7)")
    assert terminal.run("echo $before") == "7"
    assert terminal.values("Axe", "PATH") == {"Axe": "1 x", "PATH": f"/opt/x:{path}"}
    terminal.run("cd ..")
    assert terminal.values("Axe", "PATH") == {"Axe": None, "PATH": path}


def test_zsh_with_hostile_options(world, open_terminal):
    place = world.place("p", Change("set", "A", "1"), Change("prepend", "PATH", "/opt/x"))
    rc = "setopt ksh_arrays nounset sh_word_split no_equals glob_subst; alias -g A=echo"
    terminal = open_terminal("zsh", rc=rc)
    path = terminal.value("PATH")
    terminal.run(f"cd {place}")
    assert terminal.values("A", "PATH") == {"A": "1", "PATH": f"/opt/x:{path}"}
    terminal.run("cd ..")
    assert terminal.values("A", "PATH") == {"A": None, "PATH": path}


def test_zsh_enters_with_the_directory(world, open_terminal):
    place = world.place("p", Change("set", "A", "1"))
    terminal = open_terminal("zsh")
    assert terminal.run(f"cd {place} && sh -c 'echo $A'") == "1"


def test_what_was_here_comes_back_after_another_record_of_the_place(world, shell, open_terminal):
    place = world.place("p", Change("set", "HAD", "first"), Change("set", "LOCAL", "place's"))
    terminal = open_terminal(shell)
    terminal.run(put(shell, "HAD", "mine"))
    terminal.run(put(shell, "LOCAL", "not exported", LOCAL))
    before = terminal.everything()
    terminal.run(f"cd {quoted(place)}")
    for number in ("second", "third"):
        world.keep(place, Change("set", "HAD", number))
        terminal.run("true")
        assert terminal.values("HAD", "LOCAL") == {"HAD": number, "LOCAL": None}
    terminal.run("cd ..")
    assert terminal.everything() == before


def test_what_is_declared_meanwhile_is_the_place_s_own_again(world, shell, open_terminal):
    """A value made by hand that `stead adopt` has taken up is none of the shell's own."""
    place = world.place("p", *(Change("set", name, "first") for name in ("HAD", "NEW", "MINE")))
    terminal = open_terminal(shell)
    terminal.run(put(shell, "HAD", "mine"))
    before = terminal.everything()
    terminal.run(f"cd {quoted(place)}")
    for name in ("HAD", "NEW", "MINE"):
        terminal.run(put(shell, name, "by hand"))
    world.keep(place, Change("set", "HAD", "by hand"), Change("set", "NEW", "second"))
    terminal.run("true")
    assert terminal.values("HAD", "NEW", "MINE") == {
        "HAD": "by hand",
        "NEW": "second",
        "MINE": "by hand",
    }
    terminal.run("cd ..")
    assert terminal.everything() == {**before, "MINE": "by hand"}


def test_the_same_once_more_takes_no_value_made_by_hand_for_the_shell_s_own(
    world, shell, open_terminal
):
    """`stead restore` writes the record once more; that is what was here before it is not."""
    changes = [
        *(Change("set", name, "place's") for name in ("HAD", "LOCAL", "GONE")),
        Change("set", "NEW", HOSTILE),
        Change("prepend", "PATH", "/opt/first/bin"),
        Change("default", "KEPT", "default's"),
    ]
    place = world.place("p", *changes)
    terminal = open_terminal(shell)
    terminal.run(put(shell, "HAD", "mine"))
    terminal.run(put(shell, "LOCAL", "not exported", LOCAL))
    before = terminal.everything()
    terminal.run(f"cd {quoted(place)}")
    for name in ("HAD", "LOCAL", "NEW", "KEPT"):
        terminal.run(put(shell, name, "by hand"))
    terminal.run("set -e GONE" if shell == "fish" else "unset GONE")
    world.keep(place, *changes, anew=True)
    terminal.run("true")
    assert terminal.values("HAD", "LOCAL", "GONE", "NEW", "KEPT") == {
        **dict.fromkeys(("HAD", "LOCAL", "GONE"), "place's"),
        "NEW": HOSTILE,
        "KEPT": "by hand",
    }
    assert terminal.value("PATH").startswith("/opt/first/bin:")
    terminal.run("cd ..")
    assert terminal.everything() == {**before, "KEPT": "by hand"}


def test_bash_restores_arrays_and_attributes(world, open_terminal):
    place = world.place("p", Change("set", "ARR", "1"), Change("set", "NUM", "x"))
    terminal = open_terminal("bash")
    terminal.run("ARR=(one 'two three'); declare -i NUM=5")
    terminal.run(f"cd {place}")
    assert terminal.values("ARR", "NUM") == {"ARR": "1", "NUM": "x"}
    terminal.run("cd ..")
    assert terminal.run("declare -p ARR NUM").splitlines() == [
        'declare -a ARR=([0]="one" [1]="two three")',
        'declare -i NUM="5"',
    ]


def test_zsh_restores_arrays_and_attributes(world, open_terminal):
    place = world.place("p", Change("set", "ARR", "1"), Change("set", "NUM", "x"))
    terminal = open_terminal("zsh")
    terminal.run("ARR=(one 'two three'); typeset -i NUM=5")
    terminal.run(f"cd {place}")
    assert terminal.values("ARR", "NUM") == {"ARR": "1", "NUM": "x"}
    terminal.run("cd ..")
    assert terminal.run("typeset -p ARR NUM").splitlines() == [
        "typeset -a ARR=( one 'two three' )",
        "typeset -i NUM=5",
    ]


def test_fish_restores_lists_and_universal_variables(world, open_terminal):
    place = world.place("p", Change("set", "LIST", "1"), Change("set", "UNI", "x"))
    terminal = open_terminal("fish")
    terminal.run("set -g LIST one 'two three'; set -Ux UNI everywhere")
    terminal.run(f"cd {place}")
    assert terminal.values("LIST", "UNI") == {"LIST": "1", "UNI": "x"}
    terminal.run("cd ..")
    assert terminal.values("LIST", "UNI") == {"LIST": None, "UNI": "everywhere"}
    assert terminal.run("count $LIST; set -qg UNI; echo $status") == "2\n1"


def test_reading_the_rc_file_again_keeps_the_way_back(world, open_terminal):
    place = world.place("p", Change("set", "A", "1"), Change("set", "HAD", "1"))
    for shell in ("bash", "zsh", "fish"):
        terminal = open_terminal(shell)
        terminal.run(put(shell, "HAD", "local", LOCAL))
        terminal.run(f"cd {place}")
        terminal.run(f". {world.base}/hook.{shell}")
        assert terminal.value("A") == "1"
        terminal.run("cd ..")
        assert terminal.values("A", "HAD") == {"A": None, "HAD": None}
        assert terminal.run("echo $HAD") == "local"


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("bash", "zsh"), ("zsh", "fish"), ("fish", "bash"), ("bash", "bash"), ("fish", "fish")],
)
def test_a_nested_shell_leaves_as_if_it_had_entered(world, open_terminal, outer, inner):
    place = world.place(
        "p",
        Change("set", "A", "1"),
        Change("set", "B", "1"),
        Change("set", "C", "1"),
        Change("unset", "GONE"),
        Change("prepend", "PATH", "/opt/x/bin"),
    )
    terminal = open_terminal(outer)
    terminal.run(put(outer, "B", "old"))
    terminal.run(put(outer, "GONE", "old"))
    before = terminal.everything()
    terminal.run(f"cd {place}")
    terminal.run(put(outer, "C", "changed by hand"))
    inside = terminal.everything()

    terminal.inner(inner)
    nested = terminal.everything()
    assert {n: nested.get(n) for n in inside} == inside
    terminal.run(f"cd {world.base}")
    left = terminal.everything()
    expected = before | {"C": "changed by hand"}
    assert {n: left.get(n) for n in expected} == expected
    assert "A" not in left
    assert not [n for n in left if n.startswith("STEAD_") and n != "STEAD_HOME"]

    terminal.unnest()
    assert terminal.everything() == inside
    assert world.asked() == 0


def test_a_nested_shell_whose_rc_file_builds_path_anew(world, shell, open_terminal):
    place = world.place("p", Change("set", "A", "1"), Change("prepend", "PATH", "/opt/x/bin"))
    terminal = open_terminal(shell)
    path = os.environ["PATH"]
    terminal.run(f"cd {place}")
    rc = world.base / "rc"
    for name, text in {
        "bashrc": f"PATH=/rc/bin:{path}\n",
        ".zshrc": f"PATH=/rc/bin:{path}\n",
        "fish/config.fish": f"set -gx PATH /rc/bin {path.replace(':', ' ')}\n",
    }.items():
        (rc / name).write_text(text + (rc / name).read_text())
    terminal.inner(shell)
    assert terminal.value("PATH") == f"/opt/x/bin:/rc/bin:{path}"
    terminal.run("cd ..")
    assert terminal.values("PATH", "A") == {"PATH": f"/rc/bin:{path}", "A": None}


def test_tmux(world, open_terminal):
    place = world.place("p", Change("set", "A", "1"), Change("prepend", "PATH", "/opt/x/bin"))
    terminal = open_terminal("bash")
    terminal.run(f"cd {place}")
    socket, dump = world.base / "tmux.sock", world.base / "dump.json"
    rc = world.base / "rc" / "bashrc"
    start = f"tmux -S {socket} -f /dev/null new-session -d -x 200 -y 50 'bash --noprofile --rcfile {rc} -i'"
    terminal.run(start)
    try:

        def inside(line: str) -> None:
            terminal.run(f"tmux -S {socket} send-keys '{line}' Enter")

        def seen() -> dict:
            import json
            import sys

            dump.unlink(missing_ok=True)
            inside(f"{sys.executable} {world.base}/dump.py {dump}.new; mv {dump}.new {dump}")
            until = time.monotonic() + 90
            while not dump.exists() and time.monotonic() < until:
                time.sleep(0.05)
            return json.loads(dump.read_text())

        assert seen()["A"] == "1"
        inside("cd ..")
        left = seen()
        assert "A" not in left
        assert "/opt/x/bin" not in left["PATH"]
        inside(f"cd {place}")
        assert seen()["A"] == "1"
    finally:
        terminal.run(f"tmux -S {socket} kill-server")
    assert terminal.value("A") == "1"

"""The child shell of a session: its environment, its mark, what is staged, what is done by hand."""

from __future__ import annotations

import os
import time

import pexpect
import pytest

from stead.pipeline import prompt, record, session
from stead.testing.terminal import READY as PS
from stead.values.activation import Activation, Change


def exporting(shell: str, name: str, value: str) -> str:
    return f"set -gx {name} {value}" if shell == "fish" else f"export {name}={value}"


def unsetting(shell: str, name: str) -> str:
    return f"set -e {name}" if shell == "fish" else f"unset {name}"


def adding(shell: str, directory: str) -> str:
    if shell == "fish":
        return f"set -gx PATH {directory} $PATH"
    return f"export PATH={directory}:$PATH"


def hands(world) -> dict[str, str]:
    return {h.name: h.kind for h in session.load(str(world.directory)).hands}


def test_environment_and_mark_are_there_after_the_users_own_files(world, start, shell):
    own = "set -gx MINE yes" if shell == "fish" else "export MINE=yes"
    terminal = start(shell, own)
    assert terminal.value("LEVEL") == "1"
    assert terminal.value("MINE") == "yes"
    assert terminal.marked == "(scans)"
    assert not hands(world)


def test_what_is_staged_applies_at_the_next_prompt_without_another_process(world, start, shell):
    terminal = start(shell, program=world.counting())
    world.stage(Change("set", "LEVEL", "2"), Change("prepend", "PATH", "/opt/staged"))
    (world.directory / "staged").touch()
    terminal.run("true")
    assert terminal.marked == "(scans*)"
    assert terminal.value("LEVEL") == "2"
    assert terminal.value("PATH").startswith("/opt/staged:")
    world.stage(Change("set", "OTHER", "x"))
    (world.directory / "staged").unlink()
    terminal.run("true")
    assert terminal.marked == "(scans)"
    assert terminal.value("LEVEL") == ""
    assert terminal.value("OTHER") == "x"
    assert "/opt/staged" not in terminal.value("PATH")
    assert world.asked() == []


def test_a_change_by_hand_is_said_once_and_kept(world, start, shell):
    terminal = start(shell, program=world.counting())
    said = terminal.run(exporting(shell, "FRESH", "a"))
    assert "FRESH set" in said
    assert "stead keep" in said
    assert terminal.run("true") == ""
    assert len(world.asked()) == 1
    assert "LEVEL changed" in terminal.run(exporting(shell, "LEVEL", "7"))
    assert "FRESH" not in terminal.run(exporting(shell, "LEVEL", "8"))
    assert "LANG unset" in terminal.run(unsetting(shell, "LANG"))
    assert "/opt/mine added to PATH" in terminal.run(adding(shell, "/opt/mine"))
    assert hands(world) == {"FRESH": "new", "LEVEL": "changed", "LANG": "unset", "PATH": "path"}
    terminal.run(exporting(shell, "LEVEL", "1"))
    assert "LEVEL" not in hands(world)


def test_what_was_done_by_hand_stays_on_top_of_what_is_staged_later(world, start, shell):
    terminal = start(shell)
    terminal.run(exporting(shell, "FRESH", "a"))
    terminal.run(exporting(shell, "LEVEL", "7"))
    terminal.run(adding(shell, "/opt/mine"))
    world.stage(Change("set", "LEVEL", "1"), Change("set", "OTHER", "x"))
    terminal.run("true")
    assert terminal.value("LEVEL") == "7"
    assert terminal.value("FRESH") == "a"
    assert terminal.value("PATH").startswith("/opt/mine:")
    # What the staged environment itself now says otherwise is its own again.
    world.stage(
        Change("set", "LEVEL", "9"),
        Change("set", "FRESH", "a"),
        Change("prepend", "PATH", "/opt/mine"),
    )
    terminal.run("true")
    assert terminal.value("LEVEL") == "9"
    assert terminal.value("FRESH") == "a"
    assert terminal.value("PATH").count("/opt/mine") == 1
    assert hands(world) == {}
    world.stage(Change("set", "LEVEL", "1"))
    terminal.run("true")
    assert terminal.value("FRESH") == ""
    assert "/opt/mine" not in terminal.value("PATH")


def test_by_hand_and_staged_between_two_prompts_are_told_apart(world, start, shell):
    terminal = start(shell)
    # As `export …; stead set …` in one line.
    script = world.base / "stage.sh"
    script.write_text(f"echo 2 >{world.directory}/turn\n")
    record = world.directory / "record"
    kept = {p.name: p.read_bytes() for p in record.iterdir()}
    world.stage(Change("set", "LEVEL", "1"), Change("set", "OTHER", "x"))
    staged = {p.name: p.read_bytes() for p in record.iterdir()}
    for name, content in kept.items():
        (record / name).write_bytes(content)
    (world.directory / "turn").write_text("1\n")
    terminal.run("true")
    (world.base / "new").mkdir()
    for name, content in staged.items():
        (world.base / "new" / name).write_bytes(content)
    script.write_text(f"cp {world.base}/new/* {record}/; echo 2 >{world.directory}/turn\n")
    said = terminal.run(f"{exporting(shell, 'FRESH', 'a')}; sh {script}")
    assert "FRESH set" in said
    assert terminal.value("OTHER") == "x"
    assert terminal.value("FRESH") == "a"
    assert hands(world) == {"FRESH": "new"}


def test_another_directory_is_no_change_by_hand(world, start, shell):
    terminal = start(shell, program=world.counting())
    assert terminal.run("cd /") == ""
    assert terminal.value("LEVEL") == "1"
    assert terminal.run("cd -") in ("", str(world.place))
    assert world.asked() == []


@pytest.mark.parametrize("redefine", [False, True])
def test_the_users_own_hook_stands_back_here_and_serves_elsewhere(world, start, shell, redefine):
    other = world.base / "tree" / "other"
    other.mkdir()
    (other / "stead.toml").write_text("")
    os.utime(other / "stead.toml", (1_700_000_000, 1_700_000_000))
    made = Activation(
        place=str(other),
        root=str(other),
        environment="default",
        changes=(Change("set", "ELSEWHERE", "yes"), Change("set", "STEAD_PLACE", str(other))),
        inputs=(str(other / "stead.toml"),),
    )
    record.record(
        str(world.home),
        made,
        now=time.time() + 10,
        trusted=True,
        files=prompt.hook_files(made),
    )
    hook = f"stead hook {shell} | source" if shell == "fish" else f'eval "$(stead hook {shell})"'
    terminal = start(shell, hook if redefine else "")
    assert terminal.value("LEVEL") == "1"
    terminal.run(exporting(shell, "FRESH", "a"))
    terminal.run(f"cd {other}")
    assert terminal.value("ELSEWHERE") == ("yes" if redefine else "")
    assert terminal.value("LEVEL") == ("" if redefine else "1")
    world.stage(Change("set", "LEVEL", "3"))
    terminal.run(f"cd {world.place}")
    assert terminal.value("ELSEWHERE") == ""
    assert terminal.value("LEVEL") == "3"
    assert terminal.value("FRESH") == "a"
    assert terminal.marked == "(scans)"


def test_a_manifest_edited_by_hand_is_named_once(world, start, shell):
    terminal = start(shell, program=world.counting())
    before = world.manifest.read_text()
    world.manifest.write_text(before + 'MORE = "x"\n')
    assert f"{world.manifest} was edited by hand" in terminal.run("true")
    assert terminal.run("true") == ""
    assert len(world.asked()) == 1
    world.manifest.write_text(before)
    assert terminal.run("true") == ""
    (world.place / ".env").write_text("A=1\n")
    assert ".env was edited by hand" in terminal.run("true")


def test_changes_by_hand_come_back_in_another_shell(world, start, shell):
    terminal = start(shell)
    terminal.run(exporting(shell, "FRESH", "'a  b$c'"))
    terminal.run(exporting(shell, "LEVEL", "7"))
    terminal.run(unsetting(shell, "LANG"))
    terminal.run(adding(shell, "/opt/mine"))
    terminal.child.kill(9)
    again = start({"bash": "zsh", "zsh": "fish", "fish": "bash"}[shell])
    assert again.value("FRESH") == "a  b$c"
    assert again.value("LEVEL") == "7"
    assert again.value("LANG") == ""
    assert again.value("PATH").startswith("/opt/mine:")
    assert hands(world) == {"FRESH": "new", "LEVEL": "changed", "LANG": "unset", "PATH": "path"}


def test_notes_are_for_the_user_alone(world, start, shell):
    terminal = start(shell)
    terminal.run(exporting(shell, "API_TOKEN", "hush"))
    assert (world.directory / "shell").stat().st_mode & 0o077 == 0
    found = [p for p in world.base.rglob("*") if p.is_file() and b"hush" in p.read_bytes()]
    assert found
    for path in found:
        assert path.stat().st_mode & 0o077 == 0


def test_interrupts_leave_the_session_as_it_is(world, start, shell):
    terminal = start(shell)
    terminal.begin("sh -c 'echo star''ted; exec sleep 60'")
    terminal.child.expect_exact("started")
    terminal.child.sendintr()
    terminal.ready()
    assert terminal.marked.endswith("(scans)")
    # At the prompt: how many prompts an interrupt brings depends on when it comes.
    for _ in range(3):
        terminal.child.sendintr()
    for attempt in range(20):
        terminal.child.sendline(f"echo alive-{attempt}-$LEVEL-")
        if terminal.child.expect_exact([f"alive-{attempt}-1-", pexpect.TIMEOUT], timeout=2) == 0:
            break
    else:
        pytest.fail("nothing comes after an interrupt")
    assert hands(world) == {}


def test_a_manifest_edited_as_something_is_staged_is_named(world, start, shell):
    terminal = start(shell)
    terminal.run(exporting(shell, "FRESH", "a"))
    script = world.base / "both.sh"
    script.write_text(f"echo 'X = 1' >>{world.manifest}; echo 2 >{world.directory}/turn\n")
    said = terminal.run(f"{exporting(shell, 'MORE', 'b')}; sh {script}")
    assert f"{world.manifest} was edited by hand" in said
    assert "MORE set" in said
    assert terminal.run("true") == ""


def test_a_shell_within_has_what_is_staged_too(world, start, shell):
    rc = world.base / "rc"
    hook = f"stead hook {shell} | source" if shell == "fish" else f'eval "$(stead hook {shell})"'
    terminal = start(shell, hook)
    world.stage(Change("set", "LEVEL", "2"))
    inner = {"bash": f"bash --rcfile {rc}/.bashrc -i", "zsh": "zsh -i", "fish": "fish -i"}[shell]
    terminal.nest(shell, [inner])
    assert terminal.value("LEVEL").splitlines()[-1] == "2"
    world.stage(Change("set", "LEVEL", "3"))
    terminal.run("true")
    assert terminal.value("LEVEL") == "3"
    terminal.unnest()
    assert terminal.value("LEVEL") == "3"


@pytest.mark.parametrize(
    ("shell", "rc"),
    [
        ("bash", "set -o noclobber -o nounset; set -f"),
        ("bash", f"PROMPT_COMMAND='PS1=\"{PS}\"'"),
        ("bash", f"PROMPT_COMMAND=('PS1=\"{PS}\"' true)"),
        ("bash", "PROMPT_COMMAND='true ; '"),
        ("bash", "export PROMPT_COMMAND='export COUNTED=1'"),
        ("zsh", "setopt noclobber nounset sh_word_split ksh_arrays"),
        ("zsh", f"precmd() {{ PS1='{PS}' }}"),
        ("fish", "function fish_right_prompt; end"),
    ],
)
def test_what_users_set_up_does_no_harm(world, start, shell, rc):
    terminal = start(shell, rc, program=world.counting())
    assert terminal.marked == "(scans)"
    assert terminal.run("true") == ""
    assert world.asked() == []
    assert "FRESH set" in terminal.run(exporting(shell, "FRESH", "a"))
    world.stage(Change("set", "LEVEL", "2"))
    (world.directory / "staged").touch()
    terminal.run("true")
    assert terminal.value("LEVEL") == "2"
    assert terminal.value("FRESH") == "a"
    assert terminal.marked == "(scans*)"


def test_the_status_of_the_last_command_is_still_there_for_the_prompt(world, start):
    rc = f"PS1='$?{PS}'"
    terminal = start("bash", rc)
    terminal.run("sh -c 'exit 7'")
    assert terminal.marked == "(scans) 7"

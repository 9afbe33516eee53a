"""`stead run` without Python: what it takes, what the command gets, what it leaves alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stead.pipeline.run import environment
from stead.shells.state import switch, undo
from stead.values.activation import DEFAULT_PATH, Change, apply
from stead.values.manifest import Task, Variable

pytestmark = pytest.mark.needs("dash")

SLOW = 42
BUSYBOX = "/sbin:/usr/sbin:/bin:/usr/bin"
LISTED = (
    Change("unset", "GONE"),
    Change("unset", "NEVER"),
    Change("prepend", "PATH", "/opt/x y/bin"),
    Change("append", "LIST", "end", ";"),
    Change("default", "ASKED", "default"),
    Change("set", "HOSTILE", 'it\'s "$x" `y` \\ \n -é\udcff*'),
    Change("set", "STEAD_PLACE", "/p"),
    Change("set", "STEAD_ENV", "default"),
)


def printed(world, *words, env=None, cwd=None):
    """Give the variables that ``env -0`` sees when it is run by ``words``."""
    done = subprocess.run(
        world.argv(*words),
        env=env or world.environ(),
        cwd=cwd or world.place,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    pairs = (line.split(b"=", 1) for line in done.stdout.split(b"\0") if line)
    found = {os.fsdecode(n): os.fsdecode(v) for n, v in pairs}
    # What sh itself exports, whatever it runs; not all of them do.
    return {n: v for n, v in found.items() if n not in ("SHLVL", "_")}


class TestEnvironment:
    def test_it_is_the_callers_with_the_changes_applied(self, any_world):
        world = any_world
        world.record(*LISTED)
        caller = world.environ(GONE="x", LIST="a;end;b", ASKED="mine", KEPT="a b")
        seen = printed(world, "run", "env", "-0", env=caller)
        changes = world.activation(*LISTED).changes
        assert seen == {**apply(changes, caller), "PWD": str(world.place)}

    def test_what_a_hook_applied_is_taken_back_first(self, any_world):
        world = any_world
        world.record(*LISTED)
        before = world.environ(GONE="x", PWD=str(world.place))
        other = (
            Change("prepend", "PATH", "/opt/other/bin"),
            Change("set", "OTHER", "place"),
            Change("unset", "GONE"),
            Change("set", "HOME", "multi\nline '"),
        )
        inside = apply(switch(other, before), before)
        seen = printed(world, "run", "env", "-0", env=inside)
        assert seen == apply(world.activation(*LISTED).changes, before)
        assert undo(inside) == before

    def test_notes_of_a_hook_that_are_no_names_do_nothing(self, any_world):
        world = any_world
        world.record()
        mark = world.base / "mark"
        hostile = f"A;touch${{IFS}}{mark} $(touch${{IFS}}{mark}) * `touch` 9A A-B"
        seen = printed(world, "run", "env", "-0", env=world.environ(STEAD_APPLIED=hostile))
        assert "STEAD_APPLIED" not in seen
        assert not mark.exists()

    def test_nothing_of_the_program_itself_is_left_behind(self, any_world):
        world = any_world
        world.record()
        for words in (["run"], ["-C", str(world.place), "run"], ["run", "-e", "default", "--"]):
            seen = printed(world, *words, "env", "-0")
            assert not [n for n in seen if n.startswith("__stead")]
            assert set(seen) == {*world.environ(), "PWD", "FAST"}

    def test_the_former_directory_of_the_caller_stays(self, any_world):
        world = any_world
        world.record(tasks=(Task("t", ("env", "-0"), cwd=str(world.place / "sub")),))
        caller = world.environ(OLDPWD="/usr")
        for words, cwd in (
            (["run", "env", "-0"], world.place),
            (["-C", str(world.place), "run", "env", "-0"], world.place),
            (["run", "t"], world.place / "sub"),
        ):
            seen = printed(world, *words, env=caller, cwd=world.place)
            assert (seen["OLDPWD"], seen["PWD"]) == ("/usr", str(cwd))

    def test_an_empty_environment_is_enough(self, any_world):
        world = any_world
        (world.base / ".local" / "share").mkdir(parents=True)
        world.home = world.base / ".local" / "share" / "stead"
        world.record(Change("prepend", "PATH", "/usr/bin"))
        seen = printed(world, "run", "/usr/bin/env", "-0", env={"HOME": str(world.base)})
        assert seen["FAST"] == "yes"

    @pytest.mark.parametrize("changes", [(), (Change("prepend", "PATH", "/opt/x y/bin"),)])
    def test_a_caller_without_path_has_the_default_one(self, any_world, changes):
        world = any_world
        world.record(*changes)
        caller = world.environ(PWD=str(world.place))
        del caller["PATH"]
        inside = apply(switch((Change("set", "PATH", "/foreign"),), caller), caller)
        for environ in (inside, caller):
            assert world.run("run", "true", env=environ).returncode == 0
            seen = printed(world, "run", "env", "-0", env=environ)
            # Busybox exports a PATH of its own, which cannot be told from the caller's.
            own = {"PATH": BUSYBOX} if world.shell == "busybox" and environ is caller else {}
            assert seen == environment(world.activation(*changes), {**environ, **own})
            assert seen["PATH"].endswith(own.get("PATH", DEFAULT_PATH))

    def test_an_empty_path_is_the_callers(self, any_world):
        world = any_world
        world.record()
        seen = printed(world, "run", "/usr/bin/env", "-0", env=world.environ(PATH=""))
        assert seen["PATH"] == ""

    def test_names_that_no_shell_can_have_are_kept_by_bash_alone(self, any_world):
        """The same on both ways: the program that goes either way is a script of that shell."""
        world = any_world
        world.record()
        python = f"#!{sys.executable}\nimport os; print(end='\\0'.join(os.environ) + '\\0')\n"
        (world.bin / "stead-python").write_text(python)
        odd = {"a-b": "1", "x.y": "2", "BASH_FUNC_module%%": "() {  echo module\n}"}
        environ = world.environ(**odd)
        fast = printed(world, "run", "env", "-0", env=environ)
        slow = world.run("status", env=environ).stdout.split("\0")
        assert "HOME" in slow
        for name in odd:
            assert (name in fast) == (name in slow) == (world.shell == "bash"), name

    def test_the_data_directory_of_xdg_is_the_default_home(self, any_world):
        world = any_world
        world.home = world.base / "data" / "stead"
        world.record()
        environ = {n: v for n, v in world.environ().items() if n != "STEAD_HOME"}
        seen = printed(
            world, "run", "env", "-0", env={**environ, "XDG_DATA_HOME": str(world.base / "data")}
        )
        assert seen["FAST"] == "yes"
        relative = world.run("run", "true", env={**environ, "XDG_DATA_HOME": "data"})
        assert relative.returncode == SLOW


class TestCommand:
    def test_words_arrive_as_they_are(self, any_world):
        world = any_world
        world.record()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.text("ab '\"$`\\\n*?é~-=;&|<>(){}!#", max_size=6), max_size=4))
        def check(words):
            done = world.run("run", "printf", "%s\\001", "first", *words)
            assert done.stdout == "".join(f"{w}\x01" for w in ("first", *words))

        check()

    def test_the_exit_code_is_the_commands(self, any_world):
        any_world.record()
        assert any_world.run("run", "sh", "-c", "exit 7").returncode == 7

    def test_the_process_is_replaced_so_that_signals_reach_the_command(self, any_world):
        world = any_world
        world.record()
        child = subprocess.Popen(
            world.argv("run", "sh", "-c", "echo $$; exec sleep 600"),
            cwd=world.place,
            env=world.environ(),
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            assert int(child.stdout.readline()) == child.pid
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=90) == -signal.SIGTERM

    def test_an_ignored_signal_stays_ignored(self, any_world):
        world = any_world
        world.record()
        script = "trap '' HUP; " + " ".join(
            f"'{w}'" for w in world.argv("run", "sh", "-c", "kill -HUP $$; echo alive")
        )
        done = subprocess.run(
            ["dash", "-c", script],
            cwd=world.place,
            env=world.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "alive\n"

    def test_standard_input_is_the_commands(self, any_world):
        any_world.record()
        assert any_world.run("run", "cat", input="a\0b").stdout == "a\0b"

    def test_a_command_is_looked_up_where_the_environment_says(self, any_world):
        world = any_world
        tool = world.build / "bin" / "tool"
        tool.write_text("#!/bin/sh\necho tool $0\n")
        tool.chmod(0o755)
        world.record(Change("prepend", "PATH", str(world.build / "bin")))
        assert world.run("run", "tool").stdout == f"tool {tool}\n"

    def test_a_path_is_relative_to_where_the_user_stands(self, any_world):
        world = any_world
        tool = world.place / "sub" / "tool"
        tool.write_text("#!/bin/sh\npwd\n")
        tool.chmod(0o755)
        world.record()
        assert world.run("run", "./tool", cwd=world.place / "sub").stdout == f"{tool.parent}\n"
        assert world.run("run", "sub/tool").stdout == f"{world.place}\n"

    @pytest.mark.parametrize("name", ["no-such", "./no-such", "no/such"])
    def test_a_missing_command_is_127_and_said(self, any_world, name):
        any_world.record()
        done = any_world.run("run", name)
        assert done.returncode == 127
        assert done.stderr.startswith(f"error: command not found: {name}\n")
        assert "→" in done.stderr

    def test_with_a_missing_command_the_tasks_are_named(self, any_world):
        any_world.record(tasks=(Task("fit", ("fit",)), Task("it's", ("x",))))
        said = any_world.run("run", "no-such").stderr
        assert said.endswith("or check PATH; tasks here: fit, it's\n")

    @pytest.mark.parametrize("name", ["tool", "./tool", "./sub"])
    def test_a_file_that_cannot_be_executed_is_126_and_said(self, any_world, name):
        world = any_world
        (world.place / "tool").write_text("")
        world.record(Change("prepend", "PATH", str(world.place)))
        done = world.run("run", name)
        assert done.returncode == 126
        assert name in done.stderr
        assert "Permission denied" in done.stderr

    @pytest.mark.parametrize("name", ["cd", "export", "local"])
    def test_a_word_of_the_shells_own_is_no_command(self, any_world, name):
        any_world.record()
        done = any_world.run("run", name)
        assert done.returncode == 127
        assert f"{name}: not found" in done.stderr

    @pytest.mark.needs("strace")
    @pytest.mark.parametrize("name", ["echo", "test", "printf"])
    def test_a_builtin_that_is_also_a_program_is_the_program(self, world, name):
        world.record()
        done = subprocess.run(
            ["strace", "-f", "-e", "trace=execve", *world.argv("run", name, "a")],
            cwd=world.place,
            env=world.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert f'/{name}", ["{name}", "a"]' in done.stderr

    @pytest.mark.needs("strace")
    def test_no_other_process_is_started(self, any_world):
        world = any_world
        world.record(*LISTED, tasks=(Task("t", ("true",), cwd=str(world.root)),))
        environ = world.environ(STEAD_APPLIED="A B", STEAD_OLD_A="a", B="b")
        elsewhere = ["-C", str(world.place / "sub"), "run", "-e", "default", "--", "true"]
        for words in (["run", "true"], elsewhere, ["run", "t"]):
            done = subprocess.run(
                ["strace", "-f", "-e", "trace=process", *world.argv(*words)],
                cwd=world.place,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            lines = done.stderr.splitlines()
            assert not [ln for ln in lines if re.search(r"\b(clone3?|v?fork)\(", ln)]
            assert len([ln for ln in lines if ln.startswith("execve") and ln.endswith("= 0")]) == 2


class TestTasks:
    @pytest.fixture
    def any_tasks(self, any_world):
        tasks = (
            Task("hello", ("printf", "%s|", "it's", "$x"), cwd=str(any_world.root)),
            Task("odd'name*", ("printf", "odd")),
            Task("slow", ("true",), depends=("hello",)),
            Task("files", ("true",), inputs=("a",)),
            Task("own", ("true",), variables=(Variable("A", "b"),)),
            Task("other", ("true",), environment="test"),
            Task("group", depends=("hello",)),
        )

        any_world.record(tasks=tasks)
        return any_world

    def test_a_simple_task_runs_in_its_directory_with_further_words(self, any_tasks):
        done = any_tasks.run("run", "hello", "a b", cwd=any_tasks.place / "sub")
        assert (done.stdout, done.returncode) == ("it's|$x|a b|", 0)
        done = any_tasks.run("run", "odd'name*")
        assert done.stdout == "odd"

    def test_its_directory_is_where_it_runs(self, any_world):
        world = any_world
        world.record(tasks=(Task("where", ("sh", "-c", 'echo "$PWD"; pwd'), cwd=str(world.root)),))
        assert world.run("run", "where").stdout == f"{world.root}\n" * 2

    @pytest.mark.parametrize("name", ["slow", "files", "own", "other", "group"])
    def test_any_other_task_is_pythons(self, any_tasks, name):
        done = any_tasks.run("run", name, "a")
        assert done.returncode == SLOW
        assert done.stderr.startswith(f"slow <run> <{name}> <a>")

    def test_after_two_dashes_it_is_a_command(self, any_tasks):
        done = any_tasks.run("run", "--", "hello")
        assert (done.returncode, done.stdout) == (127, "")

    def test_a_directory_that_is_gone_is_pythons_to_report(self, any_world):
        world = any_world
        world.record(tasks=(Task("t", ("true",), cwd=str(world.base / "gone")),))
        done = world.run("run", "t", "a")
        assert done.returncode == SLOW
        assert done.stderr == f"slow <run> <t> <a> in <{world.place}>"

"""`stead run` without Python: what it takes, what the command gets, what it leaves alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stead.shells.state import switch, undo
from stead.values.activation import Change, apply
from stead.values.manifest import Task, Variable

pytestmark = pytest.mark.needs("dash")

SLOW = 42
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
            world.argv("run", "sh", "-c", "echo $$; exec sleep 60"),
            cwd=world.place,
            env=world.environ(),
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            assert int(child.stdout.readline()) == child.pid
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=30) == -signal.SIGTERM

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


class TestWhere:
    def test_a_directory_below_has_the_environment_of_the_place(self, any_world):
        world = any_world
        world.record()
        assert world.is_fast(cwd=world.place / "sub" / "deep")
        assert not world.is_fast(cwd=world.root)

    @pytest.mark.parametrize("name", ["stead.toml", "requirements.txt", "conda-linux-64.lock"])
    def test_a_manifest_in_between_is_seen(self, any_world, name):
        world = any_world
        world.record()
        (world.place / "sub" / name).write_text("")
        assert world.is_fast()
        assert not world.is_fast(cwd=world.place / "sub")
        assert not world.is_fast(cwd=world.place / "sub" / "deep")
        (world.place / "sub" / name).unlink()
        assert world.is_fast(cwd=world.place / "sub" / "deep")

    def test_the_nearest_record_that_holds_is_taken(self, any_world):
        world = any_world
        world.record()
        inner = world.place / "sub"
        manifest = inner / "stead.toml"
        manifest.write_text("")
        os.utime(manifest, (1, 1))
        world.record(
            place=str(inner), inputs=(str(manifest),), changes=(Change("set", "FAST", "inner"),)
        )
        assert world.run("run", "printenv", "FAST", cwd=inner / "deep").stdout == "inner\n"
        assert world.run("run", "printenv", "FAST").stdout == "yes\n"
        manifest.write_text("changed")
        assert not world.is_fast(cwd=inner / "deep")
        manifest.unlink()
        assert world.is_fast(cwd=inner / "deep")

    def test_environments_have_their_own_records(self, any_world):
        world = any_world
        world.record()
        world.record(environment="test-x", changes=(Change("set", "FAST", "test"),))
        assert world.run("run", "-e", "test-x", "printenv", "FAST").stdout == "test\n"
        environ = world.environ(STEAD_ENVIRONMENT="test-x")
        assert world.run("run", "printenv", "FAST", env=environ).stdout == "test\n"
        assert world.run("run", "-e", "default", "printenv", "FAST", env=environ).stdout == "yes\n"
        for name in ("other", "", "..", "../default", "./default", "a/b"):
            done = world.run("run", "-e", name, "printenv", "FAST")
            assert (done.returncode, done.stdout) == (SLOW, ""), name

    @pytest.mark.parametrize(
        "name",
        ["a b", "it's", "$HOME", "`x`", "*", "new\nline", "é", "-n", "[a]", "\\", "~", "\udcff"],
    )
    def test_odd_names_of_directories_are_names(self, any_world, name):
        world = any_world
        odd = world.base / name / "place"
        (odd / name / "sub").mkdir(parents=True)
        manifest = odd / "stead.toml"
        manifest.write_text("")
        os.utime(manifest, (1, 1))
        made = world.record(
            place=str(odd),
            inputs=(str(manifest),),
            absent=(str(odd / "environment.yml"),),
            tasks=(Task("t", ("pwd",), cwd=str(odd / name)),),
        )
        assert made.slow == ""
        assert world.is_fast(cwd=odd)
        assert world.is_fast(cwd=odd / name / "sub")
        assert world.run("run", "t", cwd=odd).stdout == f"{odd / name}\n"
        (odd / name / "stead.toml").write_text("")
        assert not world.is_fast(cwd=odd / name / "sub")

    def test_the_way_by_which_the_user_came_counts(self, any_world):
        """A directory reached through a link belongs to the places above the link."""
        world = any_world
        world.record()
        link = world.base / "link"
        link.symlink_to(world.place)
        done = world.run("run", "true", cwd=link, env=world.environ(PWD=str(link)))
        assert done.returncode == SLOW
        inside = world.place / "outside"
        inside.symlink_to(world.base)
        words = ("run", "sh", "-c", 'echo "$PWD"')
        done = world.run(*words, cwd=inside, env=world.environ(PWD=str(inside)))
        assert (done.returncode, done.stdout) == (0, f"{inside}\n")

    def test_a_wrong_pwd_is_not_believed(self, any_world):
        world = any_world
        world.record()
        done = world.run("run", "true", cwd=world.base, env=world.environ(PWD=str(world.place)))
        assert done.returncode == SLOW

    def test_a_deleted_directory_is_pythons_to_report(self, any_world):
        world = any_world
        world.record()
        gone = world.base / "gone"
        gone.mkdir()
        script = f"cd '{gone}' && rmdir '{gone}' && exec \"$@\""
        done = subprocess.run(
            ["dash", "-c", script, "dash", *world.argv("run", "true")],
            env=world.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == SLOW


class TestDirectoryOption:
    def test_a_run_elsewhere_is_a_run_there(self, any_world):
        world = any_world
        world.record()
        for cwd, name in (
            (world.base, str(world.place)),
            (world.root, "a/place"),
            (world.place / "sub", ".."),
            (world.place, ""),
            (world.root, "./a/../a/place/"),
        ):
            done = world.run("-C", name, "run", "sh", "-c", 'echo "$PWD|$FAST"; pwd', cwd=cwd)
            assert done.stdout == f"{world.place}|yes\n{world.place}\n", name

    def test_a_directory_named_like_an_option_or_in_cdpath_is_a_directory(self, any_world):
        world = any_world
        world.record()
        (world.place / "-").mkdir()
        (world.place / "-P").mkdir()
        (world.base / "cdpath" / "sub").mkdir(parents=True)
        environ = world.environ(CDPATH=str(world.base / "cdpath"), OLDPWD="/usr")
        for name in ("-", "-P", "sub"):
            done = world.run("-C", name, "run", "pwd", env=environ)
            assert (done.stdout, done.stderr) == (f"{world.place / name}\n", "")

    def test_what_is_not_there_is_pythons_to_report(self, any_world):
        any_world.record()
        done = any_world.run("-C", "nowhere", "run", "true")
        assert done.stderr == f"slow <-C> <nowhere> <run> <true> in <{any_world.place}>"

    def test_python_goes_on_from_there(self, any_world):
        world = any_world
        done = world.run("-C", "sub", "run", "-e", "x", "true")
        assert done.stderr == f"slow <run> <-e> <x> <true> in <{world.place / 'sub'}>"

    def test_here_means_that_the_command_stays(self, any_world):
        world = any_world
        world.record()
        words = ("run", "--here", "-e", "default", "sh", "-c", 'echo "$PWD $FAST"')
        assert world.run("-C", str(world.place), *words, cwd=world.base).stdout == (
            f"{world.base} yes\n"
        )
        for name in (
            "root/a/place",
            f"{world.base}/root/../root/a/place",
            f"{world.root}//a/place",
        ):
            done = world.run("-C", name, *words, cwd=world.base)
            assert done.returncode == SLOW
            assert done.stderr.startswith(f"slow <-C> <{name}> <run> <--here>")
            assert done.stderr.endswith(f"in <{world.base}>")


class TestLeftToPython:
    @pytest.mark.parametrize(
        "words",
        [
            (),
            ("run",),
            ("run", "--"),
            ("run", "-e"),
            ("run", "-e", "x"),
            ("run", "--locked", "true"),
            ("run", "--help"),
            ("run", ""),
            ("run", "--", "-x"),
            ("status",),
            ("-C",),
            ("-C", "sub"),
            ("-C", "sub", "status", "a b", ""),
            ("--version",),
            ("-C", "sub", "run", "--force", "x"),
        ],
    )
    def test_the_words_arrive_unchanged(self, any_world, words):
        any_world.record()
        done = any_world.run(*words)
        assert done.returncode == SLOW
        listed = "".join(f" <{word}>" for word in words)
        assert done.stderr == f"slow{listed} in <{any_world.place}>"

    def test_what_needs_python_says_so_in_the_record(self, any_world):
        made = any_world.record(needs_python="a secret is to be read")
        assert made.slow == "a secret is to be read"
        assert not any_world.is_fast()

    @pytest.mark.parametrize(
        "change",
        [
            Change("set", "UID", "5"),
            Change("set", "IFS", "x"),
            Change("set", "a.b", "x"),
            Change("prepend", "A", "x", "::"),
        ],
    )
    def test_what_sh_cannot_set_is_pythons(self, any_world, change):
        assert any_world.record(change).slow
        assert not any_world.is_fast()

    def test_windows_has_no_run_script(self, world):
        from stead.pipeline.record import record

        made = record(world.home, world.activation(), now=2**33, sys_platform="win32")
        assert "Windows" in made.slow

    def test_the_callers_python_settings_do_not_steer_steads_own(self, any_world):
        world = any_world
        (world.bin / "stead-python").write_text("#!/bin/sh\nexec env\n")
        environ = world.environ(
            PYTHONPATH="/a b", PYTHONHOME="/x", PYTHONNOUSERSITE="1", PYTHONUTF8="1"
        )
        done = world.run("status", env=environ)
        lines = done.stdout.splitlines()
        assert "STEAD_CALLER_PYTHONPATH=/a b" in lines
        assert "STEAD_CALLER_PYTHONHOME=/x" in lines
        assert "PYTHONUTF8=1" in lines
        assert not [ln for ln in lines if ln.startswith(("PYTHONPATH=", "PYTHONHOME=", "PYTHONNO"))]

    def test_python_is_found_beside_the_real_program(self, any_world):
        world = any_world
        (world.base / "bin").mkdir()
        (world.base / "bin" / "stead").symlink_to("../link")
        (world.base / "link").symlink_to(world.program)
        done = subprocess.run(
            [str(world.base / "bin" / "stead"), "status"],
            env=world.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr.startswith("slow <status>")
        for argv, cwd in ((["sh", "stead", "status"], world.bin), (["stead", "status"], "/")):
            done = subprocess.run(
                argv,
                cwd=cwd,
                env=world.environ(PATH=f"{world.bin}:/usr/bin:/bin"),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stderr.startswith("slow <status>")

    def test_a_missing_python_part_is_said(self, any_world):
        (any_world.bin / "stead-python").unlink()
        done = any_world.run("status")
        assert done.returncode == 127
        assert "stead-python is missing" in done.stderr
        assert "install stead again" in done.stderr


def test_a_record_of_another_user_is_not_sourced(any_world):
    """Root with the home of a user, as under sudo, takes no script from there."""
    world = any_world
    made = world.record()
    script = os.path.join(made.directory, "run.sh")
    if os.geteuid() == 0:
        os.chown(script, 65534, 65534)
    else:
        os.unlink(script)
        os.symlink("/etc/profile", script)
    assert not world.is_fast()


def test_a_directory_in_the_tree_that_looks_like_records_is_nothing(any_world):
    """A repository that ships `.stead/` or the mirror's names is not listened to."""
    world = any_world
    made = world.record()
    for name in (".stead", ".stead@"):
        target = world.place / name / "default" / "current"
        target.mkdir(parents=True)
        shutil.copy(os.path.join(made.directory, "run.sh"), target / "run.sh")
        (target / "run.sh").write_text("echo hostile\n")
    environ = world.environ(STEAD_HOME=str(world.base / "other"))
    done = world.run("run", "true", env=environ)
    assert (done.returncode, done.stdout) == (SLOW, "")


def test_runs_beside_new_records_get_the_old_or_the_new(world):
    world.record(Change("set", "N", "0"))
    done = threading.Event()
    failures: list[BaseException] = []

    def write():
        try:
            for number in range(1, 60):
                world.record(Change("set", "N", str(number)))
        except BaseException as exc:  # noqa: BLE001 - shown by the assertion below
            failures.append(exc)
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set() or not seen:
        seen.append(world.run("run", "printenv", "N"))
    writer.join()
    assert not failures
    assert {r.returncode for r in seen} == {0}
    numbers = [int(r.stdout) for r in seen]
    assert numbers == sorted(numbers)

"""`stead run` without Python: whose record is taken, and what is left to Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading

import pytest

from stead.values.activation import Change
from stead.values.manifest import Task

pytestmark = pytest.mark.needs("dash")

SLOW = 42


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

    @pytest.mark.parametrize(
        ("make", "code", "said"),
        [
            (lambda p: p.chmod(0o644), 126, "stead-python cannot be executed: Permission denied"),
            (lambda p: (p.unlink(), p.mkdir()), 126, "stead-python cannot be executed: Permission"),
            (
                lambda p: p.write_text("#!/no/where/python3\n"),
                127,
                "error: /no/where/python3 is miss",
            ),
            (
                lambda p: p.write_text("#!/dev/null -I\n"),
                126,
                "/dev/null cannot be executed: Perm",
            ),
            (lambda p: (p.unlink(), p.symlink_to(p)), 127, "stead-python is missing"),
        ],
        ids=["mode", "directory", "interpreter-gone", "interpreter-mode", "link"],
    )
    def test_a_python_part_that_cannot_start_is_said_in_two_lines(
        self, any_world, make, code, said
    ):
        make(any_world.bin / "stead-python")
        done = any_world.run("status")
        assert done.returncode == code
        assert said in done.stderr
        assert "stead-python" in done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stderr.endswith("\n  → install stead again\n")
        assert done.stderr.count("\n") == 2


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

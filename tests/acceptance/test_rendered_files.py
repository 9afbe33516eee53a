"""Files made from the same table as the environment, and checks before a process starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import tomllib

import pytest

MANIFEST = """\
[vars]
PORT = { type = "int", value = 8000 }
HOST = "db.test"

[files]
"conf/viewer.ini" = "viewer.ini.tmpl"
"conf/all.json" = { format = "json", names = ["PORT", "HOST"] }

[layer.prod.vars]
PORT = 9000
"""
TEMPLATE = "[viewer]\nport = {{ PORT }}\nhost = {{ HOST }}\n"
SECRET = "hunter2-planted"


@pytest.fixture
def viewer(project):
    return project({"stead.toml": MANIFEST, "viewer.ini.tmpl": TEMPLATE})


def port(machine, root, *words):
    """Give the port that a process has, in its environment and in both of its files."""
    code = "echo $PORT; grep -o 'port = .*' conf/viewer.ini; cat conf/all.json"
    said = machine.ok("run", *words, "--", "sh", "-c", code, cwd=root).split("\n", 2)
    assert said[1] == f"port = {said[0]}"
    assert json.loads(said[2]) == {"HOST": "db.test", "PORT": int(said[0])}
    return int(said[0])


class TestFiles:
    def test_process_and_files_agree(self, machine, viewer):
        assert port(machine, viewer) == 8000
        assert (viewer / "conf/viewer.ini").is_symlink()
        assert os.readlink(viewer / "conf/viewer.ini").startswith(str(machine.stead_home))

    def test_they_agree_from_one_environment_to_another_and_back(self, machine, viewer):
        for _ in range(2):
            assert port(machine, viewer) == 8000
            assert port(machine, viewer) == 8000
            assert port(machine, viewer, "-e", "prod") == 9000
            assert port(machine, viewer, "-e", "prod") == 9000

    def test_values_for_one_command_are_for_that_one_only(self, machine, viewer):
        assert port(machine, viewer) == 8000
        assert port(machine, viewer, "--set", "PORT=7") == 7
        assert port(machine, viewer) == 8000

    def test_a_changed_template_counts_at_once(self, machine, viewer):
        assert port(machine, viewer) == 8000
        (viewer / "viewer.ini.tmpl").write_text("[viewer]\n; new\nport = {{ PORT }}\n")
        machine.ok("run", "--", "grep", "new", "conf/viewer.ini", cwd=viewer)

    def test_a_link_that_was_removed_comes_back(self, machine, viewer):
        assert port(machine, viewer) == 8000
        (viewer / "conf/viewer.ini").unlink()
        assert port(machine, viewer) == 8000

    def test_nothing_of_the_users_is_replaced(self, machine, viewer):
        (viewer / "conf").mkdir()
        (viewer / "conf/viewer.ini").write_text("mine")
        said = machine.fails("run", "--", "true", cwd=viewer)
        assert "stead.toml:6" in said
        assert "did not make" in said
        assert (viewer / "conf/viewer.ini").read_text() == "mine"

    def test_every_unknown_name_of_a_template_is_said(self, machine, viewer):
        (viewer / "viewer.ini.tmpl").write_text("{{ PROT }}\n\n{{ HSOT }}\n")
        for words in (("check",), ("run", "--", "true")):
            done = machine.run(*words, cwd=viewer)
            assert done.returncode == 1
            said = done.stdout + done.stderr
            for line, name, meant in ((1, "PROT", "PORT"), (3, "HSOT", "HOST")):
                assert f"viewer.ini.tmpl:{line}" in said
                assert f"{name} is not known" in said
                assert f"did you mean {meant}?" in said

    def test_ci_sees_what_is_not_current(self, machine, viewer):
        assert machine.run("check", "--check", cwd=viewer).returncode == 1
        machine.ok("build", cwd=viewer)
        machine.ok("check", "--check", cwd=viewer)
        (viewer / "viewer.ini.tmpl").write_text("other {{ PORT }}\n")
        done = machine.run("check", "--check", cwd=viewer)
        assert done.returncode == 1
        assert "conf/viewer.ini differs" in done.stdout + done.stderr

    def test_names_alone_leave_the_format_to_the_ending(self, machine, project):
        table = """
[vars]
PORT = { type = "int", value = 8000 }
[files]
"a.json" = { names = ["PORT"] }
"b.toml" = { section = "server" }
".env.shown" = { names = ["P*"] }
"""
        root = project({"stead.toml": table})
        machine.ok("run", "true", cwd=root)
        assert json.loads((root / "a.json").read_text()) == {"PORT": 8000}
        assert tomllib.loads((root / "b.toml").read_text()) == {"server": {"PORT": 8000}}
        assert (root / ".env.shown").read_text() == "PORT=8000\n"
        project({"stead.toml": table.replace("b.toml", "b.text").replace("a.json", "a.conf")})
        told = machine.run("check", cwd=root).stdout
        assert "stead.toml:5: the format of a.conf does not show in its name" in told
        assert "stead.toml:6: the format of b.text does not show in its name" in told
        assert "format of b.text" in machine.fails("run", "true", cwd=root)

    def test_files_no_longer_asked_for_go(self, machine, viewer):
        assert port(machine, viewer) == 8000
        (viewer / "stead.toml").write_text(MANIFEST.split("[files]", maxsplit=1)[0])
        machine.ok("run", "--", "true", cwd=viewer)
        assert not (viewer / "conf").exists()


class TestSecretFiles:
    @pytest.fixture
    def secret(self, project):
        manifest = (
            '[vars]\nTOKEN = { type = "secret", value = "env:HIDDEN" }\n'
            '[files]\n"conf/token.json" = { format = "json" }\n'
        )
        return project({"stead.toml": manifest})

    def holding(self, *roots):
        return [
            path
            for root in roots
            for path in root.rglob("*")
            if path.is_file() and SECRET.encode() in path.read_bytes()
        ]

    def test_one_is_there_for_the_process_and_no_longer(self, machine, secret):
        code = "cat conf/token.json; stat -L -c %a conf/token.json"
        words = ("run", "--", "sh", "-c", code)
        said = machine.ok(*words, cwd=secret, env={"HIDDEN": SECRET})
        assert said == f'{{\n  "TOKEN": "{SECRET}"\n}}\n600\n'
        assert self.holding(secret, machine.home) == []
        assert sorted(os.listdir(secret)) == ["stead.toml"]

    def test_the_exit_code_is_the_commands(self, machine, secret):
        done = machine.run("run", "--", "sh", "-c", "exit 7", cwd=secret, env={"HIDDEN": SECRET})
        assert done.returncode == 7

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_takes_it_away(self, machine, secret, number):
        process, _ = self.start(machine, secret)
        process.send_signal(number)
        assert process.wait(90) != 0
        assert self.holding(secret, machine.home) == []
        assert sorted(os.listdir(secret)) == ["stead.toml"]

    def test_so_does_an_interrupt_of_the_terminal(self, machine, secret):
        process, _ = self.start(machine, secret)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(90) != 0
        assert self.holding(secret, machine.home) == []
        assert sorted(os.listdir(secret)) == ["stead.toml"]

    def test_after_a_kill_the_next_command_does(self, machine, secret):
        process, child = self.start(machine, secret)
        process.kill()
        process.wait(90)
        os.kill(child, signal.SIGKILL)
        assert self.holding(secret, machine.home) != []
        machine.ok("build", cwd=secret)
        assert self.holding(secret, machine.home) == []
        assert sorted(os.listdir(secret)) == ["stead.toml"]

    def test_what_a_killed_run_started_has_it_as_long_as_it_lives(self, machine, secret):
        process, child = self.start(machine, secret)
        process.kill()
        process.wait(90)
        try:
            # Neither the next command nor another run, which shares it, takes it away.
            machine.ok("build", cwd=secret)
            machine.ok("run", "true", cwd=secret, env={"HIDDEN": SECRET})
            assert SECRET in (secret / "conf/token.json").read_text()
        finally:
            os.kill(child, signal.SIGKILL)
        self.gone(child)
        machine.ok("build", cwd=secret)
        assert self.holding(secret, machine.home) == []
        assert sorted(os.listdir(secret)) == ["stead.toml"]

    def test_so_have_the_processes_of_an_app(self, machine, secret):
        with open(secret / "stead.toml", "a", encoding="utf-8") as file:
            file.write(
                "[app.a.processes]\n"
                "wait = ['sh', '-c', 'echo $$ >wait.new && mv wait.new wait.pid; exec sleep 600']\n"
            )
        process = subprocess.Popen(
            [str(machine.program), "run", "a"],
            cwd=secret,
            env={**machine.environ, "HIDDEN": SECRET, "PWD": str(secret)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        child = self.number(secret / "wait.pid", process)
        process.kill()
        process.wait(90)
        try:
            machine.ok("build", cwd=secret)
            assert SECRET in (secret / "conf/token.json").read_text()
        finally:
            os.kill(child, signal.SIGKILL)

    def gone(self, child):
        """Wait until a process that somebody else must bury is dead."""
        for _ in range(600):
            try:
                with open(f"/proc/{child}/stat", encoding="utf-8") as file:
                    if file.read().rpartition(")")[2].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            time.sleep(0.05)
        raise AssertionError("the process did not end")

    def start(self, machine, root):
        """Start a process that waits for a minute; gives the program that started it, and its number."""
        said = machine.home / "pid"
        code = f"grep -q {SECRET} conf/token.json && echo $$ > {said}.new && mv {said}.new {said}"
        process = subprocess.Popen(
            [str(machine.program), "run", "--", "sh", "-c", f"{code}; exec sleep 600"],
            cwd=root,
            env={**machine.environ, "HIDDEN": SECRET, "PWD": str(root)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        return process, self.number(said, process)

    def number(self, said, process):
        """Wait for the file in which a process says its number."""
        for _ in range(600):
            if said.exists():
                return int(said.read_text())
            time.sleep(0.05)
        process.kill()
        raise AssertionError("the process did not start")


CHECKS = """\
[vars]
PG_HOST = "db.test"

[checks]
server = { port = "127.0.0.1:1", message = "start the database" }
scans = { path = "data/scans" }
shell = { command = ["bash"], version = ">=99" }
url = { variable = "PG_URL" }
own = { run = ["sh", "-c", "echo no schema in $PG_HOST >&2; exit 3"] }
"""


class TestChecks:
    @pytest.fixture
    def checked(self, project):
        return project({"stead.toml": CHECKS})

    @pytest.mark.parametrize("words", [("run", "--", "touch", "started"), ("check",)])
    def test_all_that_does_not_hold_is_said_at_once(self, machine, checked, words):
        done = machine.run(*words, cwd=checked)
        said = done.stdout + done.stderr
        assert done.returncode == 1
        for line, part in (
            (5, "nothing listens at 127.0.0.1:1"),
            (6, "data/scans is not there"),
            (7, ">=99 is needed"),
            (8, "nothing provides PG_URL"),
            (9, "ended with 3"),
        ):
            assert f"stead.toml:{line}: " in said
            assert part in said
        assert "start the database" in said
        assert "no schema in db.test" in said
        assert not (checked / "started").exists()

    def test_a_live_check_is_made_at_each_run(self, machine, project):
        root = project({"stead.toml": '[checks]\nopen = { run = ["test", "-e", "open"] }\n'})
        assert machine.run("run", "--", "true", cwd=root).returncode == 1
        (root / "open").write_text("")
        machine.ok("run", "--", "true", cwd=root)
        (root / "open").unlink()
        assert machine.run("run", "--", "true", cwd=root).returncode == 1

    def test_so_is_a_path_that_goes_and_comes(self, machine, project):
        root = project({"stead.toml": '[checks]\nraw = { path = "raw" }\n', "raw/x": ""})
        for _ in range(2):
            machine.ok("run", "--", "true", cwd=root)
            (root / "raw").rename(root / "away")
            assert "raw is not there" in machine.fails("run", "--", "true", cwd=root)
            (root / "away").rename(root / "raw")

"""Apps: the only kind that runs, alone or as several processes side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pexpect
import pytest

PROCESSES = """\
[lib.l.accepts]
TITLE = { type = "str", default = "scans" }

[app.viewer]
libs = ["l"]
description = "Shows scans"

[app.viewer.processes]
web = ["sh", "-c", '''%s''']
worker = ["sh", "-c", '''%s''']
"""


def start(machine, root, *words, **more):
    # An ignored SIGINT, as a background job's, would be ignored by all: begin afresh.
    return subprocess.Popen(
        ["env", "--default-signal=INT", str(machine.program), "run", *words],
        cwd=root,
        env={**machine.environ, "PWD": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **more,
    )


def gone(pid: int) -> bool:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_command_gets_arguments_appended(machine, project):
    root = project({"stead.toml": "[app.say]\nrun = ['printf', '%s|', 'a b']\n"})
    for _ in range(2):
        assert machine.ok("run", "say", "c d", "--flag", cwd=root) == "a b|c d|--flag|"


def test_it_runs_in_its_modules_directory(machine, project):
    root = project(
        {
            "stead.toml": "[uses]\nsay = { path = 'apps/say' }\n",
            "apps/say/stead.toml": "[module]\nkind = 'app'\nrun = ['pwd']\n",
            "sub/x": "",
        }
    )
    for _ in range(2):
        assert machine.ok("run", "say", cwd=root / "sub") == f"{root}/apps/say\n"


def test_after_two_dashes_it_is_a_command(machine, project):
    root = project({"stead.toml": "[app.echo]\nrun = ['true']\n"})
    assert machine.ok("run", "echo", cwd=root) == ""
    assert machine.ok("run", "--", "echo", "x", cwd=root) == "x\n"


def test_without_words_the_apps_are_named(machine, project):
    text = "[app.one]\nrun = ['true']\n[app.two]\nrun = ['true']\n[tasks]\nt = ['true']\n"
    root = project({"stead.toml": text})
    said = machine.fails("run", cwd=root, code=2)
    assert "apps here: one, two; tasks: t" in said


def test_one_that_says_nothing_to_start(machine, project):
    root = project({"stead.toml": "[app.viewer]\n[app.true]\n"})
    said = machine.fails("run", "viewer", cwd=root, code=2)
    assert "stead.toml:1" in said
    assert "app viewer says nothing to start" in said
    machine.ok("run", "true", cwd=root)


def test_each_of_several_apps_has_its_own_configuration(machine, project):
    text = "\n".join(
        f"[app.{name}]\nrun = ['sh', '-c', 'echo $WHO $OTHER']\nvars = {{ WHO = '{name}' }}"
        for name in ("one", "two")
    )
    root = project({"stead.toml": text + "\n[choose]\napp = 'one'\n"})
    for _ in range(2):
        assert machine.ok("run", "one", cwd=root) == "one\n"
        assert machine.ok("run", "two", cwd=root) == "two\n"
    assert machine.ok("run", "--app", "two", "--", "sh", "-c", "echo $WHO", cwd=root) == "two\n"
    assert machine.ok("run", "--", "sh", "-c", "echo $WHO", cwd=root) == "one\n"


class TestProcesses:
    def test_all_run_side_by_side_each_line_with_its_name(self, machine, project):
        # Each waits for the other: one after the other would never end.
        web = "echo up $TITLE; while [ ! -e seen ]; do sleep 0.02; done; echo err >&2; echo done"
        worker = "touch seen; exec sleep 600"
        root = project({"stead.toml": PROCESSES % (web, worker)})
        done = machine.run("run", "viewer", cwd=root)
        assert done.returncode == 0
        assert done.stdout == "web    | up scans\nweb    | done\n"
        lines = done.stderr.splitlines()
        assert "web    | err" in lines
        assert "stead: web ended with 0; ending the others" in lines

    def test_the_code_is_that_of_the_first_that_failed(self, machine, project):
        root = project(
            {"stead.toml": PROCESSES % ("exit 7", "trap 'exit 9' TERM; sleep 600 & wait")}
        )
        assert machine.run("run", "viewer", cwd=root).returncode == 7

    def test_one_that_a_signal_killed(self, machine, project):
        root = project({"stead.toml": PROCESSES % ("kill -KILL $$", "exec sleep 600")})
        assert machine.run("run", "viewer", cwd=root).returncode == 128 + signal.SIGKILL

    def test_one_alone(self, machine, project):
        root = project({"stead.toml": PROCESSES % ("echo web $TITLE", "echo worker $1")})
        for _ in range(2):
            assert machine.ok("run", "viewer:web", cwd=root) == "web scans\n"
            assert machine.ok("run", "viewer:worker", "sh", "arg", cwd=root) == "worker arg\n"

    def test_arguments_are_for_one_of_them(self, machine, project):
        root = project({"stead.toml": PROCESSES % ("touch started", "touch started")})
        said = machine.fails("run", "viewer", "--port", "1", cwd=root, code=2)
        assert "stead.toml:4" in said
        assert "stead run viewer:web" in said
        assert not (root / "started").exists()

    def test_one_that_cannot_be_started_leaves_none_running(self, machine, project):
        text = PROCESSES % ("echo $$ > pid; exec sleep 600", "true")
        root = project({"stead.toml": text.replace('worker = ["sh"', 'worker = ["no-such"')})
        done = machine.run("run", "viewer", cwd=root)
        assert done.returncode == 127
        assert "command not found: no-such" in done.stderr
        if (root / "pid").exists() and (text := (root / "pid").read_text()):
            assert gone(int(text))

    @pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
    def test_signals_are_passed_on_to_all(self, machine, project, name):
        code = f"trap 'echo told; exit 0' {name}; touch $1; while :; do sleep 0.02; done"
        text = (PROCESSES % (code, code)).replace("''']", "''', 'sh', 'NAME']")
        text = text.replace("NAME", "web-ready", 1).replace("NAME", "worker-ready", 1)
        root = project({"stead.toml": text})
        child = start(machine, root, "viewer")
        self.wait_for(root / "web-ready", root / "worker-ready")
        os.kill(child.pid, getattr(signal, f"SIG{name}"))
        out, _ = child.communicate(timeout=90)
        assert sorted(out.splitlines()) == ["web    | told", "worker | told"]
        assert child.returncode == 0

    def test_who_does_not_want_to_end_is_made_to(self, machine, project):
        stubborn = "trap '' TERM; echo $$ > pid; touch ready; while :; do sleep 0.02; done"
        root = project({"stead.toml": PROCESSES % (stubborn, "exec sleep 600")})
        child = start(machine, root, "viewer")
        self.wait_for(root / "ready")
        os.kill(child.pid, signal.SIGTERM)
        time.sleep(0.2)
        os.kill(child.pid, signal.SIGTERM)  # said twice: no more waiting
        child.communicate(timeout=8)
        # Which of the two is seen to end first is chance.
        assert child.returncode in (128 + signal.SIGTERM, 128 + signal.SIGKILL)
        assert gone(int((root / "pid").read_text()))

    def test_what_a_process_started_ends_with_it(self, machine, project):
        web = "sleep 600 & echo $! > pid.new; mv pid.new pid; wait"
        worker = "while [ ! -e pid ]; do sleep 0.02; done; exit 4"
        root = project({"stead.toml": PROCESSES % (web, worker)})
        assert machine.run("run", "viewer", cwd=root).returncode == 4
        assert gone(int((root / "pid").read_text()))

    def test_names_are_coloured_on_a_terminal(self, machine, project):
        root = project({"stead.toml": PROCESSES % ("echo x", "exec sleep 600")})
        for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            child = pexpect.spawn(
                str(machine.program),
                ["run", "viewer"],
                cwd=str(root),
                env={**machine.environ, "PWD": str(root), "TERM": "xterm", **more},
                encoding="utf-8",
            )
            child.expect(pexpect.EOF, timeout=60)
            child.close()
            assert ("\x1b[36mweb    | \x1b[0mx" in child.before) == coloured, child.before
            assert ("\nweb    | x" in f"\n{child.before}") != coloured

    def test_a_secret_is_for_all_of_them_and_its_file_goes_with_the_last(self, machine, project):
        web = "cat conf.json; echo $TOKEN; while [ ! -e seen ]; do sleep 0.02; done"
        text = PROCESSES % (web, "echo $TOKEN; touch seen; exec sleep 600")
        text += '[vars]\nTOKEN = { type = "secret", value = "env:HIDDEN" }\n'
        text += '[files]\n"conf.json" = { format = "json", names = ["TOKEN"] }\n'
        root = project({"stead.toml": text})
        done = machine.run("run", "viewer", cwd=root, env={"HIDDEN": "hunter2"})
        assert done.returncode == 0, done.stderr
        assert 'web    |   "TOKEN": "hunter2"' in done.stdout
        assert "worker | hunter2" in done.stdout
        assert not os.path.lexists(root / "conf.json")

    def wait_for(self, *paths):
        end = time.monotonic() + 60
        while not all(p.exists() for p in paths):
            assert time.monotonic() < end
            time.sleep(0.02)


TWO = """\
[vars]
MODE = "dev"

[layer.prod.vars]
MODE = "prod"

[app.web]
environment = "prod"
run = ["sh", "-c", "echo web $MODE $TITLE"]
vars = { TITLE = "w" }
commands = { migrate = ["sh", "-c", 'echo migrates $MODE $TITLE "$@"', "sh"] }

[app.two]
vars = { TITLE = "t" }

[tasks.two]
run = ["sh", "-c", "echo two $MODE $TITLE"]
"""


def test_an_app_runs_in_the_environment_that_it_names(machine, project):
    root = project({"stead.toml": TWO})
    for _ in range(2):
        assert machine.ok("run", "web", cwd=root) == "web prod w\n"
        assert machine.ok("run", "-e", "default", "web", cwd=root) == "web dev w\n"


def test_a_command_of_an_app_runs_by_name_and_takes_arguments(machine, project):
    root = project({"stead.toml": TWO})
    for _ in range(2):
        assert machine.ok("run", "web:migrate", "--all", cwd=root) == "migrates prod w --all\n"


def test_a_task_of_an_apps_name_has_its_configuration(machine, project):
    root = project({"stead.toml": TWO})
    for _ in range(2):
        assert machine.ok("run", "two", cwd=root) == "two dev t\n"

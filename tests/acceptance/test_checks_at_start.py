"""Checks that are made before a process starts, and those that need not be made again."""

from __future__ import annotations

import socket

import pytest

from stead.store import places

BUILD = """\
[packages.pypi]
tool = "*"

[checks]
tool = { command = ["tool", "says"] }
"""


def why_slow(machine, root) -> str:
    held = places.load(machine.stead_home, str(root), "default")
    assert held is not None
    return held.activation.needs_python


@pytest.mark.parametrize(
    "check",
    [
        'glibc = ">=99"',
        "cores = 100000",
        'variable = "NOBODY_SETS_ME"',
        'path = "not/there"',
        'command = ["no-such-program"]',
    ],
)
def test_what_does_not_hold_keeps_each_run_from_starting(machine, project, check):
    root = project({"stead.toml": f"[checks]\nit = {{ {check} }}\n"})
    for _ in range(3):
        said = machine.fails("run", "touch", "ran", cwd=root)
        assert "stead.toml:2" in said
    assert not (root / "ran").exists()


def test_a_command_of_the_build_is_asked_once(machine, project):
    root = project({"stead.toml": BUILD})
    for _ in range(3):
        machine.ok("run", "true", cwd=root)
    assert why_slow(machine, root) == ""
    # Another question is another check.
    text = BUILD.replace('"says"', '"more"')
    (root / "stead.toml").write_text(text, encoding="utf-8")
    machine.ok("status", cwd=root)
    machine.ok("build", cwd=root)
    assert why_slow(machine, root) == "the check tool is made whenever a process starts"


def test_a_command_from_elsewhere_is_asked_at_each_run(machine, project):
    text = '[checks]\nmine = { command = ["sh", "-c", "echo x >> asked"] }\n'
    root = project({"stead.toml": text})
    for _ in range(3):
        machine.ok("run", "true", cwd=root)
    assert len((root / "asked").read_text(encoding="utf-8").splitlines()) == 3


def test_one_of_the_build_behind_a_directory_of_the_place_is_asked_at_each_run(machine, project):
    text = BUILD + '\n[paths]\nbin = "bin"\n\n[vars]\nPATH = "${paths.bin}:${PATH}"\n'
    root = project({"stead.toml": text})
    for _ in range(2):
        machine.ok("run", "true", cwd=root)
    assert why_slow(machine, root) == "the check tool is made whenever a process starts"


def test_a_variable_that_the_caller_alone_has_is_looked_at_each_time(machine, project):
    root = project({"stead.toml": '[checks]\nit = { variable = "MINE_ALONE" }\n'})
    for _ in range(2):
        machine.ok("run", "true", cwd=root, env={"MINE_ALONE": "x"})
    machine.fails("run", "true", cwd=root)


def test_a_port_is_that_of_the_net(machine, project):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        text = f"""\
[net.office]
db = {{ host = "127.0.0.1", port = {port} }}

[checks]
db = {{ port = "{{net.db}}", message = "start it" }}
"""
        root = project({"stead.toml": text})
        machine.ok("check", cwd=root)
        machine.ok("run", "true", cwd=root)
    said = machine.fails("run", "true", cwd=root)
    assert f"127.0.0.1:{port}" in said
    assert "start it" in said


def test_a_secret_in_a_check_is_refused_before_anything_is_looked_up(machine, project):
    text = """\
[vars]
TOKEN = { type = "secret", value = "command:touch looked" }

[checks]
mine = { run = ["test", "${TOKEN}"] }
"""
    root = project({"stead.toml": text})
    said = machine.fails("run", "true", cwd=root)
    assert "the check mine would hold a secret" in said
    assert not (root / "looked").exists()


def test_a_check_of_ones_own_has_the_secrets_of_the_process(machine, project):
    text = """\
[vars]
TOKEN = { type = "secret", value = "command:echo hunter2" }

[checks]
mine = { run = ["sh", "-c", "test \\"$TOKEN\\" = hunter2"] }
"""
    root = project({"stead.toml": text})
    machine.ok("run", "true", cwd=root)


@pytest.mark.parametrize(("declared", "said"), [("", False), ("[vars.MODE]\ntype = 'str'\n", True)])
def test_a_run_says_of_declared_names_alone_that_the_shell_has_others(
    machine, project, declared, said
):
    value = 'value = "here"\n' if declared else '[vars]\nMODE = "here"\n'
    root = project({"stead.toml": declared + value})
    done = machine.run("run", "--locked", "--", "true", cwd=root, env={"MODE": "there"})
    assert done.returncode == 0, done.stderr
    assert ("MODE" in done.stderr) is said
    assert "MODE" in machine.ok("check", cwd=root, env={"MODE": "there"})
    done = machine.run("run", "--strict", "true", cwd=root, env={"MODE": "there"})
    assert done.returncode == 1
    assert "MODE" in done.stderr

"""The heart of it: whoever starts a process, it gets the same environment."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pexpect
import pytest

from stead.shells.state import is_bookkeeping

MANIFEST = """\
[packages.pypi]
tool = "*"

[paths]
data = "some data"

[vars]
PLAIN = "value"
QUOTED = "it's \\"quoted\\" $HOME `id` \\\\ end"
MULTI = "one\\ntwo"
DATA = "${paths.data}/x"
GREETING = "héllo – ☃"
EMPTY = ""
PATH = "${paths.data}:${PATH}"
"""
SHOW = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
# What a shell or the way a process was started brings along, whatever the environment is.
OWN = {
    "_",
    "SHLVL",
    "PWD",
    "OLDPWD",
    "COLUMNS",
    "LINES_",
    "PS1",
    "TERM",
    "HISTFILE",
    "JPY_PARENT_PID",
    "USER",
    "LOGNAME",
}


@pytest.fixture
def place(machine, project):
    root = project({"stead.toml": MANIFEST, "some data/x": ""})
    machine.ok("build", cwd=root)
    return root


def seen(path) -> dict[str, str]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return {n: v for n, v in found.items() if n not in OWN and not is_bookkeeping(n)}


@pytest.fixture
def expected(machine, place, tmp_path) -> dict[str, str]:
    """What the slow path gives: all steps in Python."""
    out = tmp_path / "slow.json"
    machine.ok("run", "--locked", "python", "-c", SHOW, str(out), cwd=place)
    return seen(out)


def test_expected_holds_what_was_written(expected, place):
    assert expected["PLAIN"] == "value"
    assert expected["QUOTED"] == 'it\'s "quoted" $HOME `id` \\ end'
    assert expected["MULTI"] == "one\ntwo"
    assert expected["DATA"] == f"{place}/some data/x"
    assert expected["EMPTY"] == ""
    assert expected["PATH"].startswith(f"{place}/some data:")
    assert expected["PYTHONNOUSERSITE"] == "1"


def test_fast_run(machine, place, expected, tmp_path):
    out = tmp_path / "fast.json"
    machine.ok("run", "python", "-c", SHOW, str(out), cwd=place)
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=execve,clone,clone3,fork,vfork"]
    done = subprocess.run(
        [*strace, "stead", "run", "true"],
        cwd=place,
        env={**machine.environ, "PWD": str(place)},
        check=False,
    )
    assert done.returncode == 0
    lines = trace.read_text(encoding="utf-8").splitlines()
    started = [line for line in lines if "execve(" in line and line.endswith("= 0")]
    assert len(started) == 2, started  # the script, and the command it became
    assert not [line for line in lines if re.search(r"\b(clone3?|v?fork)\(", line)]
    assert seen(out) == expected


def test_launcher(machine, place, expected, tmp_path):
    out, script = tmp_path / "launcher.json", tmp_path / "launch"
    machine.ok("launcher", "-o", str(script), "python", "-c", SHOW, str(out), cwd=place)
    subprocess.run([str(script)], cwd=place, env={**machine.environ, "PWD": str(place)}, check=True)
    assert seen(out) == expected


def test_env_vars_json(machine, place, expected):
    told = machine.json("env", "vars", cwd=place)
    for name, value in told["set"].items():
        assert expected[name] == value, name
    for name in told["unset"]:
        assert name not in expected
    caller = {**machine.environ, "PWD": str(place)}
    assert {n: v for n, v in expected.items() if caller.get(n) != v}.keys() <= told["set"].keys()


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_text_for_a_shell(machine, place, expected, tmp_path, shell):
    out = tmp_path / f"{shell}.json"
    text = machine.ok("env", "vars", "--shell", shell, cwd=place)
    script = tmp_path / f"script.{shell}"
    script.write_text(f"{text}\npython -c \"$SHOW_CODE\" '{out}'\n", encoding="utf-8")
    subprocess.run(
        [shell, str(script)],
        cwd=place,
        env={**machine.environ, "PWD": str(place), "SHOW_CODE": SHOW},
        check=True,
    )
    found = seen(out)
    found.pop("SHOW_CODE")
    assert found == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_hook(machine, place, expected, tmp_path, shell):
    machine.ok("trust", "--yes", cwd=place)
    out = tmp_path / f"hook-{shell}.json"
    code = tmp_path / "show.py"
    code.write_text(SHOW, encoding="utf-8")
    hook = tmp_path / f"hook.{shell}"
    hook.write_text(machine.ok("hook", shell, cwd=tmp_path), encoding="utf-8")
    plain = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["-N", "-i"]}
    env = {**machine.environ, "TERM": "dumb", "PWD": str(tmp_path)}
    child = pexpect.spawn(shell, plain[shell], cwd=str(tmp_path), env=env, encoding="utf-8")
    try:
        child.sendline(f"source {hook}")
        child.sendline(f"cd '{place}'")
        child.sendline(
            f"python {code} '{out}'; and echo FIN''ISHED"
            if shell == "fish"
            else f"python {code} '{out}' && echo FIN''ISHED"
        )
        child.expect("FINISHED", timeout=30)
    finally:
        child.close(force=True)
    found = seen(out)
    extra = {n for n in found if n not in expected and n.startswith(("__fish", "fish_", "STEAD_H"))}
    for name in extra:
        found.pop(name)
    assert {n: v for n, v in found.items() if expected.get(n) != v} == {}
    assert set(expected) <= set(found)


def test_run_from_a_shell_that_has_another_environment(machine, place, expected, tmp_path):
    """What a hook applied is taken back first: nothing of another place leaks in."""
    out = tmp_path / "other.json"
    env = {
        "STEAD_APPLIED": "FOREIGN PATH",
        "STEAD_OLD_PATH": machine.environ["PATH"],
        "FOREIGN": "leak",
        "PATH": f"/foreign/bin{os.pathsep}{machine.environ['PATH']}",
        "PYTHONPATH": "/foreign/python",
        "PIP_INDEX_URL": "leak",
    }
    for words in (["run"], ["run", "--locked"]):
        machine.ok(*words, "python", "-c", SHOW, str(out), cwd=place, env=env)
        assert seen(out) == expected

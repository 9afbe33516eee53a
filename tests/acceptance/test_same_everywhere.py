"""The heart of it: whoever starts a process, it gets the same environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path  # noqa: TC003 (one kind of import for all tests)
from typing import Any, NamedTuple

import pexpect
import pytest

from stead.shells.state import is_bookkeeping
from stead.testing.channel import make_channel
from stead.testing.index import Wheel, make_index
from stead.testing.python import cpython
from stead.testing.specimens import activation as toolchain
from stead.values.activation import DEFAULT_PATH

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
SIZE = { type = "bytes", value = "1 MiB" }
WAIT = { type = "duration", value = "1m30s" }
WHERE = { type = "path", value = "some data/y" }
PLACES = { type = "paths", value = ["some data", "${PLACES}"] }
TABLE = { type = "json", value = { b = [1, 2], a = "it's" } }
SWITCH = false

[lib.l.accepts]
POOL = { type = "int", min = 1, default = 5 }
SWITCH = { type = "bool", default = true }
ADDRESS = { type = "url", required = true }

[client.c]
uses = "l"
ADDRESS = "http://${PLAIN}:{host.ports.web}/${GREETING}"

[host.here]
ports = { web = "8000-8010" }

[app.show]
clients = ["c"]
run = ["python", "-c", "pass"]
listen = { PORT = "host.ports.web" }

[files]
"made/all.json" = { format = "json", names = ["S*", "P*", "WAIT", "ADDRESS", "GREETING"] }
"made/one.txt" = "one.tmpl"
"""
TEMPLATE = "{{ SIZE }} {{ SWITCH }} {{ WHERE }} {{ paths.data }} {{ QUOTED }}\n"
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


class Made(NamedTuple):
    """A place that tests share, built, with the account that it belongs to."""

    machine: Any
    root: Path


@pytest.fixture
def machine(request):
    """The account of the place that a test asks for."""
    (name,) = {"place", "compiler", "secretive"} & set(request.fixturenames)
    return request.getfixturevalue(f"{name}_made").machine


@pytest.fixture(scope="module")
def place_made(make_account, index):
    machine = make_account(index)
    root = machine.home.parent / "project"
    (root / "some data").mkdir(parents=True)
    (root / "some data/x").touch()
    (root / "stead.toml").write_text(MANIFEST, encoding="utf-8")
    (root / "one.tmpl").write_text(TEMPLATE, encoding="utf-8")
    machine.ok("build", cwd=root)
    return Made(machine, root)


@pytest.fixture
def place(place_made):
    return place_made.root


def seen(path) -> dict[str, str]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return {n: v for n, v in found.items() if n not in OWN and not is_bookkeeping(n)}


def in_a_shell(shell: str, lines: list[str], environ: dict[str, str], cwd: Path) -> None:
    """Have an interactive shell on a terminal do something, and wait for its end."""
    plain = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["-N", "-i"]}
    env = {**environ, "TERM": "dumb", "PWD": str(cwd)}
    child = pexpect.spawn(
        f"{shutil.which(shell)}", plain[shell], cwd=str(cwd), env=env, encoding="utf-8"
    )
    try:
        for line in lines:
            child.sendline(line)
        child.sendline("echo FIN''ISHED")
        child.expect("FINISHED", timeout=60)
    finally:
        child.close(force=True)


def kernel_argv(machine, cwd: Path) -> tuple[list[str], dict[str, str]]:
    """Register a kernel; gives what Jupyter starts, and the variables that it adds."""
    machine.ok("kernel", cwd=cwd)
    (found,) = machine.home.rglob("kernel.json")
    spec = json.loads(found.read_text(encoding="utf-8"))
    return spec["argv"], spec.get("env", {})


@pytest.fixture(scope="module")
def expected(place_made) -> dict[str, str]:
    """What the slow path gives: all steps in Python."""
    machine, place = place_made
    out = machine.home / "slow.json"
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
    assert (expected["SIZE"], expected["SWITCH"], expected["POOL"]) == ("1048576", "false", "5")
    assert expected["WHERE"] == f"{place}/some data/y"
    assert expected["PLACES"] == f"{place}/some data"
    assert json.loads(expected["TABLE"]) == {"a": "it's", "b": [1, 2]}
    assert expected["ADDRESS"].startswith("http://value:8000/h%C3%A9llo%20")
    assert expected["PORT"] == "8000"


def test_files_hold_what_the_process_has(expected, place):
    made = json.loads((place / "made/all.json").read_text(encoding="utf-8"))
    assert made.keys() == {"SIZE", "SWITCH", "PLAIN", "PLACES", "PATH", "POOL", "PORT"} | {
        *("WAIT", "ADDRESS", "GREETING")
    }
    assert made["SWITCH"] is False
    assert (made["POOL"], made["PORT"], made["SIZE"]) == (5, 8000, 1048576)
    for name in ("ADDRESS", "GREETING", "PLAIN"):
        assert made[name] == expected[name]
    assert (place / "made/one.txt").read_text(encoding="utf-8") == (
        f"1048576 false {place}/some data/y {place}/some data {expected['QUOTED']}\n"
    )


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
    found = seen_by_hook(shell, machine, place, machine.environ, tmp_path)
    assert found == expected


def seen_by_hook(shell, machine, place, environ, tmp_path) -> dict[str, str]:
    """Enter the place in a shell with the hook; gives what a program started there gets."""
    out, code = tmp_path / f"hook-{shell}.json", tmp_path / "show.py"
    code.write_text(SHOW, encoding="utf-8")
    hook = tmp_path / f"hook.{shell}"
    hook.write_text(machine.ok("hook", shell, cwd=tmp_path), encoding="utf-8")
    lines = [f"source {hook}", f"cd '{place}'", f"python {code} '{out}'"]
    in_a_shell(shell, lines, environ, tmp_path)
    return {
        n: v for n, v in seen(out).items() if not n.startswith(("__fish", "fish_", "STEAD_HOOK"))
    }


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


# What Jupyter would start: it writes what it sees to where its connection would stand.
KERNEL = """
import json, os, sys
if __name__ == "__main__":
    json.dump(dict(os.environ), open(sys.argv[2], "w"))
"""
COMPILER = """\
[packages.conda]
channels = ["{channel}"]
python = "*"
toolchain = "*"

[packages.pypi]
ipykernel = "*"

[vars]
GREETING = "hello"
"""
CALLERS = {
    "plain": {},
    "compiler": {
        "CFLAGS": "-g  -Wall",
        "PKG_CONFIG_PATH": "/caller/pkg:/caller/other",
        "XDG_DATA_DIRS": "/usr/share",
        "PROJ_NETWORK": "OFF",
        "JAVA_TOOL_OPTIONS": "-Xmx1g",
        "CONDA_PREFIX": "/opt/conda",
        "CONDA_SHLVL": "1",
    },
    "odd values": {
        "EMPTY_ONE": "",
        "SPACES": "  two  ",
        "TWO_LINES": "one\ntwo\n",
        "QUOTES": 'it\'s "quoted" $HOME `id` \\',
        "lower_case": "é\udcff",
        "_UNDER": "x",
        "GREETING": "overridden",
        "CDPATH": "/usr",
        "ENV": "/no/where",
        "BASH_ENV": "/no/where",
    },
    "no PATH": {"PATH": None},
}
ODD_NAMES = {"a-b": "1", "x.y": "2", "BASH_FUNC_module%%": "() {  echo loaded\n}"}
SHELLS = ["bash", "zsh", "fish"]
WAYS = ["fast", "launcher", "vars", "kernel", *SHELLS]


@pytest.fixture(scope="module")
def compiler_index(tmp_path_factory):
    return make_index(
        tmp_path_factory.mktemp("same") / "index",
        [
            Wheel(
                "ipykernel",
                "7.0",
                files={"ipykernel.py": "__version__ = '7.0'", "ipykernel_launcher.py": KERNEL},
            )
        ],
    )


@pytest.fixture(scope="module")
def compiler_channel(tmp_path_factory, here):
    root = tmp_path_factory.mktemp("same") / "channel"
    return make_channel(root, [cpython(), toolchain()], here.name)


@pytest.fixture(scope="module")
def make_place(make_account, compiler_channel, compiler_index):
    """Make a place with packages that bring activation scripts, trusted, with an account."""

    def make(more: str = "") -> Made:
        machine = make_account(compiler_index)
        root = machine.home.parent / "project"
        root.mkdir()
        text = COMPILER.format(channel=compiler_channel.as_uri()) + more
        (root / "stead.toml").write_text(text, encoding="utf-8")
        machine.ok("build", cwd=root)
        machine.ok("trust", "--yes", cwd=root)
        return Made(machine, root)

    return make


@pytest.fixture(scope="module")
def compiler_made(make_place):
    return make_place()


@pytest.fixture
def compiler(compiler_made):
    return compiler_made.root


@pytest.fixture(scope="module")
def slowly(compiler_made, tmp_path_factory):
    """Give what the slow path gives a caller, found out once."""
    known: dict[str, dict[str, str]] = {}

    def wanted(name: str) -> dict[str, str]:
        if name not in known:
            machine, root = compiler_made
            environ = caller_of(machine, name, root)
            out = tmp_path_factory.mktemp("slow")
            known[name] = started("slow", machine, root, environ, out)
        return dict(known[name])

    return wanted


def caller_of(machine, name: str, cwd: Path) -> dict[str, str]:
    environ = {**machine.environ, "PWD": str(cwd), **CALLERS[name]}
    return {n: v for n, v in environ.items() if v is not None}


def started(way: str, machine, place: Path, environ: dict[str, str], tmp_path: Path):
    """Start a program in one way; gives the variables that it gets."""
    out = tmp_path / f"{way}.json"
    show = ["python", "-c", SHOW, str(out)]
    program = str(machine.program)
    if way in SHELLS:
        return seen_by_hook(way, machine, place, environ, tmp_path)
    if way == "vars":
        done = subprocess.run(
            [program, "env", "vars", "--json"],
            cwd=place,
            env=environ,
            capture_output=True,
            check=True,
        )
        told = json.loads(done.stdout)
        result = {n: v for n, v in {**environ, **told["set"]}.items() if n not in told["unset"]}
        return {n: v for n, v in result.items() if n not in OWN and not is_bookkeeping(n)}
    if way == "launcher":
        script = tmp_path / "launch"
        machine.ok("launcher", "-o", str(script), *show, cwd=place)
        argv = [str(script)]
    elif way == "kernel":
        argv, more = kernel_argv(machine, place)
        argv = [word.replace("{connection_file}", str(out)) for word in argv]
        environ = {**environ, **more}
    else:
        argv = [program, "run", *(["--locked"] if way == "slow" else []), *show]
    done = subprocess.run(argv, cwd=place, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # That the caller has a value of its own is said, and nothing else.
    said = [line for line in done.stderr.splitlines() if "sets GREETING otherwise" not in line]
    assert said == []
    return seen(out)


@pytest.mark.parametrize(
    ("name", "way"),
    [(n, w) for n in CALLERS for w in WAYS if n != "no PATH" or w not in SHELLS],
)
def test_a_conda_environment_is_the_same_for_every_caller(
    machine, compiler, slowly, tmp_path, name, way
):
    environ = caller_of(machine, name, compiler)
    wanted = slowly(name)
    assert wanted["GREETING"] == "hello"
    assert wanted["TOOL_WORDS"] == "one two"
    assert wanted["CC_TOOLCHAIN"].endswith("/bin/cc")
    if name == "compiler":
        assert wanted["PROJ_NETWORK"] == "OFF"
        assert wanted["PKG_CONFIG_PATH"].endswith("/lib/pkgconfig:/caller/pkg:/caller/other")
        assert "JAVA_TOOL_OPTIONS" not in wanted
    if name == "no PATH":
        assert wanted["PATH"].split(":", 1)[1] == DEFAULT_PATH
    assert started(way, machine, compiler, environ, tmp_path) == wanted


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_without_path_has_its_own_behind_the_environments(
    machine, compiler, slowly, tmp_path, shell
):
    """A shell makes itself one; that is its user's, and all else is as everywhere."""
    environ = caller_of(machine, "no PATH", compiler)
    wanted = slowly("no PATH")
    found = started(shell, machine, compiler, environ, tmp_path)
    programs = wanted.pop("PATH").split(":", 1)[0]
    assert found.pop("PATH").startswith(f"{programs}:/")
    assert found == wanted


@pytest.mark.parametrize("way", ["slow", "fast", "launcher", "kernel"])
def test_names_that_no_shell_can_set_depend_on_the_machines_sh_alone(
    machine, compiler, slowly, tmp_path, way
):
    """dash hands none on, so that no way of starting a process has them there."""
    environ = caller_of(machine, "plain", compiler)
    said = subprocess.run(
        ["sh", "-c", "exec env"],
        env=environ | ODD_NAMES,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    handed_on = {n: v for n, v in ODD_NAMES.items() if f"\n{n}=" in f"\n{said}"}
    assert handed_on in ({}, ODD_NAMES)
    plain = slowly("plain")
    odd = started(way, machine, compiler, environ | ODD_NAMES, tmp_path)
    assert odd == plain | handed_on


@pytest.mark.parametrize("shell", SHELLS)
def test_the_hook_takes_no_such_name_away(machine, compiler, slowly, tmp_path, shell):
    environ = caller_of(machine, "plain", compiler)
    plain = slowly("plain")
    found = started(shell, machine, compiler, environ | ODD_NAMES, tmp_path)
    assert {n: v for n, v in found.items() if n not in ODD_NAMES} == plain
    assert found.keys() >= ODD_NAMES.keys()


def test_functions_that_bash_exported_run_in_an_entered_shell(machine, compiler, tmp_path):
    machine.ok("run", "true", cwd=compiler)
    hook, out = tmp_path / "hook.bash", tmp_path / "out"
    hook.write_text(machine.ok("hook", "bash", cwd=tmp_path), encoding="utf-8")
    lines = [f"source {hook}", f"cd '{compiler}'", f"bash -c 'module; echo $GREETING' > {out}"]
    in_a_shell("bash", lines, caller_of(machine, "plain", tmp_path) | ODD_NAMES, tmp_path)
    assert out.read_text() == "loaded\nhello\n"


SECRETS = """
TOKEN = { type = "secret", value = "env:HIDDEN" }
URL = { type = "url", value = "http://me:${TOKEN}@host/" }
"""


@pytest.fixture(scope="module")
def secretive_made(make_place):
    return make_place(SECRETS)


@pytest.fixture(scope="module")
def revealed(secretive_made, tmp_path_factory):
    """What the slow path gives there."""
    machine, root = secretive_made
    environ = caller_of(machine, "plain", root) | {"HIDDEN": "s/ecret"}
    return started("slow", machine, root, environ, tmp_path_factory.mktemp("slow"))


@pytest.fixture
def secretive(secretive_made):
    return secretive_made.root


@pytest.mark.parametrize("way", WAYS)
def test_a_place_with_secrets(machine, secretive, revealed, tmp_path, way):
    """Whatever starts a process gives it them; what only describes one, or enters, does not."""
    environ = caller_of(machine, "plain", secretive) | {"HIDDEN": "s/ecret"}
    wanted = dict(revealed)
    secret = {"TOKEN": wanted.pop("TOKEN"), "URL": wanted.pop("URL")}
    assert secret == {"TOKEN": "s/ecret", "URL": "http://me:s%2Fecret@host/"}
    found = started(way, machine, secretive, environ, tmp_path)
    if way in ("fast", "launcher", "kernel"):
        assert found == wanted | secret
    else:
        assert found == wanted

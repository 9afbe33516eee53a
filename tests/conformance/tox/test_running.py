"""Environments run as tox runs them: which commands, with what outcome, with which variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

FILE = r"""
[tox]
env_list = vars,rules,errors,before,after,retry,bang,allow,ignored,missing
[testenv]
skip_install = true
set_env =
    WHO = {env:WHO}
commands = python note.py ran
[testenv:vars]
pass_env = PASS_*,lower_*
disallow_pass_env = PASS_NOT
set_env =
    {[testenv]set_env}
    A = 1
    PATH = {toxinidir}/bin{:}{env:PATH}
change_dir = made/deep
commands = python {toxinidir}/note.py dump
[testenv:rules]
commands_pre = python note.py pre
commands =
    - python note.py minus 3
    ! python note.py bang 4
    python note.py main
commands_post = python note.py post
[testenv:errors]
ignore_errors = true
commands_pre = python note.py pre 5
commands =
    python note.py first 6
    python note.py second
[testenv:before]
commands_pre = python note.py pre 5
    python note.py never
commands_post = python note.py post
[testenv:after]
commands =
    python note.py main 7
    python note.py never
commands_post =
    python note.py post 8
    python note.py never
[testenv:retry]
commands_retry = 2
commands =
    python note.py again grows
    - python note.py once 1
[testenv:bang]
commands = ! python note.py bang
[testenv:allow]
commands = - ls
    python note.py never
commands_post = python note.py post
[testenv:ignored]
ignore_outcome = true
commands = python note.py ignored 9
[testenv:missing]
commands = no-such-program-anywhere
    python note.py never
commands_post = python note.py post
"""

NOTE = r"""
import json, os, sys
name, code = sys.argv[1], (sys.argv[2:] or ["0"])[0]
here = os.path.dirname(os.path.abspath(__file__))
if name == "dump":
    told = {"environ": dict(os.environ), "cwd": os.getcwd()}
else:
    told = name
with open(os.path.join(here, os.environ["WHO"] + ".json"), "a") as file:
    print(json.dumps([os.environ["TOX_ENV_NAME"], told]), file=file)
if code == "grows":
    seen = os.path.join(here, os.environ["WHO"] + ".seen")
    with open(seen, "a") as file:
        file.write("x")
    code = os.path.getsize(seen) < 3
sys.exit(int(code))
"""

OURS = {"PYTHONPYCACHEPREFIX", "STEAD_CELL", "STEAD_JOBS", "WHO"}
"""Variables that only Stead sets, as its documentation says, and the one that tells the two apart."""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Run the same file with both, one after the other at the same place."""
    root = tmp_path_factory.mktemp("project")
    (root / "tox.ini").write_text(FILE)
    (root / "note.py").write_text(NOTE)
    environ = {
        **{
            n: v
            for n, v in os.environ.items()
            if not n.startswith(("TOX_", "PYTEST_", "STEAD_", "__TOX_"))
            and n not in {"CI", "COLUMNS", "LINES"}
        },
        "STEAD_HOME": str(tmp_path_factory.mktemp("home")),
        "PASS_A": "1",
        "pass_b": "2",
        "PASS_NOT": "3",
        "LOWER_X": "4",
        "OTHER": "5",
        "TERM": "dumb",
    }
    bin_directory = os.path.dirname(sys.executable)
    seed = ["--hashseed", "7"]

    def run(who, *command):
        done = subprocess.run(
            [os.path.join(bin_directory, command[0]), *command[1:], *seed],
            cwd=root,
            env={**environ, "WHO": who},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout + done.stderr
        lines = [json.loads(x) for x in (root / f"{who}.json").read_text().splitlines()]
        return [x for x in lines if x[0] != "vars"], next(x[1] for x in lines if x[0] == "vars")

    stead = run("stead", "stead", "test", "--report-json", "stead-report")
    subprocess.run(["rm", "-rf", str(root / ".tox")], check=True)
    tox = run("tox", "tox", "run", "--result-json", "tox-report")
    reports = [json.loads((root / f"{who}-report").read_text()) for who in ("stead", "tox")]
    return stead, tox, *reports


@pytest.mark.slow
@pytest.mark.network
def test_the_same_commands_run_in_the_same_order(both):
    stead, tox, _, _ = both
    assert stead[0] == tox[0]


@pytest.mark.slow
@pytest.mark.network
def test_commands_have_the_same_variables_and_directory(both):
    (_, stead), (_, tox), _, _ = both
    assert stead["cwd"] == tox["cwd"]
    mine, theirs = stead["environ"], tox["environ"]
    assert set(mine) - set(theirs) <= OURS
    assert {n: v for n, v in mine.items() if n not in OURS} == {
        n: v for n, v in theirs.items() if n not in OURS
    }


@pytest.mark.slow
@pytest.mark.network
def test_environments_end_alike(both):
    *_, stead, tox = both
    mine = {c["environment"]: c["status"] in ("passed", "flaky") for c in stead["cells"]}
    theirs = {n: e["result"]["success"] for n, e in tox["testenvs"].items() if "result" in e}
    assert mine == theirs

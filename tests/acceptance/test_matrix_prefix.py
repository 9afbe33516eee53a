"""`stead test --in-prefix`: the commands of an environment in one that is there already."""

from __future__ import annotations

import os
import subprocess
import sys

TOX = """\
[tox]
env_list = one
[testenv]
skip_install = true
commands = python -c "import sys; print('runs in', sys.prefix)"
"""


def test_commands_run_in_an_environment_that_is_there(machine, project, tmp_path):
    root = project({"tox.ini": TOX})
    there = tmp_path / "there"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(there)], check=True)
    before = machine.tree(there)
    said = machine.ok(
        "test", "--in-prefix", str(there), cwd=root, env={"PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert f"runs in {there}" in said
    assert machine.tree(there) == before
    assert not os.path.exists(root / ".tox" / "one" / "lib")


def test_a_prefix_that_is_not_there_is_named(machine, project):
    root = project({"tox.ini": TOX})
    done = machine.run("test", "--in-prefix", "nowhere", cwd=root)
    assert done.returncode != 0
    assert "nowhere" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr

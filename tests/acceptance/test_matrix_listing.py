"""What there is to test, as a user meets it: nothing is built, and nothing is left in the tree."""

from __future__ import annotations

import json
import subprocess

import jsonschema

TOX = """\
[tox]
env_list = unit, lint
[testenv]
package = wheel
commands = python -c 'import sys; sys.exit(2)' {posargs}
[testenv:lint]
description = look for slips
skip_install = true
labels = quick
"""
FILES = {
    "tox.ini": TOX,
    "pyproject.toml": "[project]\nname = 'x'\nversion = '1'\n"
    "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
    "backend.py": "raise SystemExit('nobody builds')\n",
}


def test_a_tox_project_shows_itself_and_stays_as_it_is(machine, project):
    root = project(FILES)
    before = machine.tree(root)
    listed = machine.json("test", "--list", cwd=root)
    assert [e["name"] for e in listed["environments"]] == ["unit", "lint"]
    assert "look for slips" in machine.ok("test", "--list", cwd=root)
    plan = machine.json("test", "--plan", cwd=root)
    schema = json.loads(machine.ok("schema", "test-plan", cwd=root))
    jsonschema.validate(plan, schema)
    assert [s["id"].split()[0] for s in plan["steps"]] == [
        *("build", "environment", "run", "environment", "run"),
    ]
    assert plan["steps"][0]["key"]
    matrix = json.loads(machine.ok("test", "--matrix", "github", cwd=root))
    assert [j["arguments"] for j in matrix["include"]] == ["unit", "lint"]
    assert machine.tree(root) == before


def test_arguments_and_options_in_any_order(machine, project):
    root = project(FILES)
    words = ("test", "unit", "--config", "lint", "--json", "--", "--list", "a b")
    found = json.loads(machine.ok(*words, cwd=root))["env"]
    assert list(found)[:2] == ["unit", "lint"]
    assert found["unit"]["commands"] == ["python -c 'import sys; sys.exit(2)' --list 'a b'"]


def test_mistakes_on_the_command_line(machine, project):
    root = project(FILES)
    said = machine.fails("test", "--list", "lnt", cwd=root, code=2)
    assert "there is no environment lnt" in said
    assert "did you mean lint?" in said
    assert "quick" in machine.fails("test", "--list", "-l", "quik", cwd=root, code=2)
    machine.fails("test", "--matrix", "jenkins", cwd=root, code=2)
    machine.fails("test", "--lst", cwd=root, code=2)


def test_mistakes_in_the_files(machine, project):
    root = project({"tox.ini": "[testenv]\ncomands = x\n"})
    said = machine.fails("test", "--list", cwd=root)
    assert f"{root}/tox.ini:2: unknown key comands" in said
    assert "did you mean commands?" in said


def test_nothing_to_test(machine, project):
    root = project({"README": ""})
    assert "nothing here says what there is to test" in machine.fails("test", cwd=root)


def test_names_are_completed(machine, project):
    root = project(FILES)
    done = subprocess.run(
        [machine.program, "__complete", "tested"],
        cwd=root,
        env=machine.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == ["unit", "lint"]

"""What an existing project's CI says to tox in variables and overrides, `stead test` hears."""

from __future__ import annotations

import json

import pytest

from stead.testing.index import Wheel, make_index

TOX = """\
[tox]
env_list = one, two, lint
[testenv]
skip_install = true
allowlist_externals = sh
commands = sh -c "echo ran {envname} {env:WORD:none} $TOX_WORK_DIR"
[testenv:lint]
labels = quick
"""


@pytest.fixture
def machine(machine, tmp_path):
    index = make_index(tmp_path / "own", [Wheel("pip", "25.0")])
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"
    return machine


@pytest.fixture
def listed(machine, project):
    """Give the names that are listed where variables say this, and the command line that."""
    root = project({"tox.ini": TOX})

    def names(*words, **variables):
        made = machine.ok("test", "--list", "--json", *words, cwd=root, env=variables)
        return [one["name"] for one in json.loads(made)["environments"]]

    return names


@pytest.mark.parametrize("name", ["TOXENV", "TOX_ENV"])
def test_environments_are_named(listed, name):
    assert listed(**{name: "two, lint"}) == ["two", "lint"]
    assert listed(**{name: "{one,two}"}) == ["one", "two"]
    assert listed(**{name: ""}) == ["one", "two", "lint"]
    assert listed(**{name: "x,ALL"}) == ["one", "two", "lint"]


def test_the_command_line_is_heard_first(listed):
    assert listed("one", TOXENV="two") == ["one"]
    assert listed("-l", "quick", TOXENV="two") == ["lint"]
    assert listed("-f", "two", TOX_LABELS="quick") == ["two"]
    assert listed("--skip-env", "one", TOX_SKIP_ENV="two") == ["two", "lint"]


def test_labels_factors_and_what_is_left_out(listed):
    assert listed(TOX_LABELS="quick", TOXENV="two") == ["lint"]
    assert listed(TOX_FACTORS="one;lint") == ["one", "lint"]
    assert listed(TOX_SKIP_ENV="(one|two)") == ["lint"]
    assert listed(TOXENV="one,two", TOX_SKIP_ENV="one") == ["two"]


def test_a_run_as_variables_say(machine, project):
    root = project({"tox.ini": TOX})
    variables = {
        "TOXENV": "two",
        "TOX_OVERRIDE": "testenv.set_env+=WORD=said;testenv:two.commands+=sh -c 'echo and on'",
        "TOX_WORK_DIR": "elsewhere",
    }
    said = machine.ok("test", cwd=root, env=variables)
    assert f"ran two said {root}/elsewhere" in said
    assert "and on" in said
    assert "ran one" not in said
    assert (root / "elsewhere" / "two" / "bin" / "python").exists()
    assert not (root / ".tox").exists()
    said = machine.ok("test", cwd=root, env={**variables, "TOX_NO_TEST": "1", "TOX_PARALLEL": "0"})
    assert "ran two" not in said


def test_a_tests_own_project_is_not_the_one_that_is_tested(machine, project):
    root = project({"tox.ini": TOX})
    outer = {"TOX_ENV_NAME": "py", "TOX_ENV_DIR": "/x/.tox/py", "TOX_WORK_DIR": "/x/.tox"}
    assert f"ran one none {root}/.tox" in machine.ok("test", "one", cwd=root, env=outer)


def test_overrides_on_the_command_line(machine, project):
    root = project({"tox.ini": TOX})
    words = ("test", "--config", "one", "-x", "testenv.commands=sh {posargs}", "--workdir", "w")
    made = machine.json(*words, cwd=root)
    assert made["env"]["one"]["commands"] == ["sh"]
    assert made["env"]["one"]["env_dir"] == f"{root}/w/one"


WRONG = [
    ({"TOXENV": "nothing"}, "there is no environment nothing"),
    ({"TOX_RECREATE": "perhaps"}, "TOX_RECREATE: 'perhaps' is none of true, false"),
    ({"TOX_SKIP_MISSING_INTERPRETERS": "x"}, "is none of true, false, config"),
    ({"TOX_OVERRIDE": "testenv.commands"}, "the override 'testenv.commands' has no = sign"),
    ({"TOX_OVERRIDE": "testenv.comands=x"}, "did you mean commands?"),
    ({"TOX_PARALLEL": "many"}, "many"),
]


@pytest.mark.parametrize(("variables", "said"), WRONG)
def test_variables_that_mean_nothing(machine, project, variables, said):
    root = project({"tox.ini": TOX})
    done = machine.run("test", cwd=root, env=variables)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert next(iter(variables)) in done.stderr


def test_layers_do_not_hear_them(machine, project):
    root = project({"stead.toml": "[layer.a]\ncommands = [['sh', '-c', 'echo ran a']]\n"})
    said = machine.ok(
        "test", cwd=root, env={"TOXENV": "none", "TOX_OVERRIDE": "x", "TOX_NO_TEST": "1"}
    )
    assert "ran a" in said
    for words in (("-x", "testenv.deps=x"), ("--workdir", "w")):
        done = machine.run("test", *words, cwd=root)
        assert done.returncode == 2
        assert f"{root}/stead.toml: --" in done.stderr

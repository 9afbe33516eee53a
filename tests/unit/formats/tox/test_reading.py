"""What tox's files say, as values with origins."""

from __future__ import annotations

import pytest

from stead.values.testenv import TestCommand

TOX_INI = """\
[tox]
envlist = py3{11-12}, lint
[testenv]
package = wheel
deps =
    pytest
    py312: six
commands =
    pytest {posargs:tests}
    - true
    ! false
[testenv:lint]
skip_install = true
deps = ruff
"""


def test_an_environment_is_a_value_with_origins(tox):
    project = tox({"tox.ini": TOX_INI, "pyproject.toml": ""})
    made = project.environment("py312")
    assert made.deps == ("pytest", "six")
    assert made.package == "wheel"
    assert (made.package_env, made.wheel_build_env) == (".pkg", ".pkg")
    assert made.commands == (
        TestCommand(("pytest", "tests")),
        TestCommand(("true",), ignore_failure=True),
        TestCommand(("false",), expect_failure=True),
    )
    assert made.origin("deps").line == 5
    assert made.origin("depends").line == 0
    lint = project.environment("lint")
    assert (lint.package, lint.package_env, lint.deps) == ("skip", "", ("ruff",))
    assert lint.origin("deps").line == 14
    assert hash(made) == hash(tox({"tox.ini": TOX_INI, "pyproject.toml": ""}).environment("py312"))


def test_the_package_of_a_project_without_any(tox):
    assert tox({"tox.ini": "[testenv]\ncommands = x"}).environment("py").package == "skip"
    assert tox({"tox.ini": "", "setup.py": ""}).environment("py").package == "sdist"


def test_wheels_are_built_per_interpreter(tox):
    files = {"tox.ini": "[testenv]\npackage = wheel\n[testenv:.pkg]\nbasepython = py39\n"}
    files["setup.py"] = ""
    project = tox(files)
    assert project.environments == ("py",)
    assert project.package_settings(".pkg").base_python == ("py39",)


@pytest.mark.parametrize(
    ("files", "environments"),
    [
        ({"tox.ini": "[tox]\nenvlist=a", "tox.toml": "env_list=['b']"}, ("a",)),
        ({"setup.cfg": "[tox:tox]\nenvlist=a\n[testenv:b]\nx: y", "tox.toml": ""}, ("a", "b")),
        ({"setup.cfg": "[metadata]\nname=tox", "tox.toml": "env_list=['b']"}, ("b",)),
        ({"pyproject.toml": "[tool.tox]\nenv_list=['c']"}, ("c",)),
        ({"pyproject.toml": "[tool.tox]\nlegacy_tox_ini='''\n[tox]\nenvlist=d'''"}, ("d",)),
        ({"pyproject.toml": "[project]\nname='tox'", "tox.toml": ""}, ("py",)),
    ],
)
def test_which_file_counts(tox, files, environments):
    assert tox(files).environments == environments


def test_lines_of_a_text_in_a_string(tox):
    text = "[tool.tox]\nlegacy_tox_ini = '''\n[tox]\nenvlist=d\n[testenv]\ndeps = x\n'''\n"
    assert tox({"pyproject.toml": text}).environment("d").origin("deps").line == 6


def test_labels_and_builders(tox):
    text = "[tox]\nenvlist=a,b\nlabels=\n  l=b,c\n[testenv:a]\nlabels=l\npackage=sdist-wheel\n"
    project = tox({"tox.ini": text, "setup.py": ""})
    assert project.environments == ("a", "b", "c")
    assert project.labelled("l") == ("a", "b", "c")
    assert project.builders("a") == (".pkg",)


def test_positional_arguments_follow_to_the_directory(tox):
    text = "[tox]\nenvlist=a\n[testenv]\nchangedir=sub\ncommands=x {posargs}\n"
    project = tox({"tox.ini": text, "t.py": ""}, posargs=("t.py", "other", "-k"))
    assert project.environment("a").commands[0].arguments == ("x", "../t.py", "other", "-k")
    project = tox({"tox.ini": text + "args_are_paths=no", "t.py": ""}, posargs=("t.py",))
    assert project.environment("a").commands[0].arguments == ("x", "t.py")


def test_a_variable_that_names_itself_is_left_alone(ini):
    project = ini("[tox]\nenvlist=a\n[testenv]\ncommands=x {env:V}", variables={"V": "{env:V}"})
    assert project.environment("a").commands[0].arguments == ("x", "{env:V}")


def test_the_directory_of_environments_can_be_another(ini):
    project = ini("[tox]\nenvlist=a", work_dir="/elsewhere")
    assert project.environment("a").env_dir == "/elsewhere/a"


def test_braces_in_braces_are_understood(ini):
    project = ini("[tox]\nenvlist = {py3{11,12},lint}-a\n[testenv]\ndeps =\n  {py3{11,12},x}: one")
    assert project.environments == ("py311-a", "py312-a", "lint-a", "x")
    assert project.environment("py312-a").deps == ("one",)
    assert project.environment("lint-a").deps == ()


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        *(("", "editable"), ("package = wheel", "wheel"), ("package = uv", "wheel")),
        *(("package = uv-editable", "editable"), ("package = skip", "skip")),
        ("skip_install = true\nuse_develop = true\npackage = wheel", "wheel"),
    ],
)
def test_what_the_runner_of_uvs_lock_makes_of_package(ini, said, mode):
    project = ini(f"[testenv]\nrunner = uv-venv-lock-runner\ndependency_groups = a\n{said}\n")
    one = project.environment("py")
    assert (one.package, one.no_default_groups, one.uv_sync_locked) == (mode, True, True)

"""Environments of layers with commands."""

from __future__ import annotations

import pytest

from stead.values.errors import ManifestError

BASE = """\
[packages.pypi]
six = "*"
[test]
environments = "py3{11,12}-unit"
[layer.unit]
commands = [["pytest", "{posargs:-x -q}", "{posargs}"]]
resources = ["db"]
timeout = "5min"
retries = 2
[layer.unit.packages.pypi]
pytest = ">=8"
[layer.unit.vars]
MODE = "test"
[layer.lint]
commands = [["-", "ruff", "check"], ["pip", "install", "x"]]
"""


def test_contents_and_work(tests):
    made = tests.ask(files={"stead.toml": BASE})
    one = made.chosen[0]
    assert made.names == ["py311-unit", "py312-unit"]
    assert [str(r) for r in one.contents.packages.requirements] == [
        *("pypi pytest >=8", "pypi six", "python ==3.11.*"),
    ]
    assert one.work.commands[0].arguments == ("pytest", "-x", "-q")
    assert (one.work.timeout, one.work.retries, one.work.resources) == (300, 2, ("db",))
    assert (one.work.directory, one.work.allowlist) == (str(tests.root), None)
    assert [d.name for d in one.configuration.definitions] == ["MODE"]
    assert [(n, e.default) for n, e in made.by_name.items()] == [
        *(("py311-unit", True), ("py312-unit", True), ("unit", False), ("lint", False)),
    ]
    assert made.suite.file == str(tests.root / "stead.toml")


def test_arguments_take_the_place_of_posargs(tests):
    made = tests.ask("unit", files={"stead.toml": BASE}, posargs=("-k", "a b"))
    assert made.chosen[0].work.commands[0].arguments == ("pytest", "-k", "a b", "-k", "a b")


def test_names_that_nobody_listed(tests):
    made = tests.ask("py310-unit-lint", "lint", files={"stead.toml": BASE})
    first, second = made.chosen
    assert first.interpreter.version == "3.10.1"
    assert [c.arguments[0] for c in first.work.commands] == ["pytest", "ruff", "pip"]
    assert first.work.commands[1].ignore_failure
    assert (first.default, second.contents.own) == (False, True)


def test_an_environment_without_commands(tests):
    with pytest.raises(ManifestError, match="py311 has nothing to run"):
        tests.ask("py311", files={"stead.toml": BASE})


def test_the_goal_of_a_layer_that_has_no_commands_itself_is_proposed(tests):
    text = "[layer.etl]\n[layer.etl-test]\ninherits = ['etl']\ncommands = [['pytest']]\n"
    with pytest.raises(ManifestError, match="etl has nothing to run") as caught:
        tests.ask("etl", files={"stead.toml": text})
    assert caught.value.remedy == "did you mean etl-test?"


def test_without_a_list_every_layer_with_commands_runs(tests):
    text = BASE.replace('[test]\nenvironments = "py3{11,12}-unit"\n', "")
    assert tests.ask(files={"stead.toml": text}).names == ["unit", "lint"]


def test_other_platforms_are_skipped_with_the_reason(tests):
    text = BASE.replace('"py3{11,12}-unit"', '["osx-unit", "linux-unit"]')
    made = tests.ask(files={"stead.toml": text})
    assert [bool(one.skip) for one in made.chosen] == [True, False]
    assert "darwin" in made.chosen[0].skip
    assert made.plan().cells[0].skip == made.chosen[0].skip


def test_a_missing_interpreter_is_named(tests):
    made = tests.ask("py39-unit", files={"stead.toml": BASE})
    assert made.chosen[0].missing == "Python ==3.9.*"
    assert made.plan().cells[0].skip == "no interpreter answers Python ==3.9.*"


def test_conda_packages_make_a_conda_environment(tests):
    text = (
        BASE + '[layer.native]\ncommands = [["true"]]\n[layer.native.packages.conda]\nzlib = "*"\n'
    )
    made = tests.ask("native", files={"stead.toml": text})
    assert (made.chosen[0].kind, made.chosen[0].interpreter) == ("conda", None)


def test_one_wheel_serves_both_kinds_of_one_version(tests):
    text = """\
[package.wheel]
[test]
environments = "{py311,py312}-{venv,conda}-unit"
[layer.unit]
commands = [["pytest"]]
"""
    made = tests.ask(files={"stead.toml": text})
    assert [(b.key, len(b.serves)) for b in made.plan().builds] == [
        *(("wheel-cpython311", 2), ("wheel-cpython312", 2)),
    ]


def test_layers_win_over_tox_files_beside_them(tests):
    made = tests.ask(files={"stead.toml": BASE, "tox.ini": "[tox]\nenvlist = a\n"})
    assert made.suite.source == "layers"
    made = tests.ask(files={"stead.toml": "[packages.pypi]\nsix = '*'\n"})
    assert made.suite.source == "tox"


def test_the_nearer_directory_counts(tests):
    files = {"stead.toml": BASE, "sub/tox.ini": "[tox]\nenvlist = a\n"}
    made = tests.ask(files=files, directory=str(tests.root / "sub"))
    assert (made.suite.source, made.suite.root) == ("tox", str(tests.root / "sub"))


def test_tables_in_pyproject(tests):
    text = "[tool.stead.layer.unit]\ncommands = [['pytest']]\n"
    made = tests.ask(files={"pyproject.toml": text})
    assert made.names == ["unit"]
    assert made.suite.file == str(tests.root / "pyproject.toml")


def test_files_that_are_layers_by_their_name(tests):
    text = "[layer.unit]\ncommands = [['pytest']]\n"
    made = tests.ask(files={"stead.toml": text, "requirements-unit.txt": "attrs\n"})
    assert [str(r) for r in made.chosen[0].contents.packages.requirements] == ["pypi attrs"]
    made = tests.ask("unit-{a,b}", files={"requirements-a.txt": "six\n", "requirements-b.txt": ""})
    assert [len(one.contents.packages.requirements) for one in made.chosen] == [2, 1]


def test_only_some_packages_or_none(tests):
    text = "[package.wheel]\n[package.sdist]\n[layer.unit]\ncommands = [['pytest']]\n"
    made = tests.ask(files={"stead.toml": text})
    assert [c.label for c in made.plan().cells] == ["(wheel) unit", "(sdist) unit"]
    made = tests.ask(packages=("sdist",))
    assert [c.label for c in made.plan().cells] == ["(sdist) unit"]
    with pytest.raises(ManifestError, match="no package whel is defined") as caught:
        tests.ask(packages=("whel",)).plan()
    assert caught.value.remedy == "did you mean wheel?"
    made = tests.ask(packages=(), no_packages=True)
    assert [c.label for c in made.plan().cells] == ["unit"]


def test_commands_know_where_they_stand(tests):
    one = tests.ask("lint", files={"stead.toml": BASE}).chosen[0]
    assert [str(c.origin) for c in one.work.commands] == [f"{tests.root}/stead.toml:15"] * 2


def test_a_list_with_environments_that_nobody_described(tests):
    text = BASE.replace('"py3{11,12}-unit"', '"py311-unti, unit, py312"')
    made = tests.ask(files={"stead.toml": text}, whole=False)
    assert {n: one.wrong for n, one in made.by_name.items() if one.wrong} == {
        "py311-unti": f"{tests.root}/stead.toml:4: the environment py311-unti has nothing to run:"
        " no layer is called unti (did you mean unit?)",
        "py312": f"{tests.root}/stead.toml:4: the environment py312 has nothing to run: none of its"
        " layers has commands (give one of its layers commands = [[…]])",
    }


def test_braces_that_are_meant(tests):
    words = r"""commands = [['sh', '-c', '\{x\} ${y} {{z}} {} {jobs}']]"""
    one = tests.ask(files={"stead.toml": f"[layer.a]\n{words}\n"}).chosen[0]
    assert one.work.commands[0].arguments[2] == "{x} ${y} {{z}} {} {jobs}"


def test_depends_on_what_is_not_there(tests):
    text = BASE + 'depends = ["py3{10,11}-unit", "un*",\n"unti"]\n'
    made = tests.ask(files={"stead.toml": text}, whole=False)
    assert made.by_name["lint"].wrong == (
        f"{tests.root}/stead.toml:16: lint waits for unti, which is no environment"
        " (did you mean unit?)"
    )
    with pytest.raises(ManifestError, match="waits for unti"):
        tests.ask("lint")


def test_a_package_that_nobody_defined_is_named_where_it_is_asked_for(tests):
    text = "[package.wheel]\n[layer.a]\ncommands = [['x']]\n[layer.b]\npackage = 'whl'\n"
    tests.ask("a-b", files={"stead.toml": text}, whole=False)
    with pytest.raises(ManifestError, match="asks for the package whl") as caught:
        tests.plan()
    assert str(caught.value.where) == f"{tests.root}/stead.toml:5"

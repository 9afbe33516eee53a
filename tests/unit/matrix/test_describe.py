"""A directory's tests as a suite."""

from __future__ import annotations

import pytest

from stead.values.errors import ManifestError

TOX = """\
[tox]
env_list = py3{11,12}, lint
[testenv]
package = wheel
deps = pytest
commands = pytest {posargs}
[testenv:lint]
skip_install = true
deps = ruff
commands = ruff check
"""
LAYERS = """\
[package.wheel]
[test]
environments = "{py310,py311,py312}-{venv,conda}"
[layer.py310]
labels = ["old"]
[layer.py311]
[layer.py312]
[layer.venv]
commands = [["pytest", "{posargs:-q}"]]
[layer.conda]
commands = [["pytest"]]
"""


def test_a_tox_project_is_a_suite(tests):
    made = tests.ask(files={"tox.ini": TOX, "pyproject.toml": ""})
    assert made.suite.source == "tox"
    assert made.names == ["py311", "py312", "lint"]
    first = made.chosen[0]
    assert first.interpreter.version == "3.11.1"
    assert [str(r) for r in first.contents.packages.requirements] == ["pypi pytest", "pypi pip"]
    assert [c.arguments for c in first.work.commands] == [("pytest",)]
    assert first.prefix == str(tests.root / ".tox" / "py311")
    assert [c.label for c in made.plan().cells] == ["py311", "py312", "lint"]
    assert [b.key for b in made.plan().builds] == ["wheel-cpython311", "wheel-cpython312"]


def test_layers_are_a_suite(tests):
    made = tests.ask(files={"stead.toml": LAYERS})
    assert made.suite.source == "layers"
    assert [(one.name, one.kind) for one in made.chosen] == [
        *(("py310-venv", "venv"), ("py310-conda", "conda"), ("py311-venv", "venv")),
        *(("py311-conda", "conda"), ("py312-venv", "venv"), ("py312-conda", "conda")),
    ]
    assert [one.interpreter and one.interpreter.version for one in made.chosen] == [
        *("3.10.1", None, "3.11.1", None, "3.12.1", None),
    ]
    assert made.chosen[0].labels == ("old",)
    asked = made.by_name["py312-conda"].contents.packages
    assert (asked.python_from, [r.spec for r in asked.of("python")]) == ("conda", ["==3.12.*"])
    assert made.chosen[0].work.commands[0].arguments == ("pytest", "-q")
    assert made.plan().cells[0].label == "(wheel) py310-venv"


def test_nothing_to_test(tests):
    with pytest.raises(ManifestError, match="nothing here says"):
        tests.ask(files={"stead.toml": "[packages.pypi]\n"})

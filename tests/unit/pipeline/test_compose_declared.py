"""Layers that mean something by their name mean it when they are written as well."""

from __future__ import annotations

import pytest

from stead.formats import stead_toml
from stead.pipeline.compose import compose
from stead.values.errors import ContradictionError
from stead.values.platform import Platform

TEXT = """\
[layer.py312.packages.pypi]
six = "*"
[layer.py311.packages]
python = ">=3.9"
[layer.conda.packages.pypi]
attrs = "*"
[layer.venv]
"""


def packages(environment):
    manifest = stead_toml.read("/w/stead.toml", lambda _: TEXT)
    return compose(
        [manifest],
        place="/w",
        root="/w",
        environment=environment,
        platform=Platform("linux-64"),
        module=lambda _: (),
    ).packages


def test_the_interpreter():
    assert [r.spec for r in packages("py312").of("python")] == ["==3.12.*"]
    assert [r.name for r in packages("py312").of("pypi")] == ["six"]
    assert [r.spec for r in packages("py310").of("python")] == ["==3.10.*"]


def test_unless_the_layer_says_otherwise():
    assert [r.spec for r in packages("py311").of("python")] == [">=3.9"]


def test_where_python_comes_from():
    assert packages("py312-conda").python_from == "conda"
    assert packages("py312-venv").python_from == "venv"
    with pytest.raises(ContradictionError, match="from conda and from venv"):
        packages("conda-venv")

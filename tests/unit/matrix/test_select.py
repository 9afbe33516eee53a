"""Which environments are chosen."""

from __future__ import annotations

import pytest

from stead.matrix.asking import Wanted
from stead.values.errors import UsageError

INI = """\
[tox]
envlist = py3{11,12}-{a,b}, lint
[testenv]
package = skip
labels =
    lint: quick
deps =
    extra: six
[testenv:docs]
labels = quick
[testenv:py310-only]
"""


@pytest.fixture
def choose(tests):
    def choose(*names, **more):
        return tests.ask(files={"tox.ini": INI}, wanted=Wanted(names, **more)).names

    return choose


def test_by_name_in_the_order_named(choose):
    assert choose("lint", "py311-b") == ["lint", "py311-b"]
    assert choose("py3{12,11}-a") == ["py312-a", "py311-a"]
    assert choose("lint,docs") == ["lint", "docs"]
    assert choose() == ["py311-a", "py311-b", "py312-a", "py312-b", "lint"]


def test_all(choose):
    assert choose("ALL") == [*choose(), "docs", "py310-only", "extra"]


@pytest.mark.parametrize(
    "name",
    [
        "py313-a",
        "py310-b-a",
        "3.12-a",
        "py313",
        "pypy310-extra",
        "a",
        "py3-b",
        "docs-a",
        "py3.11-a",
    ],
)
def test_names_that_can_be_made_of_factors(choose, name):
    assert choose(name) == [name]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("lnt", "did you mean lint?"),
        ("only", "see `stead test --list`"),
        ("py312-c", "did you mean py312-b?"),
        ("nothing-like-it", "see `stead test --list`"),
    ],
)
def test_names_that_mean_nothing(choose, name, remedy):
    with pytest.raises(UsageError, match=f"there is no environment {name}") as caught:
        choose(name)
    assert caught.value.remedy == remedy


def test_several_names_that_mean_nothing(choose):
    with pytest.raises(UsageError, match="no environments lnt, doc") as caught:
        choose("lnt", "lint", "doc")
    assert caught.value.remedy == "did you mean lint?; did you mean docs?"


def test_what_is_no_expression(choose):
    for text in ("{a", "a b", "!a"):
        with pytest.raises(UsageError, match="names no environments"):
            choose(text)


def test_by_label(choose):
    assert choose(labels=("quick",)) == ["lint", "docs"]
    with pytest.raises(UsageError, match="bears the label quik") as caught:
        choose(labels=("quik",))
    assert caught.value.remedy == "did you mean quick?"


def test_by_factors(choose):
    assert choose(factors=("py311",)) == ["py311-a", "py311-b"]
    assert choose(factors=("a-py311", "lint")) == ["py311-a", "lint"]
    with pytest.raises(UsageError, match="factors b-c"):
        choose(factors=("a", "b-c"))


def test_by_several_ways_at_once(choose):
    assert choose("py312-a", labels=("quick",), factors=("py311-b",)) == [
        *("py312-a", "lint", "docs", "py311-b"),
    ]


def test_leaving_out(choose):
    assert choose(skip="py311") == ["py312-a", "py312-b", "lint"]
    assert choose(skip=".*-a") == ["py311-b", "py312-b", "lint"]
    assert choose("lint", skip="l") == []
    with pytest.raises(UsageError, match="not a regular expression"):
        choose(skip="(")

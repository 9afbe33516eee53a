"""Factor expressions: what they expand to and for whom they hold."""

from __future__ import annotations

import pytest

from stead.values.errors import ManifestError
from stead.values.factors import Conditional, expand, factors_of, machine_factor, mentioned


@pytest.mark.parametrize(
    ("text", "environments"),
    [
        ("py", ["py"]),
        ("py310, py311,", ["py310", "py311"]),
        ("py{310,311}-{a,b}", ["py310-a", "py310-b", "py311-a", "py311-b"]),
        ("py3{9-12}", ["py39", "py310", "py311", "py312"]),
        ("py3{12-9}", ["py312", "py311", "py310", "py39"]),
        ("py3{13-}", ["py313", "py314", "py315"]),
        ("py3{-12}", ["py311", "py312"]),
        ("py3{9, 11-12 ,13}", ["py39", "py311-12", "py313"]),
        ("py-django-4-2,x", ["py-django-4-2", "x"]),
        ("{py310,py311}-{,cov}", ["py310-", "py310-cov", "py311-", "py311-cov"]),
        ("py {310,311} -x", ["py310-x", "py311-x"]),
        ("{py3{10,11},lint}-a", ["py310-a", "py311-a", "lint-a"]),
        ("a{b,{c,d}{e,f}}", ["ab", "ace", "acf", "ade", "adf"]),
        ("a\nb,a", ["a", "b"]),
    ],
)
def test_expanding(text, environments):
    assert list(expand(text)) == environments


@pytest.mark.parametrize("text", ["{a", "a}", "{}", "a b", "{a,b}}", "py{310,\n311}", "a;b"])
def test_what_is_no_expression_is_refused_with_its_text(text):
    with pytest.raises(ManifestError, match="is not a factor expression"):
        expand(text)


LINES = """pytest
py310: a
py311,!django-x: b
{py310,py312}-django: c
!py310: d
x86_64: e
darwin: f
url: https://example.org: kept
"""


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        ("py310", ["pytest", "a", "e"]),
        ("py310-django", ["pytest", "a", "c", "e"]),
        ("py311", ["pytest", "b", "d", "e"]),
        ("x", ["pytest", "b", "d", "e"]),
        ("url", ["pytest", "d", "e", "https://example.org: kept"]),
        ("py312-django-arm64", ["pytest", "c", "d"]),
    ],
)
def test_narrowing(environment, lines):
    held = factors_of(environment, "linux", "AMD64")
    assert Conditional(LINES).narrow(held).split("\n") == lines


def test_a_continued_line_shares_the_fate_of_the_first():
    text = "a: one \\\n  two\nthree \\\nb: four\nfive"
    assert Conditional(text).narrow(frozenset("a")) == "one \\\n  two\nthree \\\nfive"
    assert Conditional(text).narrow(frozenset("b")) == "three \\\nfour\nfive"


def test_conditions_mention_environments():
    assert list(mentioned("x\npy{310,311}-!a: y\nz: w")) == ["py310-a", "py311-a", "z"]


def test_architectures_have_one_name():
    assert [machine_factor(m) for m in ("AMD64", "aarch64", "i686", "mips")] == [
        *("x86_64", "arm64", "x86", "mips")
    ]

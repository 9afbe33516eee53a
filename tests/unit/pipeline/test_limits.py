"""What of a request stays when another version is taken up."""

from __future__ import annotations

import pytest

from stead.pipeline.limits import bounded, build_of
from stead.values.requirement import Requirement


@pytest.mark.parametrize(
    ("ecosystem", "spec", "version", "written"),
    [
        ("pypi", "", "1.5", ">=1.5"),
        ("pypi", ">=1,<2,!=1.6", "1.5+cpu", ">=1.5,!=1.6,<2"),
        ("pypi", "<1.5", "1.5", ">=1.5"),
        ("pypi", "~=1.2", "1.5", ">=1.5,~=1.2"),
        ("pypi", "==1.*", "1.5", ">=1.5,==1.*"),
        ("pypi", "==1.5", "1.5", "==1.5"),
        ("pypi", "==1.4", "1.5", ">=1.5"),
        ("conda", "", "1.5", ">=1.5"),
        ("conda", "*", "1.5", ">=1.5"),
        ("conda", ">=1,<2", "1.5", ">=1.5,<2"),
        ("conda", "<2", "2.1", ">=2.1"),
        ("conda", ">1.0,<2.0a0,!=1.6", "1.5", ">=1.5,<2.0a0,!=1.6"),
        ("conda", "1.*", "1.5", ">=1.5,1.*"),
        ("conda", "=1.5", "1.5.2", ">=1.5.2,1.5.*"),
        ("conda", "~=1.2", "1.5", ">=1.5,~=1.2"),
        ("conda", "==1.5", "1.5", "==1.5"),
        ("conda", "1.5", "1.5", "1.5"),
        ("conda", "<1|>=1.2,<2", "1.5", ">=1.5,<2"),
        ("conda", "<2 py312*", "1.5", ">=1.5,<2"),
        ("conda", "<2[build_number=3]", "1.5", ">=1.5,<2"),
    ],
)
def test_versions(ecosystem, spec, version, written):
    assert bounded(version, Requirement(ecosystem, "p", spec)) == written


def test_of_what_was_not_asked_for():
    assert bounded("1.5", None) == ">=1.5"


@pytest.mark.parametrize(
    ("spec", "build"), [("<2", ""), ("<2 py312*", "py312*"), ("* cuda*", ""), ("", "")]
)
def test_builds(spec, build):
    record = "conda-meta/p-1.5-py312h1_0.json"
    assert build_of(record, Requirement("conda", "p", spec)) == build
    assert build_of("p-1.5.dist-info", Requirement("pypi", "p", ">=1")) == ""
    assert build_of(record, None) == ""

"""The free-threaded build of Python, as people ask for it in manifests."""

from __future__ import annotations

import pytest

from stead.ecosystems.conda.specs import match_spec
from stead.ecosystems.interpreters.request import parse
from stead.formats import _specs
from stead.formats.python_version import specifiers
from stead.pipeline.contradictions import check
from stead.pipeline.lock import plan
from stead.values.errors import ContradictionError, ManifestError
from stead.values.origin import Origin
from stead.values.requirement import PYTHON, Requirement
from stead.values.spec import PackagesSpec

WRITTEN = [
    ("3.13t", "==3.13.*t"),
    ("3.13.0t", "==3.13.0t"),
    ("3.14.0rc1t", "==3.14.0rc1t"),
]


@pytest.mark.parametrize(("text", "meant"), [*WRITTEN, ("==3.13.*t", "==3.13.*t")])
def test_in_a_manifest(text, meant):
    assert _specs.python(text) == meant
    assert _specs.python(meant) == meant  # as it is written again
    assert parse(meant).threading == "t"


@pytest.mark.parametrize(("text", "meant"), WRITTEN)
def test_in_a_version_file(text, meant):
    assert specifiers(text, Origin("/p/.python-version", 1)) == meant


@pytest.mark.parametrize("text", ["t", "x3.13t", "3.13tt", "3.13 t", ">=3.13,t"])
def test_what_is_no_such_request(text):
    with pytest.raises(_specs.SpecError):
        _specs.python(text)
    with pytest.raises(ManifestError):
        specifiers(text, Origin("/p/.python-version", 1))


def packages(*specs, **more):
    asked = tuple(
        Requirement(PYTHON, PYTHON, spec, origin=Origin("/p/stead.toml", n))
        for n, spec in enumerate(specs, 1)
    )
    return PackagesSpec(requirements=asked, **more)


def test_the_other_requests_hold_beside_it():
    check(packages("==3.13.*t", ">=3.10"))
    with pytest.raises(ContradictionError, match=r"3\.13"):
        check(packages("==3.13.*t", "==3.12.*"))


def test_an_outside_interpreter_is_asked_for_as_it_was_written():
    outside = plan(packages("==3.13.*t", ">=3.10"), has_code=False).outside_python
    assert outside is not None
    asked = parse(f"{outside},==3.13.*")
    assert asked.accepts("3.13.0", "cp313t")
    assert not asked.accepts("3.13.0", "cp313")


def test_conda_is_asked_for_the_build_of_that_name():
    (asked,) = (
        r for r in plan(packages("==3.13.*t", python_from="conda"), has_code=False).conda if r.spec
    )
    matched = match_spec(asked)
    assert "cp313t" in str(matched)
    assert "3.13" in str(matched)

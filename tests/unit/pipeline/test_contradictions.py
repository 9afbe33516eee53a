"""Which specifiers certainly exclude each other, and what is said of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from stead.pipeline.contradictions import check, excludes_all
from stead.values.errors import ContradictionError
from stead.values.origin import Origin
from stead.values.requirement import PYTHON, Requirement, Source
from stead.values.spec import PackagesSpec


@pytest.mark.parametrize(
    ("specs", "empty"),
    [
        (["==3.11.*", "==3.12.*"], True),
        (["==3.11.*", ">=3.12"], True),
        (["==3.11.*", ">=3.11.5,<3.13"], False),
        (["<2", ">=2"], True),
        (["<=2", ">=2"], False),
        (["<2", ">2.dev0"], False),
        (["==2.*", "<2"], False),  # 2.dev0 … are below 2 and in its series
        (["~=2.2", ">=3"], True),
        (["~=2.2", ">=2.9"], False),
        (["~=2.2.1", ">=2.3"], True),
        (["==1.0", "==1"], False),
        (["==1.0", "==1.1"], True),
        (["==1.0+local", "<=1.0"], False),
        (["==1!1.*", "<2"], True),
        (["!=1", "==1"], False),  # not proven, so the solver's
        (["===1", "==2"], False),
        (["nonsense", "<1"], False),
        ([">1", ">2"], False),
    ],
)
def test_what_is_told(specs, empty):
    assert excludes_all(specs) is empty
    assert excludes_all(specs[::-1]) is empty


_NUMBERS = st.sampled_from(["0", "1", "1.0", "1.1", "1.2", "1.1.3", "2", "2.0", "1!1"])
_SUFFIXES = st.sampled_from(["", "a1", "rc1", ".post1", ".dev1"])
_VERSIONS = st.builds(str.__add__, _NUMBERS, _SUFFIXES)
_CLAUSES = st.one_of(
    st.builds(str.__add__, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), _VERSIONS),
    st.builds("=={}.*".format, _NUMBERS),
    st.builds("~={}.{}".format, _NUMBERS, st.sampled_from(["0", "1", "1rc1", "1.post1"])),
)


@given(st.lists(_CLAUSES, min_size=1, max_size=4), _VERSIONS, st.sampled_from(["", "+local"]))
def test_never_where_a_version_is_left(clauses, version, local):
    if all(SpecifierSet(c).contains(version + local, prereleases=True) for c in clauses):
        assert not excludes_all(clauses)


def asked(ecosystem, name, spec, line, **rest):
    return Requirement(ecosystem, name, spec, origin=Origin(f"/w/{line}.toml", line), **rest)


def test_both_places_are_shown():
    first = asked(PYTHON, PYTHON, "==3.11.*", 1)
    second = asked(PYTHON, PYTHON, "==3.12.*", 2)
    with pytest.raises(ContradictionError) as caught:
        check(PackagesSpec((first, second)))
    said = str(caught.value)
    assert "/w/1.toml:1: python ==3.11.*" in said
    assert "/w/2.toml:2: python ==3.12.*" in said
    assert "→" in said


def test_what_does_not_always_apply_is_the_solvers():
    old = asked("pypi", "leaf", "<2", 1)
    check(PackagesSpec((old, asked("pypi", "leaf", ">=2", 2, marker="sys_platform == 'win32'"))))
    check(PackagesSpec((old, asked("pypi", "leaf", "", 2, source=Source("path", "/leaf")))))
    check(PackagesSpec((old,), constraints=(asked("pypi", "other", ">=2", 2),)))
    with pytest.raises(ContradictionError):
        check(PackagesSpec((old,), constraints=(asked("pypi", "leaf", ">=2", 2),)))

"""Requests for an interpreter."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stead.ecosystems.interpreters.request import is_prerelease, key, parse
from stead.values.errors import InterpreterError

minors = st.integers(6, 15).map(lambda n: f"3.{n}")
releases = st.tuples(minors, st.integers(0, 20)).map(lambda p: f"{p[0]}.{p[1]}")
versions = st.one_of(
    releases,
    st.tuples(minors, st.sampled_from(["a", "b", "rc"]), st.integers(0, 5)).map(
        lambda p: f"{p[0]}.0{p[1]}{p[2]}"
    ),
)
specifiers = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.one_of(minors, versions)).map(
        "".join
    ),
    st.tuples(st.sampled_from(["==", "!="]), st.one_of(minors, st.just("3")), st.just(".*")).map(
        "".join
    ),
    st.tuples(st.just("~="), st.one_of(minors, releases)).map("".join),
)


@given(st.lists(specifiers, min_size=1, max_size=3), versions)
def test_specifiers_mean_what_packaging_says(clauses, version):
    expected = SpecifierSet(",".join(clauses)).contains(version, prereleases=True)
    assert parse(",".join(clauses)).accepts(version, "cp312") is expected


@given(st.lists(specifiers, min_size=1, max_size=3), versions)
def test_a_version_that_fits_is_never_ruled_out_by_its_minor(clauses, version):
    request = parse(",".join(clauses))
    assume(request.accepts(version, "cp312"))
    assert request.may_accept(".".join(version.split(".")[:2]))


@given(versions, versions)
def test_keys_sort_as_versions_do(one, other):
    assert (key(one) < key(other)) is (Version(one) < Version(other))
    assert is_prerelease(one) is Version(one).is_prerelease


@pytest.mark.parametrize(
    ("request_", "yes", "no"),
    [
        ("", ["3.6.15", "3.13.0", "3.14.0rc1"], []),
        ("*", ["3.12.1"], []),
        ("3", ["3.6.15", "3.13.0"], []),
        ("3.12", ["3.12.0", "3.12.99", "3.12.0rc1"], ["3.1.2", "3.11.9", "3.13.0"]),
        ("3.12.*", ["3.12.7"], ["3.13.0"]),
        ("3.12.1", ["3.12.1"], ["3.12.10", "3.12.0"]),
        ("3.14.0rc2", ["3.14.0rc2"], ["3.14.0rc1", "3.14.0"]),
        ("=3.12", ["3.12.4"], ["3.13.0"]),
        (">=3.10.*", ["3.10.0", "3.13.0"], ["3.9.18"]),
        (">=3.10 , <3.13", ["3.10.13", "3.12.1"], ["3.9.18", "3.13.0"]),
        (" 3.12\n", ["3.12.1"], ["3.11.1"]),
        ("python3.12", ["3.12.1"], ["3.11.1"]),
        ("cpython@3.12", ["3.12.1"], ["3.11.1"]),
        ("py312", ["3.12.1"], ["3.11.1"]),
        ("cp39", ["3.9.1"], ["3.12.1"]),
        ("===3.12.1", ["3.12.1"], ["3.12.2"]),
    ],
)
def test_ways_to_write_a_request(request_, yes, no):
    request = parse(request_)
    assert [v for v in yes if not request.accepts(v, "cp312")] == []
    assert [v for v in no if request.accepts(v, "cp312")] == []


@pytest.mark.parametrize(
    ("request_", "tag", "accepted"),
    [
        ("3.13", "cp313", True),
        ("3.13", "cp313t", False),
        ("3.13t", "cp313t", True),
        ("3.13t", "cp313td", True),
        ("3.13t", "cp313", False),
        ("==3.13.*t", "cp313t", True),
        ("py313t", "cp313t", True),
        ("==3.13.*t,==3.13.*", "cp313t", True),
        ("==3.13.*t,>=3.10", "cp313", False),
        ("==3.13.0t", "cp313t", True),
        ("==3.13.1t", "cp313t", False),
        ("3.13", "cp313d", True),
        ("3.13", "pp313", False),
        ("pypy3.13", "pp313", True),
        ("pypy", "pp313", True),
        ("pypy3.13", "cp313", False),
        ("pypy@3.13", "graalpy313", False),
        ("graalpy3.13", "graalpy313", True),
    ],
)
def test_builds_and_implementations(request_, tag, accepted):
    assert parse(request_).accepts("3.13.0", tag) is accepted


@pytest.mark.parametrize("path", ["/usr/bin/python3", "~/bin/python", "C:\\Python\\python.exe"])
def test_paths(path):
    assert parse(path).path == path


def test_a_compatible_release_is_no_path():
    assert parse("~=3.9").clauses == ("~=3.9",)


@pytest.mark.parametrize(
    "request_", ["x", "3.x", ">>3", "3.12,latest", "../python", "3.12;", "== 3 . 12", "\0", "3..1"]
)
def test_what_is_no_request_is_an_error_with_a_remedy(request_):
    with pytest.raises(InterpreterError) as caught:
        parse(request_)
    assert repr(request_) in caught.value.message
    assert caught.value.remedy


@given(st.text(max_size=12))
def test_any_text_is_a_request_or_an_error(text):
    try:
        request = parse(text)
    except InterpreterError:
        return
    assert request.accepts("3.12.1", "cp312") in (True, False)
    assert request.may_accept("3.12") in (True, False)

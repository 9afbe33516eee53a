"""Names, digests, platforms and the meaning of changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.values.activation import Change, apply
from stead.values.digest import canonical, digest, short_key
from stead.values.errors import SteadError, UsageError
from stead.values.names import (
    is_environment_name,
    nearest,
    normalize_pypi,
    split_layers,
)
from stead.values.origin import Origin
from stead.values.platform import platform_named, platform_of
from stead.values.requirement import Requirement

entries = st.lists(st.sampled_from(["/a", "/b", "/c", ""]), max_size=5)


@given(entries, st.sampled_from(["prepend", "append"]))
def test_adding_to_a_list_twice_is_adding_once(held, kind):
    changes = [Change(kind, "PATH", "/a")]
    once = apply(changes, {"PATH": ":".join(held)})
    assert apply(changes, once) == once
    found = once["PATH"].split(":")
    assert found.count("/a") == 1
    assert found[0 if kind == "prepend" else -1] == "/a"
    assert [e for e in held if e != "/a"] == [e for e in found if e != "/a"] or held in ([], [""])


def test_changes_are_applied_in_order():
    changes = [
        Change("set", "A", "1"),
        Change("default", "A", "2"),
        Change("default", "B", "2"),
        Change("unset", "C"),
        Change("prepend", "L", "x", ";"),
    ]
    assert apply(changes, {"C": "c", "L": "y"}) == {"A": "1", "B": "2", "L": "x;y"}


def test_default_keeps_what_is_set_even_if_empty():
    assert apply([Change("default", "A", "2")], {"A": ""}) == {"A": ""}


@pytest.mark.parametrize(
    ("name", "declared", "layers"),
    [
        ("default", [], ()),
        ("", [], ()),
        ("test", ["test"], ("test",)),
        ("py312-dev-tools", ["dev", "tools", "dev-tools"], ("py312", "dev-tools")),
        ("a-b-c", ["a-b", "b-c"], ("a-b", "c")),
        ("x-y", [], ("x", "y")),
    ],
)
def test_longest_declared_layer_wins(name, declared, layers):
    assert split_layers(name, declared) == layers


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "-e", ".hidden", "a b", "x" * 101, "a\n"]
)
def test_what_cannot_be_part_of_a_path_names_no_environment(name):
    assert not is_environment_name(name)


def test_names_are_normalised_as_pep_503_says():
    assert normalize_pypi("Foo__Bar.-baz") == "foo-bar-baz"
    assert nearest("pacakges", ["packages", "paths"]) == "packages"
    assert nearest("zzz", ["packages"]) is None


def test_digest_leaves_out_where_things_stand():
    one = Requirement("pypi", "a", origin=Origin("x", 1))
    two = Requirement("pypi", "a", origin=Origin("y", 2))
    assert digest(one) == digest(two)
    assert digest(one) != digest(Requirement("pypi", "b"))


def test_canonical_form_is_stable():
    assert canonical({"b": (1, None), "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()
    assert len(short_key("x")) == 20


@pytest.mark.parametrize(
    ("name", "family", "directory", "separator"),
    [
        ("linux-64", "linux", "bin", ":"),
        ("osx-arm64", "osx", "bin", ":"),
        ("win-64", "windows", "Scripts", ";"),
    ],
)
def test_platforms_say_what_follows_from_them(name, family, directory, separator):
    platform = platform_named(name)
    assert (platform.family, platform.bin_directory, platform.path_separator) == (
        family,
        directory,
        separator,
    )
    markers = platform.marker_environment("3.12.4")
    assert markers["python_version"] == "3.12"
    assert markers["sys_platform"] == platform.sys_platform


def test_machines_are_named():
    assert platform_of("darwin", "arm64").name == "osx-arm64"
    assert platform_of("win32", "AMD64").name == "win-64"
    with pytest.raises(UsageError, match="sunos5"):
        platform_of("sunos5", "sparc")
    with pytest.raises(UsageError, match="plan-9"):
        platform_named("plan-9")


def test_an_error_says_what_where_and_what_to_do():
    error = SteadError("it broke", where=Origin("f", 3), details=["because"], remedy="mend it")
    assert str(error) == "f:3: it broke\n  because\n  → mend it"
    assert str(SteadError()) == "Something went wrong."

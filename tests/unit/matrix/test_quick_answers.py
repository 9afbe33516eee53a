"""What is answered without the library that knows all cases agrees with it."""

from __future__ import annotations

import fnmatch
import os
import shutil
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from stead.formats import requires_python
from stead.matrix.building import _matches
from stead.matrix.commands import _which
from stead.matrix.fitting import admits

NUMBER = st.integers(0, 13).map(str)
RELEASE = st.lists(NUMBER, min_size=1, max_size=4).map(".".join)
VERSION = st.builds(
    "{}.{}.{}{}".format,
    st.sampled_from((3, 2)),
    st.integers(0, 14),
    st.integers(0, 4),
    st.sampled_from(("", "", "", "a1", "b2", "rc1", "+", "+local")),
)
CLAUSE = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(("<", ">", "<=", ">=", "==", "!=", "~=", "===", "=", "", "~", "=>")),
    st.sampled_from(("", " ")),
    st.one_of(RELEASE, st.builds("3.{}".format, st.integers(6, 14)), st.just("3.12rc1")),
    st.sampled_from(("", "", ".*")),
)
SPECIFIERS = st.lists(CLAUSE, max_size=3).flatmap(
    lambda clauses: st.sampled_from((",", ", ", " ,")).map(lambda comma: comma.join(clauses))
)


def by_packaging(specifiers: str, version: str) -> bool | None:
    try:
        return SpecifierSet(specifiers).contains(version, prereleases=True)
    except InvalidSpecifier:
        return None


@given(SPECIFIERS, VERSION.filter(lambda version: not version.endswith("+")))
def test_versions_are_admitted_as_packaging_has_it(specifiers, version):
    assert admits(specifiers, version) == by_packaging(specifiers, version)


@pytest.mark.parametrize(
    ("specifiers", "version", "holds"),
    [
        (">=3.8", "3.12.1", True),
        (">=3.8,<3.12", "3.12.0", False),
        ("!=3.9.*,>=3.8", "3.9.18", False),
        ("~=3.8", "3.13.0", True),
        ("~=3.8.0", "3.9.0", False),
        (">=3.13", "3.13.0rc1", False),
        ("", "3.6.0", True),
        ("3.8", "3.8.0", None),
    ],
)
def test_known_specifiers(specifiers, version, holds):
    assert admits(specifiers, version) is holds


LINES = st.lists(
    st.sampled_from(
        (
            "[project]", "[project] # it", "[ project ]", "[tool.other]", "[[project.more]]",
            'requires-python = ">=3.8"', "requires-python='>=3.9'  # so", 'name = "a"',
            'requires-python = ">=3.8\\u002c"', '"requires-python" = "a"', "requires-python = 3",
            'text = """', '"""', "text = '''", "'''", "items = [", '"[project]",', "[1, 2],", "]",
            "# requires-python = 'no'", 'requires-python = ""', 'x = "a\x0b[project]"',
        )
    ),
    max_size=8,
)  # fmt: skip


@given(LINES)
def test_a_plain_line_says_what_a_reader_of_toml_finds(lines):
    text = "\n".join(lines)
    try:
        wanted = tomllib.loads(text).get("project", {}).get("requires-python", "")
    except (tomllib.TOMLDecodeError, AttributeError):
        return
    if "[project]" in text:
        found = requires_python.stated("/there", lambda _: text)
        assert found == (wanted if isinstance(wanted, str) else "")


@given(st.text("AB_*?[]", max_size=6), st.text("AB_*?[]!", max_size=6))
def test_names_match_as_fnmatch_has_it(name, pattern):
    assert _matches(name, pattern) == fnmatch.fnmatchcase(name, pattern)


@pytest.mark.parametrize("name", ["tool", "plain", "inner", "gone", "./one/tool", "/", ""])
def test_programs_are_found_as_the_standard_library_finds_them(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for directory, mode in (("one", 0o755), ("two", 0o755)):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "tool").write_text("")
        (tmp_path / directory / "tool").chmod(mode)
    (tmp_path / "one" / "plain").write_text("")
    (tmp_path / "one" / "inner").mkdir()
    for path in ("one:two", "two::one", f"{tmp_path}/gone:{tmp_path}/one"):
        found = _which(name, path)
        assert found == shutil.which(name, path=path)
        assert found is None or os.path.exists(found)

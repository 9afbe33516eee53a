from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.store.layout import LONGEST_COMPONENT, Layout, build_names, component, key_of

if TYPE_CHECKING:
    from pathlib import Path

KEY = "abcdefghij234567abcd"


@given(st.text())
def test_any_name_gives_one_short_safe_component(name: str) -> None:
    given_name = component(KEY, name)

    assert len(given_name) <= LONGEST_COMPONENT
    assert key_of(given_name) == KEY
    assert not set(given_name) & set("/\\: \"'$`\n\0")
    assert not given_name.endswith((".", "-"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scans", f"{KEY}-scans"),
        ("two words", f"{KEY}-two-words"),
        ("../../etc", f"{KEY}-etc"),
        ("", f"{KEY}-env"),
        ("ä", f"{KEY}-env"),
        ("x" * 100, f"{KEY}-{'x' * 39}"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert component(KEY, name) == expected


@pytest.mark.parametrize(
    "name",
    [".tmp-abcdefghij234567abcd-12ab", "README", KEY, KEY + "-", KEY + "-a b", "A" * 20 + "-x"],
)
def test_what_is_no_build(name: str) -> None:
    assert key_of(name) is None


def test_builds_are_listed_and_nothing_else(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert build_names(layout) == []

    for name in (f"{KEY}-b", f"{KEY}-a", ".tmp-x", ".removed-x", "notes.txt"):
        (layout.store / name).mkdir(parents=True)

    assert build_names(layout) == [f"{KEY}-a", f"{KEY}-b"]
    assert layout.build_directory(KEY, "a") == tmp_path / "store" / f"{KEY}-a"

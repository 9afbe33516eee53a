from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats.merging_lines import merge

LINES = st.lists(st.sampled_from(["a = 1", "b = 2", "c = 3", "", "[t]"]), max_size=8)
TEXT = LINES.map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(TEXT, TEXT)
def test_what_only_one_side_changed_is_taken(base: str, other: str) -> None:
    assert merge(base, base, other) == (other, ())
    assert merge(base, other, base) == (other, ())
    assert merge(base, other, other) == (other, ())


@given(TEXT, TEXT, TEXT)
def test_a_conflict_leaves_mine(base: str, mine: str, theirs: str) -> None:
    text, conflicts = merge(base, mine, theirs)
    assert not conflicts or text == mine


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        # next to each other
        ("a\nb\n", "a\nB\n", "b\n", "B\n"),
        ("a\nx\n", "a\nx\nu\n", "a\n", "a\nu\n"),
        ("a\nx\n", "a\nu\nx\n", "a\n", "a\nu\n"),
        # both at one point
        ("a\n", "a\nu\n", "a\nx\n", "a\nu\nx\n"),
        ("[v]\na\n", "[v]\na\nu\n", "[v]\na\n\n[w]\nx\n", "[v]\na\nu\n\n[w]\nx\n"),
        ("[v]\na\n", "[v]\na\n\n[w]\nu\n", "[v]\na\nx\n", "[v]\na\nx\n\n[w]\nu\n"),
        ("[v]\n", "[v]\n[w]\nu\n", "[v]\n[x]\nx\n", "[v]\n[w]\nu\n[x]\nx\n"),
        # the same on both sides, and more on one
        ("a\nb\nc\n", "b\nC\n", "b\nc\n", "b\nC\n"),
        ("a\r\nb\r\n", "a\r\nB\r\n", "A\r\nb\r\n", "A\r\nB\r\n"),
    ],
)
def test_both_are_kept(base: str, mine: str, theirs: str, expected: str) -> None:
    assert merge(base, mine, theirs) == (expected, ())


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "line"),
    [
        ("a\nb\n", "a\nB\n", "a\nX\n", 2),
        ("a\nb\n", "a\nB\n", "a\n", 2),
        ("a\nb\nc\n", "a\n", "a\nB\nc\n", 2),
        # where keys would come to belong to another table
        ("[v]\n", "[v]\nm\n[w]\nu\n", "[v]\nt\n[x]\nx\n", 2),
    ],
)
def test_a_true_conflict_names_its_line(base: str, mine: str, theirs: str, line: int) -> None:
    text, (conflict, *_) = merge(base, mine, theirs)
    assert text == mine
    assert conflict.line == line

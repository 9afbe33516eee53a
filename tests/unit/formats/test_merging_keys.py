from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats.merging_keys import merge_keys
from stead.formats.merging_lines import merge

KEYS = st.sampled_from(["a", "b", "c"])
TABLES = st.dictionaries(st.sampled_from(["v", "w"]), st.dictionaries(KEYS, st.integers(1, 3)))


def written(tables: dict[str, dict[str, int]]) -> str:
    return "".join(
        f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
        for name, keys in tables.items()
    )


@given(TABLES, TABLES, TABLES)
def test_each_key_is_as_whoever_changed_it_has_it(base, mine, theirs) -> None:
    text = merge_keys(written(base), written(mine), written(theirs))
    merged = None if text is None else tomllib.loads(text)
    for table in {*base, *mine, *theirs}:
        for key in "abc":
            was, own, then = (t.get(table, {}).get(key) for t in (base, mine, theirs))
            if own not in (was, then) and then != was:
                assert merged is None
            elif merged is not None:
                assert merged.get(table, {}).get(key) == (own if then in (was, own) else then)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        # what is here is as it was then, but for one key
        ("A = 7\nC = 5\n", "A = 2\nC = 5\n", "A = 2\n", "A = 2\n"),
        (
            "[v]\na = 1\nb = 1\n",
            "[v]\na = 2 # mine\n",
            "[v]\na = 2\nb = 1\n",
            "[v]\na = 2 # mine\n",
        ),
        ("a = 1\r\nb = 1\r\n", "a = 2\r\nb = 1\r\n", "a = 2\r\n", "a = 2\r\n"),
        # a table that came
        ("a = 1\n", "a = 2\n", "a = 2\n[v]\nb = { c = 1 }\n", "a = 2\n\n[v]\nb = { c = 1 }\n"),
    ],
)
def test_what_lines_cannot_bring_together(base, mine, theirs, expected) -> None:
    assert merge_keys(base, mine, theirs) == expected


@pytest.mark.parametrize(
    ("base", "mine", "theirs"),
    [
        ("a = 1\n", "a = 2\n", "a = 3\n"),
        ("a = 1\n", "a = true\n", "a = 1.0\n"),
        ("a = 1\n", "a = 2\n", ""),
        ("a = 1\n", "a = \n", "a = 2\n"),
        ("[a]\nb = 1\n", "[a]\nb = 2\n", "a = 1\n"),
    ],
)
def test_what_contradicts_itself(base, mine, theirs) -> None:
    assert merge_keys(base, mine, theirs) is None


def test_a_conflict_shows_only_lines_that_differ() -> None:
    _, (conflict,) = merge("a\nb\n", "x\nc\n", "x\nd\n")
    assert conflict.apart == (("c\n",), ("d\n",))

"""Names with strings: what an opened file of secrets is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats.strings_toml import StringsError, put, read

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_what_is_put_is_read(table):
    text = ""
    for name, value in table.items():
        text = put(text, name, value)
    assert read(text) == table
    for name in table:
        text = put(text, name, "again")
    assert read(text) == dict.fromkeys(table, "again")


def test_all_else_stays_as_it_is():
    text = "# of the lab\na = 'x'   # comment\n\nb = '''\nlong\n'''\nc = \"z\""
    assert put(text, "b", "new") == text.replace("'''\nlong\n'''", '"new"') + "\n"
    assert put(text, "d", "new") == f'{text}\nd = "new"\n'
    assert put(text, "c.d", "new") == f'{text}\n"c.d" = "new"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = 1\nb = 'x'\nc = [1]", "a, c"),
        ("a = 'x'\nb = \nc = 'y'", "line 2"),
        ("[a]\nb = 'x'", "a"),
        ("hunter2", "TOML"),
    ],
)
def test_other_content_names_line_or_names_and_no_value(text, why):
    with pytest.raises(StringsError) as caught:
        read(text)
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None

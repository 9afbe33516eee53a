"""Globs over names."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from stead.server.database.globs import admits_name

FEW = st.text("ab.*?", max_size=8)
PLAIN = st.text("ab.\n", max_size=10)


@given(FEW, PLAIN)
@example("a*", "a\n")
@example("*a*ab", "aab")
@example("a.", "ab")
def test_a_star_is_any_text_and_a_question_mark_one_character(glob, name):
    signs = {"*": ".*", "?": "."}
    plain = "".join(signs.get(c) or re.escape(c) for c in glob)
    assert admits_name(glob, name) == bool(re.fullmatch(plain, name, re.DOTALL))


def test_many_stars_take_no_longer_than_they_are():
    # With a way back from each star this takes longer than the world will last.
    assert not admits_name("*a" * 100 + "*b", "a" * 200)
    assert admits_name("*a" * 100 + "*b", "a" * 200 + "b")

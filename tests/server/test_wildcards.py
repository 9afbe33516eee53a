"""Globs: what they match, whatever they look like."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from stead.server.wildcards import ANY, matches

SIGNS = {"*": ".*", "?": f"[^{ANY}]"}


@given(st.text("ab*?", max_size=8), st.text(f"ab{ANY}", max_size=8))
def test_a_glob_matches_what_its_expression_does(glob, text):
    expression = "".join(SIGNS.get(c) or re.escape(c) for c in glob)
    assert matches(glob, text) is (re.fullmatch(expression, text, re.DOTALL) is not None)


def test_a_glob_of_many_stars_is_matched_in_time():
    # An expression would try more ways than there are seconds.
    assert not matches("*a" * 100 + "*b", "a" * 250)
    assert matches("*a" * 100 + "*b", "a" * 250 + "b")

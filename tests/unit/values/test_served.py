"""Names of environments of a store server, and of their builds."""

from __future__ import annotations

import pytest

from stead.values.errors import UsageError
from stead.values.served import Served, parse


def test_names_are_read():
    assert parse("team/data-science_2.0+x") == Served("team", "data-science_2.0+x")
    assert parse("team/tools@12", build=True) == Served("team", "tools", 12)
    assert str(Served("team", "tools", 12)) == "team/tools@12"


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "team", "team/", "/tools", "a/b/c", "../tools", "team/..", "team/a..b"),
        *("team/.hidden", "-x/y", "team/a b", "team/a\nb", "te%61m/x", "team/x?y", "team/x#y"),
        *("tеam/tools", "team/tооls", "team/x\u200b", "team/" + "x" * 129, "team\\x/y"),
        *("team/x@1", "team/x@"),
    ],
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize("number", ["", "0", "-1", "1.0", "²", "٣", "1" * 11, "x", "1 "])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(UsageError):
        parse(f"team/x@{number}", build=True)


def test_look_alikes_are_named():
    with pytest.raises(UsageError, match="CYRILLIC SMALL LETTER IE"):
        parse("tеam/tools")

"""Text of unknown origin, made fit to be shown."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.matrix.reports import text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mtrue colour\x1b[m", "true colour"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://host/\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]8;;unfinished", ""),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1b(B\x1b[?25lcharset", "charset"),
        ("\x9b31mcsi of one byte", "csi of one byte"),
        ("10%\r 50%\r100%", "100%"),
        ("windows\r\n", "windows"),
        ("bell\x07 back\x08 null\x00", "bell back null"),
        ("a\tb", "a   b"),
        ("two\nlines", "two lines"),
        ("evil \u202etxt.exe", "evil txt.exe"),
        ("lone \udc80", "lone \ufffd"),
        ("", ""),
        ("\x1b", ""),
    ],
)
def test_one_line(said, shown):
    assert text.one_line(said) == shown


def test_a_line_of_many_megabytes_costs_little():
    assert len(text.one_line("\x1b[31m" + "x" * 50_000_000)) <= 4000


@given(st.text())
def test_one_line_has_no_controls(said):
    shown = text.one_line(said)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    shown.encode()


@given(st.text())
def test_escaped_text_is_read_back_as_it_was_but_for_controls(said):
    element = ET.fromstring(f"<a b='{text.attribute(said)}'>{text.xml(said)}</a>")
    assert (element.text or "") == element.get("b")
    kept = "".join(c for c in text.page(said) if c in "\t\n" or " " <= c <= "~")
    assert "".join(c for c in element.text or "" if c in "\t\n" or " " <= c <= "~") == kept


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800", "\ufdd0"])
def test_what_xml_does_not_admit_is_not_in_it(bad):
    assert bad not in text.xml(f"a{bad}b")


@pytest.mark.parametrize(
    ("said", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly", 7, "exactly"),
        ("too long", 5, "too …"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("anything", 1, "…"),
        ("anything", 0, ""),
        ("anything", None, "anything"),
    ],
)
def test_cut(said, width, shown):
    assert text.cut(said, width) == shown


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])), st.integers(0, 30))
def test_what_is_cut_is_never_too_wide_and_padding_is_exact(said, width):
    assert text.columns(text.cut(said, width)) <= width
    assert text.columns(text.pad(said, width)) == width

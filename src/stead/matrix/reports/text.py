"""Text that somebody's program wrote, made fit to be shown: one line, a page, XML."""

from __future__ import annotations

from stead.values.patterns import regex

_ESCAPES = regex(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
"""Control sequences of a terminal (ECMA-48): CSI, OSC, other strings, and short ones."""

_CONTROL = regex(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that change the direction of writing."""

_NOT_XML = regex("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not admit or advises against."""

_SURROGATES = regex("[\ud800-\udfff]")

_LONGEST = 4000
"""Characters of a line that are looked at where one line is shown."""


def encodable(text: str) -> str:
    """Put a replacement character where text cannot be written as UTF-8."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Give what a terminal would show of a line in the end, in one line without controls."""
    if text.isascii() and text.isprintable():  # most are, and need no pattern
        return text[:_LONGEST]
    ends = text.rstrip("\r\n").replace("\r\n", "\n")
    shown = _ESCAPES.sub("", ends.rpartition("\r")[2][:_LONGEST])
    return encodable(_CONTROL.sub("", shown.expandtabs(4).replace("\n", " ")))


def page(text: str) -> str:
    """Take out of output what only a terminal understands; lines stay lines."""
    plain = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return encodable(_CONTROL.sub("", plain))


def xml(text: str) -> str:
    """Escape output for an element or a quoted attribute of XML 1.0 or HTML."""
    plain = _NOT_XML.sub("\ufffd", page(text))
    for char, entity in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&quot;"),
        ("'", "&#39;"),
    ):
        plain = plain.replace(char, entity)
    return plain


def attribute(text: str) -> str:
    """Escape for a quoted attribute; line breaks and tabs survive its being read."""
    return xml(text).replace("\n", "&#10;").replace("\t", "&#9;")


def columns(text: str) -> int:
    """Count the columns that text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def cut(text: str, width: int | None, ellipsis: str = "…") -> str:
    """Shorten text to ``width`` columns, with an ellipsis where something is missing.

    None leaves it as it is.
    """
    if width is None or columns(text) <= width:
        return text
    room = width - columns(ellipsis)
    if room < 0:
        return ""
    taken = 0
    for at, char in enumerate(text):
        taken += _columns(char)
        if taken > room:
            return text[:at] + ellipsis
    return text


def pad(text: str, width: int) -> str:
    """Fill text with spaces up to ``width`` columns, or shorten it to them."""
    short = cut(text, width)
    return short + " " * (width - columns(short))


def _columns(char: str) -> int:
    if char.isascii():
        return 1
    from unicodedata import category, east_asian_width

    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1

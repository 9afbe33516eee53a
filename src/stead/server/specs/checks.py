"""Bounds on what may be handed in: names, and how large a text may be."""

from __future__ import annotations

import re
import unicodedata

from stead.server.values import ServerError

MOST_BYTES = 4 * 1024 * 1024
"""How large a specification's text may be; a lock of 10,000 packages has about 3 MB."""

LONGEST_NAME = 128

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+.\-]*\Z")


class SpecError(ServerError):
    """What was handed in is no specification."""


def check_name(name: str, what: str = "name") -> str:
    """Give a name of a namespace or environment back. Raises SpecError.

    Only ASCII: letters of other scripts look like Latin ones. No part of a path either,
    because names become directories.
    """
    if not name:
        raise SpecError(f"the {what} is empty", remedy="give it one")
    if len(name) > LONGEST_NAME:
        raise SpecError(
            f"the {what} has {len(name)} characters",
            remedy=f"take at most {LONGEST_NAME}",
        )
    odd = next((c for c in name if not c.isascii()), None)
    if odd is not None:
        called = unicodedata.name(odd, f"U+{ord(odd):04X}")
        raise SpecError(
            f"the {what} {name!r} has the character {called}, which may look like another one",
            remedy="use ASCII letters, digits, `_`, `-`, `.` and `+`",
        )
    if _NAME.match(name) is None or ".." in name:
        raise SpecError(
            f"the {what} {name!r} cannot be used",
            remedy="use letters, digits, `_`, `-`, `.` and `+`, with no `..`, "
            "beginning with a letter, digit or `_`",
        )
    return name


def check_size(text: str) -> None:
    """Raise SpecError for a text that is larger than any environment needs."""
    # A character has up to four bytes: most texts need not be encoded to be measured.
    if len(text) * 4 > MOST_BYTES and len(text.encode()) > MOST_BYTES:
        raise SpecError(
            f"the specification is larger than {MOST_BYTES // 1024 // 1024} MiB",
            remedy="leave out what is not part of it",
        )

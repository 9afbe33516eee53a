"""Bounds on what may be handed in: names, and how large a text may be."""

from __future__ import annotations

from stead.server.values import ServerError
from stead.values.served import mistake

MOST_BYTES = 4 * 1024 * 1024
"""How large a specification's text may be; a lock of 10,000 packages has about 3 MB."""


class SpecError(ServerError):
    """What was handed in is no specification."""


def check_name(name: str, what: str = "name") -> str:
    """Give a name of a namespace or environment back. Raises SpecError."""
    wrong = mistake(name, what)
    if wrong is not None:
        raise SpecError(wrong[0], remedy=wrong[1])
    return name


def check_size(text: str) -> None:
    """Raise SpecError for a text that is larger than any environment needs."""
    # A character has up to four bytes: most texts need not be encoded to be measured.
    if len(text) * 4 > MOST_BYTES and len(text.encode()) > MOST_BYTES:
        raise SpecError(
            f"the specification is larger than {MOST_BYTES // 1024 // 1024} MiB",
            remedy="leave out what is not part of it",
        )

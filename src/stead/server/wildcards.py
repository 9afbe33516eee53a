"""Matching with ``*`` and ``?``, in time that does not explode whatever the glob is.

Globs come from whoever asks for a token, and are matched in each request: a regular
expression of twenty ``.*`` may try more ways than there is time for, and nobody else is
answered meanwhile.
"""

from __future__ import annotations

ANY = "\0"
"""In a text: stands for any text, which only a ``*`` covers and a ``?`` does not."""


def matches(glob: str, text: str) -> bool:
    """Say whether a glob matches a text: ``*`` is any text, ``?`` one character, all else itself.

    Takes at most as many steps as both are long, multiplied.
    """
    at = place = mark = 0
    star = -1
    while place < len(text):
        wanted = glob[at : at + 1]
        if wanted == "*":
            star, mark = at, place
            at += 1
        elif wanted == text[place] or (wanted == "?" and text[place] != ANY):
            at += 1
            place += 1
        elif star >= 0:
            # The last `*` takes one character more: what those before took need not change.
            mark += 1
            at, place = star + 1, mark
        else:
            return False
    return not glob[at:].strip("*")

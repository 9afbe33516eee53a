"""What marks a file as one that `stead export` wrote.

Such a file is made from the manifests of a place. Beside them it would only repeat them,
and freeze what they leave open; so there it is passed over. In a directory of its own it
is read like any other file of its format.
"""

from __future__ import annotations

_MARK = "# Exported by Stead"
_LINE = f"{_MARK}; beside the manifests it was made from, Stead does not read it.\n"


def marked(text: str) -> str:
    """Put the mark in front of an exported text; ``#`` begins a comment in all formats."""
    return text if is_marked(text) else _LINE + text


def is_marked(text: str) -> bool:
    """Say whether a text bears the mark."""
    return text.removeprefix("\ufeff").startswith(_MARK)

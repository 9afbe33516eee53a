"""Names that are almost declared ones: most likely a slip of the pen.

Compared are names that differ in one letter, in two that changed places, or in
case and underscores alone. A digit is no letter: ``PORT1`` beside ``PORT2`` is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST = 6
"""Characters from which one other letter counts; among short names too many are alike."""


class NearMisses:
    """Finds the declared name that a name was meant to be, in a time that hardly grows."""

    def __init__(self, declared: Iterable[str]) -> None:
        self._spellings: dict[str, str] = {}
        self._shortened: dict[str, list[str]] = {}
        for name in sorted(declared):
            self._spellings.setdefault(_spelling(name), name)
            for short in _shortened(name):
                self._shortened.setdefault(short, []).append(name)

    def of(self, name: str) -> str | None:
        """Give the declared name that ``name`` was probably meant to be."""
        same = self._spellings.get(_spelling(name))
        if same is not None:
            return same
        for short in _shortened(name):
            for other in self._shortened.get(short, ()):
                if _is_slip(name, other):
                    return other
        return None


def _spelling(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _shortened(name: str) -> set[str]:
    """Give the name, and all it is with one character less."""
    return {name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}


def _is_slip(one: str, other: str) -> bool:
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if at is None:
        at = min(len(one), len(other))
    if len(one) == len(other):
        if one[at + 1 :] == other[at + 1 :]:  # one letter for another
            return len(one) >= _SHORTEST and at > 0 and one[at].isalpha() and other[at].isalpha()
        swapped = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
        return swapped and not one[at : at + 2].isdigit()
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return (
        len(shorter) >= _SHORTEST - 1 and longer[at + 1 :] == shorter[at:] and longer[at].isalpha()
    )

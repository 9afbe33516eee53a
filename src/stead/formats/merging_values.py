"""Merging three versions of what a file says: tables key by key, lists element by element."""

from __future__ import annotations

import json
from typing import Any

from stead.formats.merging_lines import Conflict, pieces
from stead.formats.merging_text import is_text, merge

NONE: Any = object()
"""No such key."""


class DisagreementError(ValueError):
    """Both sides changed one thing, each in another way."""


def merged(base: Any, mine: Any, theirs: Any) -> Any:
    """Give what ``mine`` becomes with what ``theirs`` changed in ``base``.

    Raises DisagreementError.
    """
    if same(mine, theirs) or same(base, theirs):
        return mine
    if same(base, mine):
        return theirs
    if isinstance(mine, dict) and isinstance(theirs, dict):
        was = base if isinstance(base, dict) else {}
        keys = [*mine, *(key for key in theirs if key not in mine)]
        found = {k: merged(*(t.get(k, NONE) for t in (was, mine, theirs))) for k in keys}
        return {key: value for key, value in found.items() if value is not NONE}
    if all(isinstance(value, list) for value in (base, mine, theirs)):
        return _elements(base, mine, theirs)
    if all(isinstance(value, str) and "\n" in value for value in (base, mine, theirs)):
        return _text(base, mine, theirs)
    raise DisagreementError


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same for a reader: ``1`` is not ``true``, nor ``1.0``."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _elements(base: list[Any], mine: list[Any], theirs: list[Any]) -> list[Any]:
    values: dict[str, Any] = {}

    def named(elements: list[Any]) -> list[str]:
        names = [
            f"{type(e).__name__}{json.dumps(e, default=repr, sort_keys=True)}" for e in elements
        ]
        values.update(zip(names, elements, strict=True))
        return names

    found: list[Any] = []
    for piece in pieces(named(base), named(mine), named(theirs)):
        if not isinstance(piece, Conflict):
            found += (values[name] for name in piece)
            continue
        # Tables at the same place of the list are the same table, changed on both sides.
        rows = [[values[name] for name in side] for side in (piece.base, piece.mine, piece.theirs)]
        tables = all(isinstance(value, dict) for row in rows for value in row)
        if not tables or len({len(row) for row in rows}) > 1:
            raise DisagreementError
        found += (merged(*row) for row in zip(*rows, strict=True))
    return found


def _text(base: str, mine: str, theirs: str) -> str:
    texts = [text.encode("utf-8", "surrogatepass") for text in (base, mine, theirs)]
    if not all(map(is_text, texts)):
        raise DisagreementError
    done = merge(*texts)
    if done.markers:
        raise DisagreementError
    return done.content.decode("utf-8", "surrogatepass")

"""What references lead to: nodes with a value yet to be computed, and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.ranks import visible
from stead.config.types import quoted_within
from stead.values.kinds import TEXT
from stead.values.origin import NOWHERE
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.config.references import Reference
    from stead.values.kinds import Raw, Type
    from stead.values.origin import Origin
    from stead.values.secret import SecretReference
    from stead.values.table import LiteralSecret

    Piece = str | SecretReference | LiteralSecret
    Part = str | Reference

_PASSWORD = regex(r"(://[^/@:\s]*:)[^@\s{]*@")


class Value:
    """What a node came to: its text, or for a secret the pieces to make it of."""

    __slots__ = ("kind", "pieces", "text")

    def __init__(self, kind: str, text: str, pieces: tuple[tuple[Piece, int], ...] = ()) -> None:
        self.kind = kind
        self.text = text
        self.pieces = pieces
        """Each with how many times it is percent-encoded. Empty for what is no secret."""


class Node:
    """Something with a value yet to be computed."""

    __slots__ = (
        "base", "by", "kind", "literal", "name", "origin", "parts", "rank", "raw", "refers",
        "role", "scope",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        raw: Raw,
        *,
        kind: Type = TEXT,
        base: str = "",
        origin: Origin = NOWHERE,
        by: str = "",
        rank: str = "",
        scope: Mapping[str, str] | None = None,
        role: str = "",
        literal: bool = False,
    ) -> None:
        self.name = name
        """As messages call it."""
        self.raw = raw
        self.kind = kind
        self.base = base
        self.origin = origin
        self.by = by
        self.rank = rank
        self.scope = scope
        self.role = role
        """``listen``, ``data``, or ``address`` for parts that are put together as they are."""
        self.literal = literal
        self.parts: list[tuple[Part, ...]] | None = None
        self.refers: tuple[str, ...] = ()


def shown(node: Node, raw: Raw | None) -> str:
    """Show a value; of an address without what could be a password."""
    if node.kind.name == "secret":
        return repr(visible(node.kind, raw, literal=node.literal))
    return _PASSWORD.sub(r"\1***@", repr(raw))


def written(key: str) -> str:
    """Write a reference."""
    return f"${{{key}}}"


def inserted(found: Value, quoting: bool) -> list[tuple[Piece, int]]:
    """Give the pieces of a value where it is put into another."""
    as_it_is = not quoting or found.kind in ("url", "port", "address")
    if not found.pieces:
        return [(found.text if not quoting else quoted_within(found.text, found.kind), 0)]
    if as_it_is:
        return list(found.pieces)
    return [
        (quoted_within(piece, found.kind), 0) if isinstance(piece, str) else (piece, times + 1)
        for piece, times in found.pieces
    ]

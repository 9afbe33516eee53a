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
    from stead.config.report import Report
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

    def __init__(self, kind: str, text: str, pieces: tuple[tuple[Piece, str], ...] = ()) -> None:
        self.kind = kind
        self.text = text
        self.pieces = pieces
        """Each with how it is :func:`rewritten`. Empty for what is no secret."""


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
    return _PASSWORD.sub(r"\1***@", repr(list(raw) if isinstance(raw, tuple) else raw))


def written(key: str) -> str:
    """Write a reference."""
    return f"${{{key}}}"


def inserted(found: Value, into: str) -> list[tuple[Piece, str]]:
    """Give the pieces of a value where it is put into another.

    ``into`` says what that is: ``url``, ``json``, or empty where the value is put
    in as it is. JSON in JSON and addresses in addresses are put in as they are.
    """
    same = ("json",) if into == "json" else ("url", "port", "address")
    if not into or found.kind in same:
        return list(found.pieces) or [(found.text, "")]
    if not found.pieces:
        return [(written_in(into, found.text, found.kind), "")]
    return [
        (written_in(into, piece, found.kind), "")
        if isinstance(piece, str)
        else (piece, how + into[0])
        for piece, how in found.pieces
    ]


def written_in(into: str, text: str, kind: str = "") -> str:
    """Write a text as it stands in a ``url`` or in a string of ``json``."""
    if into == "json":
        import json

        return json.dumps(text, ensure_ascii=False)[1:-1]
    return quoted_within(text, kind)


def rewritten(text: str, how: str) -> str:
    """Write a secret as each letter of ``how`` asks for in turn: ``u`` in a URL, ``j`` in JSON."""
    for step in how:
        text = written_in("json" if step == "j" else "url", text)
    return text


def report_circle(nodes: list[Node], report: Report) -> None:
    """Report nodes of which each needs the next, and the last the first."""
    # The same wherever it was entered.
    least = min(range(len(nodes)), key=lambda at: nodes[at].name)
    nodes = nodes[least:] + nodes[:least]
    first = nodes[0]
    if len(nodes) == 1:
        report.add(
            f"{first.name} refers to itself",
            first.origin,
            remedy="a value may be added to only at one end of a list, "
            f'as in "…:${{{first.name}}}"; otherwise use another name',
        )
        return
    report.add(
        "variables refer to each other in a circle: "
        + " → ".join([*(n.name for n in nodes), first.name]),
        first.origin,
        details=[f"{n.name} = {shown(n, n.raw)} ({report.at(n.origin)})" for n in nodes],
        remedy="give one of them a value of its own",
    )

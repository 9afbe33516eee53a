"""Merging three versions of a JSON text key by key, with the layout of mine."""

from __future__ import annotations

import json
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from stead.formats.merging_values import DisagreementError, merged, same
from stead.values.frozen import dataclass
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPACE = regex(r"[ \t\r\n]*")
_SCALAR = regex(r"[^,\]}\s]+")


@dataclass(frozen=True, slots=True)
class _Node:
    """A value in a text: from where to where, and of an object each key with where it starts."""

    start: int
    end: int
    value: Any
    members: Mapping[str, tuple[int, _Node]] | None = None


class _AmbiguousError(ValueError):
    """A key that stands twice in one object."""


def load(text: str) -> Any:
    """Read a JSON text. Raises ValueError, also where a key stands twice."""
    return json.loads(text, object_pairs_hook=_once)


def merge_json(base: str, mine: str, theirs: str) -> str | None:
    """Bring the keys that ``theirs`` changed in ``base`` into ``mine``.

    None where both changed one key, each in another way, where a text is no JSON, and where
    the result would not read back as exactly what it should.
    """
    try:
        was, own, then = (load(text) for text in (base, mine, theirs))
        wanted = merged(was, own, then)
        source = _scan(theirs, 0)
        text = mine.rstrip()
        tail = mine[len(text) :]
        start = _space(text, 0)
        written = text[:start] + _write(text, _scan(text, start), wanted, theirs, source) + tail
        found = load(written)
    except (DisagreementError, ValueError, RecursionError):
        return None
    return written if same(found, wanted) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _AmbiguousError
    return found


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _scan(text: str, at: int) -> _Node:
    """Find where the parts of the value at an offset stand. The text has been read before."""
    start = _space(text, at)
    if text[start] != "{":
        value, end = json.JSONDecoder().raw_decode(text, start)
        return _Node(start, end, value)
    members: dict[str, tuple[int, _Node]] = {}
    at = _space(text, start + 1)
    while text[at] != "}":
        begin = at
        key, at = scanstring(text, at + 1)
        node = _scan(text, _space(text, at) + 1)
        members[key] = begin, node
        at = _space(text, node.end)
        if text[at] == ",":
            at = _space(text, at + 1)
    return _Node(start, at + 1, {k: node.value for k, (_, node) in members.items()}, members)


def _write(text: str, node: _Node, wanted: Any, other: str, source: _Node | None) -> str:
    """Give the text of a value as it shall be: as it stands here, or as it stands in the other."""
    if same(node.value, wanted):
        return text[node.start : node.end]
    if node.members is None or not isinstance(wanted, dict):
        return _foreign(wanted, other, source, _indent(text, node.start))
    theirs = source.members if source is not None and source.members is not None else {}

    def inner(key: str) -> str:
        below = theirs[key][1] if key in theirs else None
        start, held = node.members[key]  # type: ignore[index]
        return text[start : held.start] + _write(text, held, wanted[key], other, below)

    if list(node.members) == [key for key in node.members if key in wanted] and len(wanted) == len(
        node.members
    ):
        parts, at = [], node.start
        for key, (start, held) in node.members.items():
            parts += [text[at:start], inner(key)]
            at = held.end
        return "".join([*parts, text[at : node.end]])
    opening, between, closing = _layout(text, node)
    written = []
    for key in _order(wanted, list(node.members), list(theirs)):
        if key in node.members:
            written.append(inner(key))
            continue
        name = json.dumps(key, ensure_ascii=other.isascii())
        indent = opening.rpartition("\n")[2] if "\n" in opening else ""
        value = _foreign(wanted[key], other, theirs[key][1] if key in theirs else None, indent)
        written.append(f"{name}: {value}")
    return "{" + opening + between.join(written) + closing + "}" if written else "{}"


def _layout(text: str, node: _Node) -> tuple[str, str, str]:
    """Give what stands before an object's first key, between its members, and after the last."""
    spans = [(start, held.end) for start, held in (node.members or {}).values()]
    if not spans:
        indent = _indent(text, node.start)
        unit = "\t" if "\n\t" in text else "  "
        if "\n" not in text:
            return "", ", ", ""
        return f"\n{indent}{unit}", f",\n{indent}{unit}", f"\n{indent}"
    opening, closing = text[node.start + 1 : spans[0][0]], text[spans[-1][1] : node.end - 1]
    if len(spans) > 1:
        return opening, text[spans[0][1] : spans[1][0]], closing
    return opening, f",{opening}" if "\n" in opening else ", ", closing


def _order(wanted: dict[str, Any], own: list[str], theirs: list[str]) -> list[str]:
    """Put keys that are new behind the one that they follow in the other text."""
    keys = [key for key in own if key in wanted]
    for at, key in enumerate(theirs):
        if key in wanted and key not in keys:
            before = next((k for k in reversed(theirs[:at]) if k in keys), None)
            keys.insert(keys.index(before) + 1 if before is not None else len(keys), key)
    return keys


def _foreign(wanted: Any, other: str, source: _Node | None, indent: str) -> str:
    """Write a value that is not here yet: as the other text has it, where it is that one's."""
    if source is None or not same(source.value, wanted):
        lines = json.dumps(wanted, indent=2, ensure_ascii=False).split("\n")
    else:
        lines = other[source.start : source.end].split("\n")
        held = _indent(other, source.start)
        lines = [lines[0], *(line.removeprefix(held) for line in lines[1:])]
    return "\n".join([lines[0], *(indent + line for line in lines[1:])])


def _indent(text: str, at: int) -> str:
    line = text.rfind("\n", 0, at) + 1
    return text[line : _space_of_line(text, line)]


def _space_of_line(text: str, line: int) -> int:
    at = line
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    return at

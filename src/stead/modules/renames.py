"""Files that upstream renamed: what it dropped, and what came instead with nearly the same lines.

Renames are told and nothing more. A file that upstream dropped stays until it is pruned, and what
looks like a rename may be none: then nobody's edits land in a file that they were not made for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stead.formats.merging_text import is_text
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.modules.merging import Decision, Side

ALIKE = 0.6
"""Which part of the longer of two files both must hold for one to be a rename of the other."""
_MOST = 200
"""So many files that went, or came, are compared with each other; more are only if they are equal."""


_WENT = {
    "dropped": "upstream renamed it to {}; --prune removes it",
    "removed": "upstream renamed it to {}",
    "own": "upstream renamed it to {}: your changes are here alone",
}
"""What is said of a file that went, by what becomes of it."""


def told(
    decisions: Sequence[Decision], base: Mapping[str, Side], upstream: Mapping[str, Side]
) -> list[Decision]:
    """Say of files that went and came which of them are one. ``base`` are those of the last version."""
    went = [d.path for d in decisions if d.action in _WENT and d.path in base]
    away = [d.path for d in decisions if d.action == "deleted" and d.path in base]
    came = [d.path for d in decisions if d.action == "added"]
    notes: dict[str, str] = {}
    actions = {d.path: d.action for d in decisions}
    for old, new in _pairs(went, came, base, upstream):
        notes[old] = _WENT[actions[old]].format(new)
        notes[new] = f"it was {old}"
    gone = [path for path in away if path not in upstream]
    for old, new in _pairs(gone, [p for p in came if p not in notes], base, upstream):
        notes[new] = f"upstream renamed {old} to it, which you removed"
    return [replace(d, note=notes.get(d.path, d.note)) for d in decisions]


def _pairs(
    went: Sequence[str], came: Sequence[str], base: Mapping[str, Side], upstream: Mapping[str, Side]
) -> list[tuple[str, str]]:
    """Pair names that went with those that came, each once: same endings, then most alike, first."""
    if not went or not came:
        return []
    lines = max(len(went), len(came)) <= _MOST
    found: list[tuple[bool, float, bool, str, str]] = []
    counted = {new: _lines(upstream[new].content) for new in came} if lines else {}
    for old in went:
        content = base[old].content
        own = _lines(content) if lines else None
        for new in came:
            score = float(content == upstream[new].content and bool(content))
            if not score and own is not None and (other := counted[new]) is not None:
                score = _shared(own, other)
            if score >= ALIKE:
                was, now = old.rpartition("/")[2], new.rpartition("/")[2]
                ending = was.rpartition(".")[2] == now.rpartition(".")[2]
                found.append((not ending, -score, was != now, old, new))
    pairs: list[tuple[str, str]] = []
    taken: set[str] = set()
    for *_, old, new in sorted(found):
        if not taken & {f"- {old}", f"+ {new}"}:
            taken |= {f"- {old}", f"+ {new}"}
            pairs.append((old, new))
    return pairs


def _lines(content: bytes) -> Counter[bytes] | None:
    """Count a text's lines; None for what is no text."""
    return Counter(content.split(b"\n")) if is_text(content) else None


def _shared(one: Counter[bytes], other: Counter[bytes]) -> float:
    """Give which part of the longer of two texts both hold."""
    sizes = sorted((_size(one), _size(other)))
    if sizes[0] < sizes[1] * ALIKE or not sizes[1]:
        return 0.0
    return _size(one & other) / sizes[1]


def _size(lines: Counter[bytes]) -> int:
    return sum(len(line) * count for line, count in lines.items())

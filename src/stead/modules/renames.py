"""Files that upstream renamed: what it dropped, and what came instead with nearly the same lines.

Who did not change such a file has it under its new name. Edits go along where they can be
merged with upstream's; where they cannot, the file stays where it is, and that is told.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stead.formats.merging import kind_of
from stead.formats.merging_text import alike, is_text
from stead.modules.merging import Decision, changed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.modules.merging import Side

ALIKE = 0.6
"""Which part of the longer of two files both must hold for one to be a rename of the other."""
_MOST = 200
"""So many files that went, or came, are compared with each other; more are only if they are equal."""


def followed(
    decisions: Sequence[Decision],
    base: Mapping[str, Side],
    mine: Mapping[str, Side | None],
    upstream: Mapping[str, Side],
    names: tuple[str, str],
) -> list[Decision]:
    """Let what becomes of files heed renames. ``base`` are the files of the last version.

    A file without edits gets its new name. One with edits does where they merge without a
    conflict, else both names are told. One that the user has removed stays away, and the one that
    came says so.
    """
    went = [d for d in decisions if d.action in ("dropped", "removed", "own") and d.path in base]
    away = [d for d in decisions if d.action == "deleted" and d.path not in upstream]
    came = [d for d in decisions if d.action == "added"]
    instead: dict[str, Decision] = {}
    pairs = _pairs([d.path for d in went], [d.path for d in came], base, upstream)
    for old, new in pairs:
        side = mine[old]
        assert side is not None
        instead |= _moved((old, new), (base[old], side, upstream[new]), names)
    left = [d.path for d in came if all(d.path != new for _, new in pairs)]
    for old, new in _pairs([d.path for d in away if d.path in base], left, base, upstream):
        note = f"upstream renamed {old} to it, which you removed"
        instead[new] = Decision(new, "added", upstream[new], note=note)
    return [instead.get(one.path, one) for one in decisions]


def _moved(
    paths: tuple[str, str], sides: tuple[Side, Side, Side], names: tuple[str, str]
) -> dict[str, Decision]:
    """Say what becomes of both names of a file, from what it was, is here, and is upstream."""
    (old, new), (base, mine, upstream) = paths, sides
    told = Decision(old, "own", note=f"upstream renamed it to {new}: your changes are here alone")
    same = alike(base.content, mine.content)
    if not mine.plain or not (same or kind_of(old) == kind_of(new)):
        return {old: told}
    done = changed(new, base, mine, upstream, names)
    if done.action == "conflict":
        return {old: told}
    write = done.write or mine
    if done.action in ("same", "replaced"):
        here = Decision(new, "added", write, note=f"it was {old}")
    else:
        here = Decision(new, "merged", write, note=f"it was {old}, and has your changes")
    return {old: Decision(old, "renamed", remove=True, note=f"to {new}"), new: here}


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

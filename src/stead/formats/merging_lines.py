"""Merging three versions of a file, line by line.

In manifests (:func:`merge`) lines next to each other may be changed by both sides: each
stands for itself. What both put in at the same point is taken from both, mine first,
except that a table's header goes after keys: these belong to the table above. Only lines
that both have changed, each in another way, are a conflict.

In other files (:func:`pieces`) lines depend on what stands around them: changes that touch
are a conflict, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Lines = Sequence[str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Lines that were changed in two ways. ``line`` counts from 1 in mine."""

    line: int
    base: tuple[str, ...]
    mine: tuple[str, ...]
    theirs: tuple[str, ...]

    @property
    def apart(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give the lines of mine and of theirs that the other has not.

        All of them where they differ in their order alone.
        """
        mine = tuple(line for line in self.mine if line not in self.theirs)
        theirs = tuple(line for line in self.theirs if line not in self.mine)
        return (mine, theirs) if mine or theirs else (self.mine, self.theirs)


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    lines: tuple[str, ...]
    at: int = 0


if TYPE_CHECKING:
    Meet = Callable[[_Edit, int, int], bool]


def merge(base: str, mine: str, theirs: str) -> tuple[str, tuple[Conflict, ...]]:
    """Bring what ``theirs`` changed in the manifest ``base`` into ``mine``.

    Gives the text and the conflicts; with any, the text is ``mine``.
    """
    if mine in (base, theirs):
        return theirs, ()
    if theirs == base:
        return mine, ()
    original = _lines(base)
    ours, others = _edits(original, _lines(mine)), _edits(original, _lines(theirs))
    merged: list[str] = []
    conflicts = []
    for piece in _pieces(original, ours, others, _overlaps):
        if not isinstance(piece, Conflict):
            merged += piece
        elif not piece.base and (both := _both(piece.mine, piece.theirs)) is not None:
            merged += both
        else:
            conflicts.append(piece)
    return (mine, tuple(conflicts)) if conflicts else ("".join(merged), ())


def pieces(base: Lines, mine: Lines, theirs: Lines) -> list[tuple[str, ...] | Conflict]:
    """Merge lines: those that are settled, and between them what both sides changed.

    What the sides of a conflict have in common at its start and end is settled.
    """
    ours, others = _edits_of_many(base, mine), _edits_of_many(base, theirs)
    found: list[tuple[str, ...] | Conflict] = []
    for piece in _pieces(base, ours, others, _touches):
        if isinstance(piece, Conflict):
            before, conflict, after = _narrowed(piece)
            found += [before, conflict, after]
        else:
            found.append(piece)
    return [piece for piece in found if piece]


def _pieces(
    original: Lines, ours: list[_Edit], others: list[_Edit], meet: Meet
) -> Iterator[tuple[str, ...] | Conflict]:
    position = 0
    while ours or others:
        group_ours, group_others, start, end = _next(ours, others, meet)
        yield tuple(original[position:start])
        position = end
        a, b = (
            _applied(original, start, end, group_ours),
            _applied(original, start, end, group_others),
        )
        same = tuple(original[start:end])
        if b in (a, same):
            yield a
        elif a == same:
            yield b
        else:
            yield Conflict(group_ours[0].at + 1, same, a, b)
    yield tuple(original[position:])


def _narrowed(conflict: Conflict) -> tuple[tuple[str, ...], Conflict, tuple[str, ...]]:
    mine, theirs = conflict.mine, conflict.theirs
    start = _common(mine, theirs)
    end = _common(mine[start:][::-1], theirs[start:][::-1])
    stop = len(mine) - end
    inner = Conflict(
        conflict.line + start, conflict.base, mine[start:stop], theirs[start : len(theirs) - end]
    )
    return mine[:start], inner, mine[stop:]


def _common(one: Lines, other: Lines) -> int:
    """Count the lines that two texts have in common at their start."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _lines(text: str) -> list[str]:
    """Split a text into lines with their ends; a last line without one gets it."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([f"{last}\n"] if last else [])


def _edits(old: Lines, new: Lines) -> list[_Edit]:
    from difflib import SequenceMatcher

    found = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [_Edit(i, j, tuple(new[k:m]), k) for tag, i, j, k, m in found if tag != "equal"]


_MANY = 4_000_000
"""Pairs of lines from which comparing each with each takes too long."""


def _edits_of_many(old: Lines, new: Lines) -> list[_Edit]:
    """Find the edits in files of any length: in long ones, between lines that are there once."""
    found: list[_Edit] = []
    _compare(old, new, 0, 0, found)
    return found


def _compare(old: Lines, new: Lines, i: int, j: int, found: list[_Edit]) -> None:
    start = _common(old, new)
    old, new, i, j = old[start:], new[start:], i + start, j + start
    if end := _common(old[::-1], new[::-1]):
        old, new = old[:-end], new[:-end]
    if len(old) * len(new) <= _MANY:
        found += (
            _Edit(e.start + i, e.end + i, e.lines, e.at + j)
            for e in (_edits(old, new) if old or new else ())
        )
        return
    anchors = _anchors(old, new)
    if not anchors:
        found.append(_Edit(i, i + len(old), tuple(new), j))
        return
    p = q = 0
    for a, b in [*anchors, (len(old), len(new))]:
        _compare(old[p:a], new[q:b], i + p, j + q, found)
        p, q = a, b
        if a < len(old):
            p, q = a + 1, b + 1


def _anchors(old: Lines, new: Lines) -> list[tuple[int, int]]:
    """Pair the lines that are there once in each, as long as their order is the same."""
    from bisect import bisect_left

    once = [
        {line: at for at, line in enumerate(text) if counts[line] == 1}
        for text, counts in ((t, _counts(t)) for t in (old, new))
    ]
    pairs = [(at, once[1][line]) for line, at in once[0].items() if line in once[1]]
    # The longest increasing run of the second numbers, by patience sorting.
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, b) in enumerate(pairs):
        pile = bisect_left(tops, b)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [b]
        ends[pile : pile + 1] = [index]
    chosen = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chosen.append(pairs[index])
        index = before[index]
    return chosen[::-1]


def _counts(lines: Lines) -> Mapping[str, int]:
    from collections import Counter

    return Counter(lines)


def _next(
    ours: list[_Edit], others: list[_Edit], meet: Meet
) -> tuple[list[_Edit], list[_Edit], int, int]:
    """Take the next edits that meet at the same lines off the lists."""
    first = min([*ours[:1], *others[:1]], key=lambda e: (e.start, e.end))
    start, end = first.start, first.end
    taken: tuple[list[_Edit], list[_Edit]] = ([], [])
    grown = True
    while grown:
        grown = False
        for held, into in ((ours, taken[0]), (others, taken[1])):
            while held and meet(held[0], start, end):
                edit = held.pop(0)
                into.append(edit)
                end = max(end, edit.end)
                grown = True
    return *taken, start, end


def _overlaps(edit: _Edit, start: int, end: int) -> bool:
    if edit.start == edit.end or start == end:
        inside = start < edit.start < end or edit.start < start < edit.end
        return inside or (edit.start, edit.end) == (start, end)
    return edit.start < end and start < edit.end


def _touches(edit: _Edit, start: int, end: int) -> bool:
    return edit.start <= end and start <= edit.end


def _applied(original: Lines, start: int, end: int, edits: list[_Edit]) -> tuple[str, ...]:
    lines: list[str] = []
    position = start
    for edit in edits:
        lines += original[position : edit.start]
        lines += edit.lines
        position = edit.end
    return (*lines, *original[position:end])


def _both(mine: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...] | None:
    """Join two insertions at one point; None where their order would matter."""
    if not _header(theirs) or (_header(mine) and _opens(theirs)):
        if not _header(mine) or _opens(theirs):
            return (*mine, *theirs)
        return (*theirs, *mine) if _opens(mine) else None
    if not _header(mine):
        return (*mine, *theirs)
    return None


def _header(lines: Lines) -> bool:
    return any(line.lstrip().startswith("[") for line in lines)


def _opens(lines: Lines) -> bool:
    said = (line.lstrip() for line in lines)
    return next((line for line in said if line and line[0] != "#"), "").startswith("[")

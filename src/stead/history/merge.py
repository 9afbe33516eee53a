"""Merging three versions of a manifest, line by line.

Lines next to each other may be changed by both sides: in the files that are merged
here, each stands for itself. What both put in at the same point is taken from both,
mine first, except that a table's header goes after keys: these belong to the table
above. Only lines that both have changed, each in another way, are a conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def merge(base: str, mine: str, theirs: str) -> tuple[str, tuple[Conflict, ...]]:
    """Bring what ``theirs`` changed in ``base`` into ``mine``.

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
    position = 0
    while ours or others:
        group_ours, group_others, start, end = _next(ours, others)
        merged += original[position:start]
        position = end
        a, b = (
            _applied(original, start, end, group_ours),
            _applied(original, start, end, group_others),
        )
        same = tuple(original[start:end])
        if b in (a, same):
            merged += a
        elif a == same:
            merged += b
        elif start == end and (both := _both(a, b)) is not None:
            merged += both
        else:
            line = group_ours[0].at + 1
            conflicts.append(Conflict(line, same, a, b))
    merged += original[position:]
    return (mine, tuple(conflicts)) if conflicts else ("".join(merged), ())


def _lines(text: str) -> list[str]:
    """Split a text into lines with their ends; a last line without one gets it."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([f"{last}\n"] if last else [])


def _edits(old: Lines, new: Lines) -> list[_Edit]:
    from difflib import SequenceMatcher

    found = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [_Edit(i, j, tuple(new[k:m]), k) for tag, i, j, k, m in found if tag != "equal"]


def _next(ours: list[_Edit], others: list[_Edit]) -> tuple[list[_Edit], list[_Edit], int, int]:
    """Take the next edits that touch the same lines off the lists."""
    first = min([*ours[:1], *others[:1]], key=lambda e: (e.start, e.end))
    start, end = first.start, first.end
    taken: tuple[list[_Edit], list[_Edit]] = ([], [])
    grown = True
    while grown:
        grown = False
        for held, into in ((ours, taken[0]), (others, taken[1])):
            while held and _overlaps(held[0], start, end):
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

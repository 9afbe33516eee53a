"""Which environments have a text in their names, told without asking the database for each.

A search that finds a quarter of a hundred thousand names is answered by neither FTS5 nor
pg_trgm in a few milliseconds: both look at every name that they find. Here names lie one
behind the other in a few bytes each, which is looked through at the speed of memory.

Names are in blocks. A block is never changed, only replaced by another, so how many of
its names have a text in them is counted once.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import groupby
from os.path import commonprefix
from typing import TYPE_CHECKING

from stead.server.database.globs import admits_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stead.server.database.names import Held

BLOCK = 512
"""So many names make a block; of twice as many there are two made."""

REMEMBERED = 64
"""For so many texts a block remembers how many of its names have them."""

Line = tuple[bytes, int]
"""An environment's name and id."""

_ALL = ("*",)
_OTHERS = bytes(set(range(256)) - {0, 10})
_SAMPLE = 512
_FEW = 16


class Sought:
    """A text that is sought, and names of which globs; prepared once for all blocks."""

    __slots__ = ("key", "lines", "needle", "term", "within")

    def __init__(self, term: str, within: tuple[str, ...] = _ALL) -> None:
        self.term = term
        self.within = within
        self.key = (term, within)
        self.needle = term.encode()
        self.lines = re.compile(re.escape(self.needle) + rb"[^\n]*")
        """Finds each line that has it once."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Environments of one namespace, in order of their names.

    ``shared`` is how all of them begin. ``rests`` has how each goes on, after a line break,
    and one more of these: what names that follow one another have in common is not looked
    through again and again. ``folded`` is that without its case, which mostly is the same, and
    ``home`` what comes before it, ``namespace/shared``, without its case.
    """

    namespace: str
    shared: bytes
    first: bytes
    last: bytes
    ids: array[int]
    rests: bytes
    folded: bytes
    home: str
    counts: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)

    @classmethod
    def of(cls, namespace: str, lines: Sequence[Line]) -> Block:
        """Make a block of names in their order."""
        first, last = lines[0][0], lines[-1][0]
        # Of signs, not of bytes: half a sign cannot be folded.
        shared = commonprefix([first.decode(), last.decode()])  # noqa: RUF071 - no paths
        cut = len(shared.encode())
        rests = b"".join(b"\n" + name[cut:] for name, _ in lines) + b"\n"
        folded = rests.decode().casefold().encode()
        ids = array("q", (number for _, number in lines))
        kept = rests if folded == rests else folded
        home = f"{namespace}/{shared}".casefold()
        return cls(namespace, shared.encode(), first, last, ids, rests, kept, home)

    def lines(self) -> list[Line]:
        """Give all names and ids."""
        return [
            (self.shared + rest, number)
            for rest, number in zip(self.rests.split(b"\n")[1:-1], self.ids, strict=True)
        ]

    def count(self, sought: Sought) -> int:
        """Count those with a text in ``namespace/name`` whose names fit one of some globs."""
        known = self.counts.get(sought.key)
        if known is None:
            known = self._count(sought) if sought.within == _ALL else len(self.places(sought))
            # Several threads may count at once: what one of them forgets is counted again.
            if len(self.counts) >= REMEMBERED:
                self.counts.clear()
            self.counts[sought.key] = known
        return known

    def _count(self, sought: Sought) -> int:
        if sought.term in self.home:
            return len(self.ids)
        needle, folded = sought.needle, self.folded
        begins = self._beginnings(sought.term)
        if not begins and folded.count(needle, 0, _SAMPLE) < _FEW:
            return len(sought.lines.findall(folded))
        # All but line breaks and what is sought is left out, and lines that have it are counted:
        # that takes as long for many as for few.
        for begin in begins:
            folded = folded.replace(b"\n" + begin, b"\n\0")
        return folded.replace(needle, b"\0").translate(None, _OTHERS).count(b"\0\n")

    def places(self, sought: Sought) -> list[int]:
        """Tell which have a text in ``namespace/name``, by their number in the block."""
        found = self._places(sought)
        if sought.within == _ALL:
            return found
        names = [name.decode() for name, _ in self.lines()]
        return [
            place
            for place in found
            if any(admits_name(glob, names[place]) for glob in sought.within)
        ]

    def _places(self, sought: Sought) -> list[int]:
        if sought.term in self.home:
            return list(range(len(self.ids)))
        begins, needle, folded = self._beginnings(sought.term), sought.needle, self.folded
        if not begins and folded.count(needle, 0, _SAMPLE) < _FEW:
            at = place = 0
            found = []
            for match in sought.lines.finditer(folded):
                place += folded.count(b"\n", at, match.start())
                at = match.start()
                found.append(place - 1)
            return found
        return [
            place
            for place, line in enumerate(folded.split(b"\n")[1:-1])
            if needle in line or line.startswith(begins)
        ]

    def name(self, place: int) -> str:
        """Give a name by its number in the block."""
        return (self.shared + self.rests.split(b"\n", place + 2)[place + 1]).decode()

    def beyond(self, name: str, *, descending: bool) -> tuple[int, int]:
        """Tell which part of the block comes after a name."""
        names = [each for each, _ in self.lines()]
        if descending:
            return 0, bisect_left(names, name.encode())
        return bisect_right(names, name.encode()), len(names)

    def _beginnings(self, term: str) -> tuple[bytes, ...]:
        """Give how names go on if a text ends in them that began in what they share."""
        last = self.home[-1]
        return tuple(
            term[at:].encode()
            for at in range(1, min(len(term), len(self.home) + 1))
            if term[at - 1] == last and self.home.endswith(term[:at])
        )


Blocks = dict[str, tuple[Block, ...]]
"""All blocks, by namespace and in their order."""

Change = tuple[str, str, int | None]
"""A namespace, the name of an environment in it, and its id; None for one that is gone."""


def blocks_of(namespace: str, lines: Sequence[Line]) -> tuple[Block, ...]:
    """Make blocks of a namespace's names, which are in their order."""
    return tuple(Block.of(namespace, lines[at : at + BLOCK]) for at in range(0, len(lines), BLOCK))


def gathered(rows: Iterable[tuple[str, str, int]]) -> Iterator[tuple[str, list[Line]]]:
    """Give the names of each namespace out of rows in their order."""
    for namespace, of in groupby(rows, key=lambda row: row[0]):
        yield namespace, [(name.encode(), number) for _, name, number in of]


def changed(blocks: Blocks, changes: Iterable[Change]) -> Blocks:
    """Give the blocks with some changes; one that was made already changes nothing."""
    wanted: dict[str, dict[bytes, int | None]] = {}
    for namespace, name, number in changes:
        wanted.setdefault(namespace, {})[name.encode()] = number
    after = dict(blocks)
    for namespace, of in wanted.items():
        made = _changed(namespace, after.pop(namespace, ()), of)
        if made:
            after[namespace] = made
    return after


def _changed(
    namespace: str, blocks: tuple[Block, ...], changes: Mapping[bytes, int | None]
) -> tuple[Block, ...]:
    if not blocks:
        return blocks_of(namespace, sorted((k, v) for k, v in changes.items() if v is not None))
    begins = [block.first for block in blocks]
    at: dict[int, dict[bytes, int | None]] = {}
    for name, number in changes.items():
        at.setdefault(max(0, bisect_right(begins, name) - 1), {})[name] = number
    made: list[Block] = []
    for place, block in enumerate(blocks):
        if place not in at:
            made.append(block)
            continue
        kept = {**dict(block.lines()), **at[place]}
        lines = sorted((name, number) for name, number in kept.items() if number is not None)
        if len(lines) <= 2 * BLOCK:
            made += [Block.of(namespace, lines)] if lines else []
        else:
            made += blocks_of(namespace, lines)
    return tuple(made)


def nth(blocks: Blocks, namespace: str, number: int) -> str | None:
    """Give the name of an environment by its number, from 0, in its namespace; None beyond the last."""
    for block in blocks.get(namespace, ()):
        if number < len(block.ids):
            return block.name(number)
        number -= len(block.ids)
    return None


def search(
    blocks: Blocks,
    held: Sequence[Held],
    term: str,
    *,
    start: int,
    size: int,
    descending: bool = False,
    after: tuple[str, str] | None = None,
) -> tuple[list[int], int]:
    """Give the ids on a page of those with a text in ``namespace/name``, and how many there are.

    The page begins at ``start``, or follows a namespace and name.
    """
    term = term.casefold()
    ids: list[int] = []
    count = 0
    if "\n" in term or "\0" in term:
        return ids, count
    every = Sought(term)
    for each in held[::-1] if descending else held:
        of = blocks.get(each.name, ())
        sought = every if each.within == _ALL else Sought(term, each.within)
        for block in of[::-1] if descending else of:
            number = block.count(sought)
            count += number
            if not number or len(ids) >= size or _is_before(block, after, descending=descending):
                continue
            if start >= number:
                start -= number
                continue
            places = block.places(sought)
            if after is not None and each.name == after[0]:
                low, high = block.beyond(after[1], descending=descending)
                places = places[bisect_left(places, low) : bisect_left(places, high)]
            if descending:
                places.reverse()
            ids += [block.ids[place] for place in places[start : start + size - len(ids)]]
            start = 0
    return ids, count


def _is_before(block: Block, after: tuple[str, str] | None, *, descending: bool) -> bool:
    """Say whether all of a block comes before what follows a name."""
    if after is None:
        return False
    mark = (after[0], after[1].encode())
    if descending:
        return (block.namespace, block.first) >= mark
    return (block.namespace, block.last) <= mark

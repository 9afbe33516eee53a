"""The logs of jobs, read as far as a report has room for."""

from __future__ import annotations

import os

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 1 << 16
"""Characters of a line that are given at once: a log may be one line of a gigabyte."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a log, and how many bytes stand before it."""

    text: str = ""
    omitted: int = 0


def tail(path: str, most: int) -> Tail:
    """Read at most ``most`` bytes from the end of a log, from the beginning of a line.

    A log that is not there is empty: the report tells all the rest.
    """
    if not path or most <= 0:
        return Tail()
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - most)
            file.seek(start)
            data = file.read(most)
    except OSError:
        return Tail()
    if start:
        partial = data.find(b"\n") + 1
        start, data = start + partial, data[partial:]
    return Tail(data.decode("utf-8", "replace"), start)


def lines(path: str) -> Iterator[str]:
    """Give the lines of a log without their ends; nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            while line := file.readline(_LONGEST):
                yield line.removesuffix("\n")
    except OSError:
        return


def share(number: int, most: int, together: int) -> int:
    """Say how many bytes each of ``number`` logs gets, of ``together`` and at most ``most``."""
    return min(most, together // max(number, 1))

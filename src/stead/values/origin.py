"""Where an entry was written."""

from __future__ import annotations

from stead.values.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """A line of a file. ``line`` counts from 1; 0 means the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


NOWHERE = Origin("")

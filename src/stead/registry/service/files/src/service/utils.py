"""Reading a table and checking it."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null"})
EXPECTED = (
    "Expected: a CSV file (UTF-8) with a header row, the column to predict in numbers, "
    "the other columns in numbers or words, and at least 20 complete rows."
)


class InputError(ValueError):
    """What was given cannot be used; the message names what is expected."""


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file, as text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def complete(self, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The rows that lack none of these columns, with these columns only."""
        places = [self.columns.index(name) for name in columns]
        picked = (tuple(row[place] for place in places) for row in self.rows)
        return [row for row in picked if not MISSING.intersection(row)]


def read_table(path: str | Path) -> Table:
    """Read a CSV file whose first row names the columns.

    Raises:
        InputError: it cannot be read, or is no such table.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = [tuple(cell.strip() for cell in row) for row in csv.reader(stream) if row]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. {EXPECTED}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file: {error}. {EXPECTED}") from error
    if not rows:
        raise InputError(f"{path} is empty. {EXPECTED}")
    columns, *body = rows
    if "" in columns or len(set(columns)) != len(columns):
        raise InputError(f"{path}: a column has no name, or two have the same. {EXPECTED}")
    for number, row in enumerate(body, 2):
        if len(row) != len(columns):
            raise InputError(
                f"{path}: row {number} has {len(row)} cells instead of {len(columns)}. {EXPECTED}"
            )
    return Table(columns, tuple(body))


def number(text: str) -> float | None:
    """The finite number that a cell holds, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

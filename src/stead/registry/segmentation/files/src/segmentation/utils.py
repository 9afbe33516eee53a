"""Read measures from a CSV file and check them."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

LEAST = 10
"""Rows that are needed."""

EXPECTED = (
    "a CSV file with a header line and at least 10 rows, with numbers in the columns that are named"
    " (or in two columns at least), none of them missing or the same in every row"
)


class InputError(ValueError):
    """Input that cannot be used. The message says what was found and what is expected."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. Expected: {EXPECTED}")


@dataclass(frozen=True)
class Table:
    """What was read: n rows of d measures."""

    columns: tuple[str, ...]
    """Names of the d measures."""
    values: NDArray[np.float64]
    """(n, d), each column in its own unit."""


def example() -> str:
    """Path of the data that come with this module: analyses of 178 wines."""
    return str(files("segmentation") / "data" / "wine.csv")


def read(path: str | os.PathLike[str], columns: Sequence[str] = ()) -> Table:
    """Read columns of a CSV file (UTF-8, comma, one header line).

    Without ``columns``, all that hold a number in the first row and are no row numbers (``id``).
    Raises InputError for whatever makes the file unusable.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            rows = [(lines.line_num, row) for row in lines if row]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV text in UTF-8 ({error})") from error
    if not header:
        raise InputError(f"{path} is empty")
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(row)} cells under {len(header)} column names"
            )
    names = tuple(columns) or tuple(
        name
        for name, cell in zip(header, rows[0][1] if rows else (), strict=False)
        if _float(cell) is not None and name.lower() != "id"
    )
    for name in names:
        if header.count(name) != 1 or names.count(name) != 1:
            raise InputError(
                f"{path} has not exactly one column named {name} (its columns: {', '.join(header)})"
            )
    places = [header.index(name) for name in names]
    values = []
    for line, row in rows:
        numbers = [_float(row[place]) for place in places]
        if None in numbers:
            name = names[numbers.index(None)]
            cell = row[header.index(name)] or "missing"
            raise InputError(f"{path}, line {line}: {name} is {cell}, not a number")
        values.append(numbers)
    table = np.array(values, dtype=np.float64).reshape(len(rows), len(names))
    return Table(names, checked(table))


def checked(values: object) -> NDArray[np.float64]:
    """The values as an array of shape (n, d) that can be segmented, or InputError."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("the measures are not numeric") from error
    if array.ndim != 2 or array.shape[1] < 1:
        raise InputError(f"the measures have the shape {array.shape}")
    if len(array) < LEAST:
        raise InputError(f"there are {len(array)} rows")
    if not np.isfinite(array).all():
        raise InputError("the measures have values that are not finite numbers")
    same = np.flatnonzero(np.ptp(array, axis=0) == 0)
    if same.size:
        raise InputError(f"measure {same[0] + 1} is the same in every row")
    return array


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

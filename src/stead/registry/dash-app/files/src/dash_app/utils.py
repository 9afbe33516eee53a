"""Series over time, read from and written to CSV."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

EXPECTED = (
    "Expected: a CSV file (UTF-8) with a header row; in the first column dates (YYYY, YYYY-MM or "
    "YYYY-MM-DD) that rise from row to row, in each other column numbers or nothing."
)


class InputError(ValueError):
    """What was given cannot be used; the message names what is expected."""


@dataclass(frozen=True)
class Table:
    """Series over the same dates; None where there is no value."""

    dates: tuple[date, ...]
    """Rising."""
    series: Mapping[str, tuple[float | None, ...]]


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file: dates in the first column, a series in each other.

    Raises:
        InputError: it cannot be read, or is no such table.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = [(line, [cell.strip() for cell in row]) for line, row in _rows(stream) if row]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. {EXPECTED}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file: {error}. {EXPECTED}") from error
    if len(rows) < 2:
        raise InputError(f"{path} has no rows below a header. {EXPECTED}")
    (_, names), *body = rows
    if len(names) < 2 or "" in names[1:] or len(set(names)) != len(names):
        raise InputError(f"{path} has not a name of its own for each column. {EXPECTED}")
    dates: list[date] = []
    values: list[list[float | None]] = []
    for line, row in body:
        where = f"{path}, line {line}"
        if len(row) != len(names):
            raise InputError(f"{where}: {len(row)} cells instead of {len(names)}. {EXPECTED}")
        day = _date(row[0])
        if day is None or (dates and day <= dates[-1]):
            raise InputError(f"{where}: the date is {row[0]!r}. {EXPECTED}")
        dates.append(day)
        cells = zip(names[1:], row[1:], strict=True)
        values.append([_number(cell, f"{where}: {name}") for name, cell in cells])
    return Table(tuple(dates), dict(zip(names[1:], zip(*values, strict=True), strict=True)))


def to_csv(table: Table) -> str:
    """Give the table as CSV text that ``read_table`` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["date", *table.series])
    for day, *values in zip(table.dates, *table.series.values(), strict=True):
        writer.writerow([day.isoformat(), *("" if one is None else repr(one) for one in values)])
    return text.getvalue()


def _rows(stream: io.TextIOBase) -> list[tuple[int, list[str]]]:
    reader = csv.reader(stream, strict=True)
    return [(reader.line_num, row) for row in reader]


def _date(text: str) -> date | None:
    parts = text.split("-")
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        return None
    try:
        year, month, day = (*map(int, parts), *([1] * (3 - len(parts))))
        return date(year, month, day)
    except ValueError:
        return None


def _number(cell: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where} is {cell!r}. {EXPECTED}")
    return value

"""Read a series from a CSV file, check it, and name the periods that follow it."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

EXPECTED = (
    "a CSV file with a header line and a row per period, in order and without gaps: the period"
    " as 2024, 2024-Q1, 2024-01 or 2024-01-31, and a number; at least two seasons and three rows"
)


class InputError(ValueError):
    """Input that cannot be used. The message says what was found and what is expected."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. Expected: {EXPECTED}")


@dataclass(frozen=True)
class Series:
    """What was read: n periods, one after the other."""

    periods: tuple[str, ...]
    values: NDArray[np.float64]
    """(n,), in the unit of the file."""


def example() -> str:
    """Path of the data that come with this module: carbon dioxide in the air, by month."""
    return str(files("forecast") / "data" / "co2.csv")


def read(path: str | os.PathLike[str], value: str = "value", time: str = "period") -> Series:
    """Read two columns of a CSV file (UTF-8, comma, one header line).

    Raises InputError for whatever makes the file unusable; periods that are missing, twice or
    out of order are.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            header = lines.fieldnames
            if header is None:
                raise InputError(f"{path} is empty")
            for name in (time, value):
                if header.count(name) != 1:
                    raise InputError(
                        f"{path} has not exactly one column named {name}"
                        f" (its columns: {', '.join(header)})"
                    )
            rows = [
                (
                    (row[time] or "").strip(),
                    _number(row[value], value, path, lines.line_num),
                    lines.line_num,
                )
                for row in lines
            ]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV text in UTF-8 ({error})") from error
    periods = tuple(period for period, _, _ in rows)
    _step(periods, lambda at: f"{path}, line {rows[at][2]}: in the column {time}, ")
    return Series(periods, np.array([number for _, number, _ in rows], dtype=np.float64))


def following(periods: Sequence[str], count: int) -> tuple[str, ...]:
    """The names of the ``count`` periods after these.

    Raises InputError where they do not follow each other evenly.
    """
    last, step, write = _step(periods)
    return tuple(write(last + step * (i + 1)) for i in range(count))


def checked(values: object, season: int, horizon: int) -> NDArray[np.float64]:
    """The values as an array of shape (n,), long enough for the season; else InputError."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("the series is not numeric") from error
    if season < 1:
        raise InputError(f"a season of {season} periods is none")
    if horizon < 1:
        raise InputError(f"a horizon of {horizon} periods is none")
    if array.ndim != 1 or array.size < 2 * season + 3:
        raise InputError(
            f"the series has the shape {array.shape}, too short for a season of {season}"
        )
    if not np.isfinite(array).all():
        raise InputError("the series has values that are not finite numbers")
    return array


def _number(text: str | None, column: str, path: object, line: int) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}, line {line}: {column} is {text or 'missing'}, not a number")
    return value


Write = Callable[[int], str]

# Each form of a period: how it looks, its place on a line of whole numbers, and the way back.
_FORMS: tuple[tuple[str, Callable[[re.Match[str]], int], Write], ...] = (
    (r"(\d{4})", lambda m: int(m[1]), lambda n: f"{n:04}"),
    (
        r"(\d{4})-?Q([1-4])",
        lambda m: int(m[1]) * 4 + int(m[2]) - 1,
        lambda n: f"{n // 4:04}-Q{n % 4 + 1}",
    ),
    (
        r"(\d{4})-(0[1-9]|1[0-2])",
        lambda m: int(m[1]) * 12 + int(m[2]) - 1,
        lambda n: f"{n // 12:04}-{n % 12 + 1:02}",
    ),
    (
        r"(\d{4}-\d\d-\d\d)",
        lambda m: date.fromisoformat(m[1]).toordinal(),
        lambda n: date.fromordinal(n).isoformat(),
    ),
)


def _step(
    periods: Sequence[str], where: Callable[[int], str] = lambda at: ""
) -> tuple[int, int, Write]:
    """Where the last period is, how far each is from the next, and how places are written.

    ``where`` says, for an error, where a period stands.
    """
    if len(periods) < 2:
        raise InputError(f"there are {len(periods)} periods")
    for pattern, place, write in _FORMS:
        if not re.fullmatch(pattern, periods[0]):
            continue
        places = []
        for at, period in enumerate(periods):
            match = re.fullmatch(pattern, period)
            try:
                places.append(place(match) if match else -1)
            except ValueError:
                places.append(-1)
            if places[-1] < 0:
                found = f"{where(at)}{period or 'an empty cell'}"
                raise InputError(f"{found} is no period like {periods[0]}")
        step = places[1] - places[0]
        for at in range(1, len(places)):
            if places[at] - places[at - 1] != step or step < 1:
                found = f"{where(at)}{periods[at]}"
                raise InputError(f"{found} does not follow the period before it evenly")
        return places[-1], step, write
    raise InputError(f"{where(0)}{periods[0] or 'an empty cell'} is no period")

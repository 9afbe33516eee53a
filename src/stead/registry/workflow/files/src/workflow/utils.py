"""Read rows from a CSV file, and the errors of a workflow."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from importlib.resources import files

EXPECTED = (
    "a CSV file with a header line, at least one row, and numbers in the columns that are used"
)


class InputError(ValueError):
    """Input that cannot be used. The message says what was found and what is expected."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. Expected: {EXPECTED}")


class StepError(Exception):
    """A step gave what its check refuses, or failed. The message names the step; see the cause."""

    def __init__(self, step: str, problem: str) -> None:
        super().__init__(f"step {step}: {problem}")
        self.step = step
        self.problem = problem


def example() -> str:
    """Path of the data that come with this module: the flow of the Nile by year."""
    return str(files("workflow") / "data" / "nile.csv")


def read(path: str | os.PathLike[str], columns: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """Read numbers of the named columns of a CSV file (UTF-8, comma, one header line), row by row.

    Raises InputError for whatever makes the file unusable.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            header = lines.fieldnames
            if header is None:
                raise InputError(f"{path} is empty")
            for name in columns:
                if header.count(name) != 1:
                    raise InputError(
                        f"{path} has not exactly one column named {name}"
                        f" (its columns: {', '.join(header)})"
                    )
            rows = tuple(
                tuple(_number(line[name], name, path, lines.line_num) for name in columns)
                for line in lines
            )
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV text in UTF-8 ({error})") from error
    if not rows:
        raise InputError(f"{path} has no row below its header")
    return rows


def _number(text: str | None, column: str, path: object, line: int) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}, line {line}: {column} is {text or 'missing'}, not a number")
    return value

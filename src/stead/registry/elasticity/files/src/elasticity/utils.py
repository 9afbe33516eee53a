"""Read observations from a CSV file and check them."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

EXPECTED = (
    "a CSV file with a header line and, in each row, numbers above 0 in the columns of price and"
    " quantity, and numbers in the columns of the controls"
)


class InputError(ValueError):
    """Input that cannot be used. The message says what was found and what is expected."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. Expected: {EXPECTED}")


@dataclass(frozen=True)
class Observations:
    """What was read: n observations, with m controls."""

    price: NDArray[np.float64]
    """(n,), money or an index, above 0."""
    quantity: NDArray[np.float64]
    """(n,), units sold or consumed, above 0."""
    controls: NDArray[np.float64]
    """(n, m)."""
    names: tuple[str, ...]
    """Of the m controls."""


def example() -> str:
    """Path of the data that come with this module: gasoline in the United States, 1960–1995."""
    return str(files("elasticity") / "data" / "gasoline.csv")


def read(
    path: str | os.PathLike[str],
    price: str = "price",
    quantity: str = "quantity",
    controls: Sequence[str] = (),
) -> Observations:
    """Read the named columns of a CSV file (UTF-8, comma, one header line).

    Raises InputError for whatever makes the file unusable.
    """
    wanted = (price, quantity, *controls)
    if len(set(wanted)) < len(wanted):
        raise InputError(f"a column is named twice: {', '.join(wanted)}")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            header = lines.fieldnames
            if header is None:
                raise InputError(f"{path} is empty")
            missing = [name for name in wanted if header.count(name) != 1]
            if missing:
                raise InputError(
                    f"{path} has not exactly one column named {', '.join(missing)}"
                    f" (its columns: {', '.join(header)})"
                )
            rows = [
                [_number(line[name], name, path, lines.line_num) for name in wanted]
                for line in lines
            ]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV text in UTF-8 ({error})") from error
    if not rows:
        raise InputError(f"{path} has no row below its header")
    table = np.array(rows, dtype=np.float64)
    return Observations(table[:, 0], table[:, 1], table[:, 2:], tuple(controls))


def checked(
    price: object, quantity: object, controls: object = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The three as arrays of shapes (n,), (n,) and (n, m), or InputError."""
    p = _array(price, "price")
    q = _array(quantity, "quantity")
    z = np.empty((p.size, 0)) if controls is None else _array(controls, "controls")
    z = z[:, np.newaxis] if z.ndim == 1 else z
    if p.ndim != 1 or p.shape != q.shape or z.ndim != 2 or len(z) != len(p):
        raise InputError(
            f"shapes do not fit: price {p.shape}, quantity {q.shape}, controls {z.shape}"
        )
    for name, values in (("price", p), ("quantity", q)):
        if values.size and values.min() <= 0:
            row = int(np.argmin(values))
            raise InputError(f"{name} is {values[row]:g} in observation {row + 1}, not above 0")
    return p, q, z


def _array(values: object, name: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not numeric") from error
    if not np.isfinite(array).all():
        raise InputError(f"{name} has values that are not finite numbers")
    return array


def _number(text: str | None, column: str, path: object, line: int) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}, line {line}: {column} is {text or 'missing'}, not a number")
    return value

"""Cells as a grid: interpreters across, everything else down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.values.suite import Result

_INTERPRETER = re.compile(
    r"(?:py|pypy|cpython|jython|graalpy|ironpython|rustpython)?\d+(?:\.\d+)*t?|py|pypy|cpython"
)
"""A factor that says which Python: ``py312``, ``pypy3``, ``3.13``, ``3.14t``."""


Row = tuple[str, str]
"""The name of a package's definition, and the factors left."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns are factors that name an interpreter.

    ``cells`` has results by row and column: several where names differ only in the
    order of their factors. ``alone`` are rows of environments without such a factor.
    """

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[Row, str], tuple[Result, ...]]
    alone: Mapping[Row, tuple[Result, ...]]


def grid(results: Iterable[Result]) -> Grid:
    """Put cells in a grid; rows in the order they come, columns by version."""
    cells: dict[tuple[Row, str], tuple[Result, ...]] = {}
    alone: dict[Row, tuple[Result, ...]] = {}
    for one in results:
        if one.kind != "cell":
            continue
        column, rest = split(one.environment or one.job)
        row = (one.definition, rest)
        if column:
            cells[row, column] = (*cells.get((row, column), ()), one)
        else:
            alone[row] = (*alone.get(row, ()), one)
    columns = sorted(dict.fromkeys(column for _, column in cells), key=_order)
    return Grid(tuple(dict.fromkeys(row for row, _ in cells)), tuple(columns), cells, alone)


def split(environment: str) -> tuple[str, str]:
    """Give the factor that names the interpreter, and the others joined again."""
    factors = environment.split("-")
    found = next((f for f in factors if _INTERPRETER.fullmatch(f)), "")
    if found:
        factors.remove(found)
    return found, "-".join(factors)


def _order(column: str) -> tuple[str, list[int]]:
    """Sort ``py39`` before ``py310``: the first digit is the major version."""
    name, digits = re.match(r"(\D*)(.*)", column).groups()  # type: ignore[union-attr]
    if "." in digits:
        version = [int(n) for n in re.findall(r"\d+", digits)]
    else:
        number = re.sub(r"\D", "", digits)
        version = [int(n) for n in (number[:1], number[1:]) if n]
    return ("" if name == "py" else name, version)

"""Environments of TOML tables: products of factors, ranges, labels."""

from __future__ import annotations

import itertools
from typing import Any

from stead.formats.tox._substitute import Unfit
from stead.values.factors import minors
from stead.values.frozen import dataclass

RESERVED = frozenset({"env", "posargs", "tty", "glob", "factor"})


@dataclass(frozen=True)
class FactorGroup:
    """Factors of which a name has one; ``default`` stands in for a name that has none."""

    values: tuple[str, ...]
    label: str = ""
    default: str = ""


def environments(value: Any) -> tuple[str, ...]:
    """Expand a list of names, products (``{product = […], exclude = […]}``) and ranges.

    Raises :class:`Unfit`.
    """
    if not isinstance(value, list):
        raise Unfit("this must be a list of environments")
    names: list[str] = []
    for item in value:
        if isinstance(item, str):
            names.append(item)
        elif not isinstance(item, dict):
            raise Unfit("entries are names, or tables with product or prefix")
        elif "product" not in item:
            names += group(item).values
        elif "prefix" in item:
            raise Unfit("product and prefix exclude each other")
        else:
            names += product(groups(item["product"]), item.get("exclude") or [])
    return tuple(dict.fromkeys(names))


def product(factors: tuple[FactorGroup, ...], exclude: Any = ()) -> list[str]:
    """Join one factor of each group with dashes, in all ways but those excluded."""
    if not isinstance(exclude, list | tuple):
        raise Unfit("exclude must be a list of names")
    if not factors:
        return []
    every = itertools.product(*(one.values for one in factors))
    return [name for each in every if (name := "-".join(each)) not in exclude]


def groups(value: Any) -> tuple[FactorGroup, ...]:
    if not isinstance(value, list):
        raise Unfit("product must be a list of groups of factors")
    return tuple(map(group, value))


def group(value: Any) -> FactorGroup:
    """Read a group: a list, ``{prefix, start, stop}``, or either of them under a label."""
    if isinstance(value, list):
        if not all(isinstance(one, str) for one in value):
            raise Unfit("the factors of a group must be strings")
        return FactorGroup(tuple(value))
    if isinstance(value, dict) and "prefix" in value:
        return _with_default(FactorGroup(_range(value)), value)
    if isinstance(value, dict) and len(value) == 1:
        label, inner = next(iter(value.items()))
        if label in RESERVED:
            raise Unfit(f'"{label}" cannot be a label: it has a meaning of its own in braces')
        if isinstance(inner, list):
            return FactorGroup(tuple(map(str, inner)), label)
        if isinstance(inner, dict) and "prefix" in inner:
            return _with_default(FactorGroup(_range(inner), label), inner)
        if isinstance(inner, dict) and isinstance(inner.get("values"), list):
            return _with_default(FactorGroup(tuple(map(str, inner["values"])), label), inner)
    raise Unfit("a group of factors is a list, a table with prefix, or either under one label")


def _with_default(made: FactorGroup, table: dict[str, Any]) -> FactorGroup:
    default = table.get("default")
    if default is None:
        return made
    if default not in made.values:
        raise Unfit(f'the default "{default}" is not among the factors {", ".join(made.values)}')
    return FactorGroup(made.values, made.label, default)


def _range(table: dict[str, Any]) -> tuple[str, ...]:
    start, stop = table.get("start"), table.get("stop")
    if start is None and stop is None:
        raise Unfit("a range needs start or stop")
    for bound in (start, stop):
        if bound is not None and type(bound) is not int:
            raise Unfit("start and stop of a range are whole numbers")
    if start is not None and stop is not None:
        numbers = list(range(start, stop + 1))
    else:
        numbers = minors(start, stop)
    return tuple(f"{table['prefix']}{number}" for number in numbers)

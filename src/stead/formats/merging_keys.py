"""Merging three versions of a TOML manifest key by key, where its lines do not fit together."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_splice
from stead.formats.merging_comments import with_comments
from stead.formats.merging_requirements import edited, holds_requirements, merged
from stead.formats.merging_values import NONE, same
from stead.formats.toml_lines import Scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    Table = Mapping[str, Any]
    Path = tuple[str, ...]


def merge_keys(base: str, mine: str, theirs: str, *, requirements: bool = False) -> str | None:
    """Bring the keys that ``theirs`` changed in ``base`` into ``mine``.

    With ``requirements``, as a ``pyproject.toml``: lists of requirements are merged by name.

    None where both changed one key, each in another way, where a text is no TOML, and where
    the result would not read back as exactly what it should.
    """
    try:
        was, own, then = (tomllib.loads(text) for text in (base, mine, theirs))
    except tomllib.TOMLDecodeError:
        return None
    changes = _changes((), (was, own, then), _headers(theirs), requirements=requirements)
    if changes is None:
        return None
    wanted, text = own, mine.replace("\r\n", "\n")
    try:
        for path, value in changes:
            held = _at(wanted, path)
            wanted = _with(wanted, path, value)
            lists = requirements and isinstance(held, list) and isinstance(value, list)
            if lists and holds_requirements(path):
                text = edited(text, path, held, value)
            elif value is NONE:
                text = _toml_splice.drop(text, path[:-1], path[-1])
            else:
                text = _toml_splice.put(text, path[:-1], path[-1], value)
        read = tomllib.loads(text)
    except (LookupError, TypeError, ValueError):
        return None  # an edit that the layout does not allow
    if not same(read, wanted):
        return None
    text = _said(base, mine, theirs, text)
    return text.replace("\n", "\r\n") if "\r\n" in mine else text


def _said(base: str, mine: str, theirs: str, done: str) -> str:
    """Give the text with upstream's comments too, where it still reads the same with them."""
    was, own, then = (text.replace("\r\n", "\n") for text in (base, mine, theirs))
    more = with_comments(was, own, then, done)
    try:
        if same(tomllib.loads(more), tomllib.loads(done)):
            return more
    except tomllib.TOMLDecodeError:
        pass
    return done


def _headers(text: str) -> set[Path]:
    """Give the tables that have a header, and those that these are in."""
    paths = [s.path for s in Scan(text.replace("\r\n", "\n"), layout=True).statements if s.header]
    return {tuple(map(str, path[:size])) for path in paths for size in range(1, len(path) + 1)}


def _changes(
    path: Path, sides: tuple[Table, Table, Table], headers: set[Path], *, requirements: bool
) -> list[tuple[Path, Any]] | None:
    """List what is to be done to mine, the second; None where that contradicts what it has."""
    was, own, then = sides
    found: list[tuple[Path, Any]] = []
    for key in (*then, *(k for k in was if k not in then)):
        a, b, c = (table.get(key, NONE) for table in (was, own, then))
        if same(c, a) or same(c, b):
            continue
        here = (*path, key)
        x, y, z = ({} if t is NONE else t for t in (a, b, c))
        both = isinstance(b, dict) or (b is NONE and c is not NONE and here in headers)
        if same(a, b) and (c is NONE or not (both and c)):
            found.append((here, c))
        elif both and all(isinstance(t, dict) for t in (x, y, z)):
            inner = _changes(here, (x, y, z), headers, requirements=requirements)
            if inner is None:
                return None
            found += inner
        elif same(a, b):
            found.append((here, c))
        elif requirements and holds_requirements(here) and (by_name := merged(a, b, c)) is not None:
            found.append((here, by_name))
        else:
            return None
    return found


def _at(table: Any, path: Path) -> Any:
    for key in path:
        table = table.get(key, NONE) if isinstance(table, dict) else NONE
    return table


def _with(table: Table, path: Path, value: Any) -> dict[str, Any]:
    """Give a table with one value changed."""
    key, *rest = path
    changed = dict(table)
    if rest:
        changed[key] = _with(changed.get(key, {}), tuple(rest), value)
    elif value is NONE:
        del changed[key]
    else:
        changed[key] = value
    return changed

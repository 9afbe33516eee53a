"""Merging lists of requirements by the packages that they name.

Their order means nothing, and both sides add at the end: by lines that is a conflict, by names
it is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_splice
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from collections.abc import Iterator

    Path = tuple[str, ...]

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


def holds_requirements(path: Path) -> bool:
    """Say whether a list of a ``pyproject.toml`` holds requirements."""
    return path in (("project", "dependencies"), ("build-system", "requires")) or (
        path[:-1] in (("project", "optional-dependencies"), ("dependency-groups",))
    )


def merged(base: Any, mine: Any, theirs: Any) -> list[Any] | None:
    """Bring the requirements that ``theirs`` changed into ``mine``: what is new comes last.

    None where both changed one, and where a list names a package twice or holds something else.
    """
    was, own, then = map(_by_name, (base, mine, theirs))
    if was is None or own is None or then is None:
        return None
    found = dict(own)
    for name in (*then, *(n for n in was if n not in then)):
        a, b, c = was.get(name), own.get(name), then.get(name)
        if c in (a, b):
            continue
        if a != b:
            return None
        if c is None:
            del found[name]
        else:
            found[name] = c
    return list(found.values())


def edited(text: str, path: Path, mine: list[Any], wanted: list[Any]) -> str:
    """Change a list in a TOML text element by element: its layout and comments stay."""
    names = [_name(element) for element in wanted]
    for index in reversed(range(len(mine))):
        if _name(mine[index]) not in names:
            text = _toml_splice.drop_element(text, path, index)
    kept = [element for element in mine if _name(element) in names]
    for index, element in enumerate(wanted):
        if index >= len(kept):
            text = _toml_splice.append(text, path[:-1], path[-1], element)
        elif kept[index] != element:
            text = _toml_splice.replace_element(text, path, index, element)
    return text


def _by_name(elements: Any) -> dict[str, str] | None:
    if not isinstance(elements, list) or not all(isinstance(e, str) for e in elements):
        return None
    found = dict(_named(elements))
    return found if len(found) == len(elements) and "" not in found else None


def _named(elements: list[str]) -> Iterator[tuple[str, str]]:
    for element in elements:
        yield _name(element), element


def _name(element: str) -> str:
    found = _NAME.match(element)
    return normalize_pypi(found[1]) if found else ""

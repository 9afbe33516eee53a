"""Globs over ``namespace/name``: ``*`` is any text, ``?`` one character, all else itself."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stead.server.values import Visible


ANY = "\0"
"""In a name: stands for any text, as another glob's ``*`` does; no ``?`` covers it."""

_ONE = f"[^{ANY}]"


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    """Compile a glob. What stands between two stars is found where it first is, for good.

    Found later it leaves less to what follows, so there is nothing to go back for: the time grows
    with the lengths' product, however many stars somebody writes.
    """
    first, *others = (
        "".join(_ONE if c == "?" else re.escape(c) for c in part) for part in glob.split("*")
    )
    last = [f".*{others.pop()}"] if others else []
    between = [f"(?>.*?{part})" for part in others if part]
    return re.compile("".join([first, *between, *last]), re.DOTALL)


def admits_name(glob: str, name: str) -> bool:
    """Say whether one glob matches one name."""
    return _pattern(glob).fullmatch(name) is not None


def split(glob: str) -> tuple[str, str]:
    """Split a glob into the namespace's and the environment's; a bare one is a namespace's."""
    namespace, slash, name = glob.partition("/")
    return namespace, name if slash else "*"


def admits(visible: Visible, namespace: str, name: str) -> bool:
    """Say whether an environment may be seen."""
    return any(
        admits_name(first, namespace) and admits_name(second, name)
        for first, second in map(split, visible.globs)
    )


def may_hold(visible: Visible, namespace: str) -> bool:
    """Say whether something in a namespace may be seen."""
    return any(admits_name(split(glob)[0], namespace) for glob in visible.globs)


def names_within(visible: Visible, namespace: str) -> tuple[str, ...]:
    """Give the globs by which a namespace's environments may be seen; ``("*",)`` for all."""
    found = [second for first, second in map(split, visible.globs) if admits_name(first, namespace)]
    return ("*",) if "*" in found else tuple(dict.fromkeys(found))

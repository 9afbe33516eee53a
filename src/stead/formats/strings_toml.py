"""TOML that holds nothing but strings: what an encrypted file of secrets is, once opened."""

from __future__ import annotations

import tomllib

from stead.formats import _toml_splice
from stead.formats._toml_text import key as _key


class StringsError(Exception):
    """The text is not what it should be. Says the line or the names, and no value."""


def read(text: str) -> dict[str, str]:
    """Give all names and values, in their order. Raises StringsError."""
    import re

    table, line = None, ""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = f"line {found[1]}" if found else "its end"
    if table is None:
        raise StringsError(f"this is not TOML: see {line}")
    others = [name for name, value in table.items() if not isinstance(value, str)]
    if others:
        raise StringsError(f"not a string in quotes: {', '.join(map(_key, others))}")
    return table


def put(text: str, name: str, value: str) -> str:
    """Set one string and leave everything else as it is. Raises StringsError.

    ``value`` must be text (no lone surrogates: ValueError).
    """
    before = read(text)
    if text and not text.endswith("\n"):
        text += "\n"
    changed = _toml_splice.put(text, (), name, value)
    if read(changed) != {**before, name: value}:
        raise StringsError(f"{name} cannot be set without changing more")
    return changed

"""How errors speak of paths, types and values of TOML."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

Path = tuple["str | int", ...]

TYPES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    date: "a date",
    datetime: "a date and time",
    dict: "a table",
    list: "a list",
}


def dotted(path: Path) -> str:
    """Write a path as TOML would: ``packages.conda."a b"``, ``tasks.t[2]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + bare_or_quoted(part)
    return text


def bare_or_quoted(key: str) -> str:
    """Write a key as TOML needs it."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", key):
        return key
    import json

    return json.dumps(key, ensure_ascii=False)


def describe(value: Any) -> str:
    """Say in words what a parsed value is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        short = value if len(value) <= 40 else value[:39] + "…"
        return f'the string "{short}"'
    if isinstance(value, int | float):
        return f"the number {getattr(value, 'text', value)}"
    name = TYPES.get(type(value), type(value).__name__)
    return f"an empty {name.split()[1]}" if isinstance(value, dict | list) and not value else name


def list_of(expected: str) -> str:
    """Give the words for a list of what these words name."""
    article, _, noun = expected.partition(" ")
    if article not in ("a", "an") or " or " in expected or "," in expected:
        return f"a list whose elements are each {expected}"
    head, _, tail = noun.partition(" ")
    return f"a list of {head}s" + (f" {tail}" if tail else "")


def either(texts: list[str]) -> str:
    """Join words by commas and a last "or"."""
    unique = list(dict.fromkeys(texts))
    if len(unique) == 1:
        return unique[0]
    return ", ".join(unique[:-1]) + " or " + unique[-1]


def as_arguments(key: str, command: str) -> str:
    """Show a command line as the list of arguments it should be."""
    import json
    import shlex

    if any(sign in command for sign in "|&;<>$`*"):
        shell = json.dumps(["sh", "-c", command], ensure_ascii=False)
        return (
            f"a command is a list of arguments, and no shell reads it; to have one: {key} = {shell}"
        )
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    shown = json.dumps(words, ensure_ascii=False)
    return f"a command is a list of arguments: {key} = {shown}"

"""The text of a ``stead.toml`` that declares variables taken from elsewhere, for review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.formats import _toml_text
from stead.values.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Proposed:
    """One variable: a text for the short form, or the keys of its table."""

    name: str
    value: str | Mapping[str, Any]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table such as ``("app", "web", "vars")``, and what is said above it."""

    table: tuple[str, ...]
    variables: tuple[Proposed, ...]
    comment: str = ""
    head: tuple[tuple[str, Any], ...] = field(default=())
    """Keys of the table above (``[app.web]``), written before it."""


def write(head: str, sections: Iterable[Section]) -> str:
    """Write the manifest; comments go on lines of their own."""
    blocks = [_comment(head)]
    for section in sections:
        block = _comment(section.comment)
        if section.head:
            block += f"[{_toml_text.dotted(section.table[:-1])}]\n"
            block += "".join(f"{k} = {_toml_text.value(v)}\n" for k, v in section.head) + "\n"
        block += f"[{_toml_text.dotted(section.table)}]\n"
        for variable in section.variables:
            block += _comment(variable.comment)
            block += f"{_toml_text.key(variable.name)} = {_written(variable.value)}\n"
        blocks.append(block)
    return "\n".join(blocks)


def _written(value: str | Mapping[str, Any]) -> str:
    if not isinstance(value, str):
        return _toml_text.value(dict(value))
    plain = value.isascii() and value.isdigit() and str(int(value)) == value and len(value) < 16
    return value if plain else _toml_text.string(value)


def _comment(text: str) -> str:
    return "".join(f"# {' '.join(line.split())}\n" for line in text.splitlines() if line.strip())

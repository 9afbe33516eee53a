"""Values as TOML text."""

from __future__ import annotations

from typing import Any

from stead.values.patterns import regex

_ESCAPES = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
_HOSTILE = regex(r'["\\\x00-\x1f\x7f]')
_BARE = regex(r"[A-Za-z0-9_-]+")


def string(text: str) -> str:
    """Write a TOML string on one line, which is a JSON string too.

    Raises :class:`ValueError` for what is not Unicode text (lone surrogates).
    """
    if _HOSTILE.search(text):
        text = _HOSTILE.sub(lambda m: _ESCAPES.get(m[0]) or f"\\u{ord(m[0]):04x}", text)
    text.encode()
    return f'"{text}"'


def key(text: str) -> str:
    """Write a key, in quotes where it needs them."""
    return text if _BARE.fullmatch(text) else string(text)


def dotted(path: tuple[str | int, ...]) -> str:
    """Write a dotted key, or what stands in a header."""
    return ".".join(key(str(part)) for part in path)


def value(item: Any) -> str:
    """Write a value on one line: texts, numbers, truth values, lists and tables of these."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str):
        return string(item)
    if isinstance(item, int | float):
        return repr(item)
    if isinstance(item, list | tuple):
        return f"[{', '.join(value(v) for v in item)}]"
    if isinstance(item, dict):
        pairs = ", ".join(f"{key(k)} = {value(v)}" for k, v in item.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    raise ValueError(f"TOML cannot hold {item!r}")

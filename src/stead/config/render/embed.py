"""One value as it stands in a file of some format: what templates embed and writers write.

Every function gives text that a reader of the format reads back as the value it
was given. What the format cannot hold, or its readers take differently, raises
:class:`UnholdableError`, which says why and never shows the value.
"""

from __future__ import annotations

import json as _json
import math
from typing import TYPE_CHECKING, Any

from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable

YAML_PLAIN = regex(r"[A-Za-z_/][A-Za-z0-9_./-]*\Z")
"""Text that no version of YAML takes for anything but a string, unless it is a word."""

# What YAML 1.1 takes for a truth value or for nothing, in any case.
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_INTEGERS_OF_TOML = range(-(2**63), 2**63)
_CONTROL = regex(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPED = regex(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = regex(r"[\ud800-\udfff]")
_INI_COMMENT = regex(r"\s[;#]")


class UnholdableError(ValueError):
    """A format cannot hold a value; the text says why, without showing it."""


def text_of(value: Any) -> str:
    """Give the text that a process would get for a typed value.

    Raises UnholdableError for one that has no such text (a list, a table).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise UnholdableError("there is no value")
    if isinstance(value, list | tuple | dict):
        raise UnholdableError("a list or table has no text of its own: write `| json` behind it")
    return value if isinstance(value, str) else str(value)


def json(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON."""
    _check(value, "JSON")
    return _json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=True)


def yaml(value: Any) -> str:
    """Write a value as a node of YAML, in one line, that YAML 1.1 and 1.2 read alike."""
    if isinstance(value, str):
        _check_text(value)
        if YAML_PLAIN.match(value) and value.lower() not in _YAML_WORDS:
            return value
        return _quoted(value)
    if isinstance(value, bool) or value is None:
        return _json.dumps(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        return _dotted(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{_quoted(_key(k))}: {_flow(v)}" for k, v in sorted(value.items()))
        return "{" + ", ".join(pairs) + "}"
    return str(value)


def toml(value: Any) -> str:
    """Write a value as one of TOML 1.0."""
    if isinstance(value, str):
        _check_text(value)
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value not in _INTEGERS_OF_TOML:
            raise UnholdableError("TOML's integers have 64 bits")
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        return _dotted(value)
    if value is None:
        raise UnholdableError("TOML has no null")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{_quoted(_key(k))} = {toml(v)}" for k, v in sorted(value.items()))
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    return toml(str(value))


def toml_key(name: str) -> str:
    """Write one part of a key of TOML, quoted where it must be."""
    bare = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    return name if bare else toml(name)


def ini(value: Any, percent: str = "") -> str:
    """Write a value behind the ``=`` of an INI file.

    ``percent`` says what its reader makes of ``%``: ``double`` for one that
    interpolates (Python's configparser), ``keep`` for one that does not. Without
    it a ``%`` cannot be held: the two would differ.
    """
    text = text_of(value)
    _check_text(text)
    if _CONTROL.search(text):
        raise UnholdableError("an INI file cannot hold a line end or another control character")
    if text != text.strip():
        raise UnholdableError("readers of INI files strip spaces around a value")
    if _INI_COMMENT.search(text) or text.startswith((";", "#")):
        raise UnholdableError("some readers of INI files take `;` and `#` for a comment there")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        raise UnholdableError("some readers of INI files take the quotes around a value away")
    if percent not in ("", "double", "keep"):
        raise UnholdableError('`percent` is "double" or "keep"')
    if "%" in text and not percent:
        raise UnholdableError(
            "configparser interpolates `%` and other readers do not: in a template, write "
            '`| ini("double")` for it, `| ini("keep")` for them'
        )
    return text.replace("%", "%%") if percent == "double" else text


def properties(value: Any) -> str:
    """Write a value of Java's properties, in ASCII."""
    text = text_of(value)
    _check_text(text)
    body = "".join(_PROPERTY.get(char) or _property_char(char) for char in text)
    return "\\" + body if body.startswith(" ") else body


def properties_key(name: str) -> str:
    """Write a key of Java's properties, in ASCII."""
    _check_text(name)
    return "".join(
        f"\\{char}" if char in " :=#!" else _PROPERTY.get(char) or _property_char(char)
        for char in name
    )


def shell(value: Any) -> str:
    """Quote a value as one word of a POSIX shell."""
    import shlex

    text = text_of(value)
    _check_text(text)
    return shlex.quote(text)


def urlencode(value: Any) -> str:
    """Percent-encode a value for any part of a URL: a slash too."""
    from urllib.parse import quote

    text = text_of(value)
    _check_text(text)
    return quote(text, safe="")


FILTERS: dict[str, Callable[..., str]] = {
    "ini": ini,
    "json": json,
    "properties": properties,
    "shell": shell,
    "toml": toml,
    "urlencode": urlencode,
    "yaml": yaml,
}
"""What a template may put behind a value, so that it fits where it stands."""

OF_TEXT = frozenset({"ini", "properties", "shell", "urlencode"})
"""Of these, the ones that take the text of a variable and not its typed value."""

_PROPERTY = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def _property_char(char: str) -> str:
    if " " <= char <= "~":
        return char
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def _dotted(value: float) -> str:
    """Write a float so that no reader takes it for text: YAML 1.1 wants a dot in ``1e+16``."""
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if e and "." not in mantissa:
        return f"{mantissa}.0e{exponent}"
    return text


def _quoted(text: str) -> str:
    """Write a string between double quotes, as JSON, YAML and TOML all read it."""
    body = _json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda m: f"\\u{ord(m.group()):04x}", body)


def _flow(value: Any) -> str:
    """Write a node inside brackets: strings quoted, whatever is in them."""
    return _quoted(value) if isinstance(value, str) else yaml(value)


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise UnholdableError("the keys of a table are text")
    _check_text(key)
    return key


def _check(value: Any, what: str) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise UnholdableError(f"{what} has no number that is infinite, or none")
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, what)
    elif isinstance(value, dict):
        for key, item in value.items():
            _key(key)
            _check(item, what)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise UnholdableError("it holds a NUL character")
    if _SURROGATE.search(text):
        raise UnholdableError("it holds bytes that are not UTF-8")

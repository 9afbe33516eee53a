"""Values of TOML to values, as tox reads those of its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.formats.tox import _product
from stead.formats.tox._convert import flagged, requirement_lines
from stead.formats.tox._substitute import Unfit

if TYPE_CHECKING:
    from stead.formats.tox._keys import Kind


def from_plain(kind: Kind, value: Any) -> Any:
    """Make a value of a key's kind of what TOML holds. Raises :class:`Unfit`."""
    match kind:
        case "str" | "maybe str":
            return _is(value, str, "a string")
        case "path":
            from stead.formats.tox._convert import path

            return path(_is(value, str, "a string"))
        case "bool" | "maybe bool":
            return _is(value, bool, "true or false")
        case "int" | "float":
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise Unfit("must be a number")
            try:
                return int(value) if kind == "int" else float(value)
            except ValueError:
                raise Unfit("must be a number") from None
        case "list":
            return (value,) if isinstance(value, str) else _texts(value)
        case "set":
            return tuple(sorted(set(_texts(value))))
        case "envs":
            return _product.environments(value)
        case "labels":
            table = _is(value, dict, "a table")
            return tuple((name, _product.environments(many)) for name, many in table.items())
        case "dict":
            table = _is(value, dict, "a table")
            return tuple((k, _is(v, str, "a table of strings")) for k, v in table.items())
        case "command":
            return flagged(_arguments(value))
        case "commands":
            return tuple(flagged(_arguments(one)) for one in _is(value, list, "a list") if one)
        case "deps" | "constraints":
            lines = value if isinstance(value, str) else "\n".join(_texts(value))
            return requirement_lines(lines)
    raise AssertionError(kind)


def _is(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise Unfit(f"must be {name}, not {value!r}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Unfit("must be a list of strings")
    return tuple(value)


def _arguments(value: Any) -> list[str]:
    if not value or not isinstance(value, list) or not all(isinstance(o, str) for o in value):
        raise Unfit('a command is a list of arguments: ["pytest", "-q"]')
    return list(value)

"""Values given on the command line in place of a file's, or behind them: ``testenv.deps+=six``."""

from __future__ import annotations

from stead.formats.tox._set_env import SetEnv
from stead.formats.tox._substitute import Unfit
from stead.values.errors import UsageError
from stead.values.frozen import dataclass
from stead.values.origin import Origin
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from stead.formats.tox._keys import Key

_DOT = regex(r"(?<!\\)\.")
_LISTS = ("list", "commands", "deps", "constraints")


@dataclass(frozen=True)
class Override:
    """``SECTION.KEY=TEXT``; with ``+=`` (``append``) the text is added to what the file has.

    ``section`` is empty for the main table of TOML.
    """

    section: str
    key: str
    text: str
    append: bool
    where: Origin


def override(text: str) -> Override:
    r"""Read an override; ``\\.`` in a section's name is a dot of its own. Raises UsageError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"the override {text!r} has no = sign", remedy="write SECTION.KEY=VALUE, as tox has it"
        )
    append = name.endswith("+")
    *section, key = (part.replace("\\.", ".") for part in _DOT.split(name.removesuffix("+")))
    return Override(".".join(section), key, value, append, Origin(f"-x {text}"))


def of_section(overrides: Iterable[Override], section: str) -> tuple[Override, ...]:
    return tuple(one for one in overrides if one.section == section)


def joined(key: Key, value: Any, more: Any) -> Any:
    """Add an override's value to one. Raises :class:`Unfit` where there is nothing to add to."""
    if isinstance(value, SetEnv):
        value.add(more)
        return value
    if key.kind in _LISTS:
        return (*value, *more)
    if key.kind == "set":
        return tuple(sorted({*value, *more}))
    if key.kind in ("dict", "labels"):
        return tuple({**dict(value), **dict(more)}.items())
    raise Unfit("only lists, sets and tables can be added to: write = in place of +=")


def on_raw(overrides: Sequence[Override], key: str, raw: Any) -> Any:
    """Give what a reference to a raw value finds, as the overrides of its section leave it."""
    from stead.formats.tox._convert import entries, pairs

    for one in overrides:
        if one.key != key:
            continue
        if isinstance(raw, list):
            raw = [*(raw if one.append else ()), *entries(one.text)]
        elif isinstance(raw, dict):
            raw = {**(raw if one.append else {}), **dict(pairs(one.text))}
        else:
            raw = f"{raw}\n{one.text}" if one.append else one.text
    return raw

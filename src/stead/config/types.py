"""Types of variables: the text that a process gets, and the value that it means.

==============  ==========================================================================
``str``         any text
``int``         a whole number as TOML writes it (``1_000``, ``0x1f``)
``float``       a number, likewise
``bool``        ``true``/``false``, ``yes``/``no``, ``on``/``off``, ``1``/``0`` in any
                case; a process gets ``true`` or ``false``
``enum``        one of its choices
``url``         with scheme and host; of ``schemes`` only, where there are any
``host``        a name or an address
``port``        1 to 65535
``path``        written with ``/``, relative to its manifest
``paths``       several, as a list or joined by the platform's separator
``duration``    ``5s``, ``1m30s``, ``PT5S``; a process gets seconds: ``90s``, ``250ms``
``bytes``       ``10 GiB``, ``5MB``; a process gets the number
``json``        a process gets it without white space
``data``        a directory of content
``secret``      any text
==============  ==========================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.config import addresses, locations, quantities
from stead.config.faults import TypeFault
from stead.values.kinds import TYPES
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.kinds import Raw, Type
    from stead.values.platform import Platform

__all__ = ["TypeFault", "check_everywhere", "check_type", "parse", "quoted_within", "value"]

_TRUTH = {
    **dict.fromkeys(("true", "1", "yes", "on"), "true"),
    **dict.fromkeys(("false", "0", "no", "off"), "false"),
}
_MEASURED = frozenset(["int", "float", "port", "duration", "bytes"])
_CHOSEN = frozenset(["str", "enum", "int", "port", "host"])
_PATTERNED = frozenset(["str", "url", "host", "path", "secret"])


def parse(type: Type, raw: Raw, platform: Platform, base: str) -> str:  # noqa: A002 (the word for it)
    """Give the canonical text of a value, as a process on ``platform`` gets it.

    ``base`` is the absolute directory that relative paths start from. Raises
    TypeFault, whose message says what was expected and shows nothing of ``raw``.
    """
    name = type.name
    if isinstance(raw, tuple):
        return _parse_list(type, raw, platform, base)
    if "\0" in raw:
        raise TypeFault("expected a text without NUL, which no process can be given")
    if name == "str":
        text = raw
    elif name in _MEASURED:
        number = _measure(name, raw)
        _check_bounds(type, number)
        text = _measured_text(name, number)
    elif name == "bool":
        if (text := _TRUTH.get(raw.lower(), "")) == "":
            raise TypeFault("expected true or false", _advice(raw.lower(), _TRUTH))
    elif name == "url":
        scheme = addresses.url(raw).scheme
        if type.schemes and scheme not in type.schemes:
            expected = " or ".join(f"{s}://" for s in type.schemes)
            raise TypeFault(f"expected an address that begins with {expected}")
        text = raw
    elif name == "host":
        text = addresses.host(raw)
    elif name in ("path", "data"):
        text = locations.location(raw, platform, base)
    elif name == "paths":
        text = locations.locations(locations.split_list(raw, platform), platform, base)
    elif name == "json":
        text = _json_text(raw)
    else:  # enum, secret
        text = raw
    if type.choices and text not in type.choices:
        raise TypeFault(f"expected one of {', '.join(type.choices)}", _advice(raw, type.choices))
    if type.pattern and not re.fullmatch(type.pattern, raw):
        raise TypeFault(f"expected a text that matches {type.pattern}")
    return text


def value(type: Type, text: str, platform: Platform) -> Any:  # noqa: A002
    """Give what a canonical text means in Python.

    ``int`` and ``port`` give int, ``bytes`` the number of bytes, ``float`` and
    ``duration`` (seconds) float, ``bool`` bool, ``paths`` a list of str, ``json``
    what it holds, all others the text.
    """
    name = type.name
    if name in ("int", "port", "bytes"):
        return int(text)
    if name == "float":
        return float(text)
    if name == "bool":
        return text == "true"
    if name == "duration":
        return quantities.nanoseconds(text) / 1e9
    if name == "paths":
        return locations.split_list(text, platform)
    if name == "json":
        import json

        return json.loads(text)
    return text


def check_type(type: Type) -> list[str]:  # noqa: A002
    """Say what is wrong with a type itself: limits that mean nothing for it, or contradict."""
    name = type.name
    if name not in TYPES:
        like = nearest(name, TYPES)
        return [f"there is no type {name!r}" + (f"; did you mean {like}?" if like else "")]
    faults = [
        f"{name} takes no {limit}"
        for limit, given, taken in (
            ("min", type.minimum, name in _MEASURED),
            ("max", type.maximum, name in _MEASURED),
            ("choices", type.choices, name in _CHOSEN),
            ("scheme", type.schemes, name == "url"),
            ("pattern", type.pattern, name in _PATTERNED),
        )
        if given and not taken
    ]
    if name == "enum" and not type.choices:
        faults.append("enum needs choices")
    if name in _MEASURED:
        faults += _check_numbers(type)
    if type.pattern:
        try:
            re.compile(type.pattern)
        except re.error as exc:
            faults.append(f"the pattern is not a regular expression: {exc}")
    return faults


def check_everywhere(
    type: Type,  # noqa: A002
    raw: Raw,
    base: str,
    platforms: Iterable[Platform],
) -> tuple[tuple[str, TypeFault], ...]:
    """Give each platform's family with what is wrong there with a value of references expanded.

    ``base`` takes no part where it is not of the platform's own writing. Faults
    of kind ``warning`` are what works, but not everywhere as one would think.
    """
    found: list[tuple[str, TypeFault]] = []
    seen = set()
    for platform in platforms:
        family = platform.family
        if family in seen:
            continue
        seen.add(family)
        start = base
        if platform.is_windows and base.startswith("/"):
            start = "C:\\"
        elif not platform.is_windows and not base.startswith("/"):
            start = "/"
        try:
            parse(type, raw, platform, start)
        except TypeFault as fault:
            found.append((family, fault))
            continue
        if type.name not in ("path", "paths"):
            continue
        entries = raw if isinstance(raw, tuple) else (raw,)
        if family == "osx" and type.name == "path":
            found += [(family, fault) for fault in locations.mac_faults(entries[0])]
        if family == "windows" and max(map(len, entries)) >= locations.WINDOWS_LONGEST:
            long = TypeFault(
                "a path of 260 characters and more is beyond many programs on Windows",
                "make it shorter",
                kind="warning",
            )
            found.append((family, long))
    return tuple(found)


def quoted_within(text: str, kind: str) -> str:
    """Write a value of type ``kind`` as it stands inside a URL.

    What is an address already, or part of one, is put in as it is; paths keep
    their ``/``.
    """
    if kind in ("url", "port", "address"):
        return text
    if kind == "host":
        return addresses.bracketed(text)
    from urllib.parse import quote

    return quote(text, safe="/" if kind in ("path", "data") else "", errors="surrogateescape")


def _parse_list(type: Type, raw: tuple[str, ...], platform: Platform, base: str) -> str:  # noqa: A002
    if any("\0" in item for item in raw):
        raise TypeFault("expected texts without NUL, which no process can be given")
    if type.name == "paths":
        return locations.locations(raw, platform, base)
    if type.name == "json":
        import json

        return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    raise TypeFault(f"expected {type.name}, not a list", "lists are for paths and json")


def _measure(name: str, text: str) -> int | float:
    if name == "int":
        return quantities.integer(text)
    if name == "port":
        return addresses.port(text)
    if name == "float":
        return quantities.floating(text)
    return quantities.nanoseconds(text) if name == "duration" else quantities.size(text)


def _measured_text(name: str, number: float) -> str:
    if name == "duration":
        assert isinstance(number, int)
        return quantities.duration_text(number)
    return repr(number)


def _check_bounds(type: Type, number: float) -> None:  # noqa: A002
    if type.minimum and number < _measure(type.name, type.minimum):
        raise TypeFault(f"expected at least {type.minimum}")
    # Written so that NaN, which is not greater than anything, does not pass.
    if type.maximum and not number <= _measure(type.name, type.maximum):
        raise TypeFault(f"expected at most {type.maximum}")


def _check_numbers(type: Type) -> list[str]:  # noqa: A002
    faults = []
    bounds = []
    for limit, text in (("min", type.minimum), ("max", type.maximum)):
        if text:
            try:
                bounds.append(_measure(type.name, text))
            except TypeFault as fault:
                faults.append(f"{limit} is {text!r}: {fault.message}")
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        faults.append(f"min {type.minimum} is above max {type.maximum}")
    for choice in type.choices:
        try:
            if _measured_text(type.name, _measure(type.name, choice)) != choice:
                faults.append(f"the choice {choice!r} is not written as a process gets it")
        except TypeFault as fault:
            faults.append(f"the choice {choice!r} can never be: {fault.message}")
    return faults


def _json_text(text: str) -> str:
    import json

    def no_constant(name: str) -> None:
        raise TypeFault(f"expected JSON, which has no {name}")

    def no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise TypeFault("expected JSON that names no key twice in one object")
        return made

    try:
        held = json.loads(text, parse_constant=no_constant, object_pairs_hook=no_repetition)
        return json.dumps(held, ensure_ascii=False, separators=(",", ":"))
    except ValueError as exc:
        at = f" (at character {exc.pos + 1})" if isinstance(exc, json.JSONDecodeError) else ""
        raise TypeFault(f"expected JSON{at}") from exc
    except RecursionError as exc:
        raise TypeFault("expected JSON that is not nested so deeply") from exc


def _advice(text: str, choices: Iterable[str]) -> str:
    like = next((c for c in choices if c.lower() == text.lower()), None) or nearest(text, choices)
    return f"did you mean {like}?" if like else ""

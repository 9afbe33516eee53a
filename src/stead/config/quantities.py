"""Numbers, durations and sizes: from text to what they are."""

from __future__ import annotations

from stead.config.faults import TypeFault
from stead.values.patterns import regex

_INTEGER = regex(r"([+-]?)(0|[1-9][0-9]*(?:_[0-9]+)*)")
_BASED = regex(r"0(?:x[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*|o[0-7]+(?:_[0-7]+)*|b[01]+(?:_[01]+)*)")
_FLOAT = regex(
    r"[+-]?(?:(?:0|[1-9][0-9]*(?:_[0-9]+)*)(?:\.[0-9]+(?:_[0-9]+)*)?(?:[eE][+-]?[0-9]+)?|inf|nan)"
)
_LONGEST = 4000
"""Digits; Python reads no longer number, and nobody means one."""

_TIME = regex(r"([0-9]{1,18})(?:\.([0-9]{1,9}))?(ns|us|µs|ms|s|min|m|h|d|w)")
_ISO = regex(
    r"P(?:([0-9]{1,9})W|(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:[.,]([0-9]{1,9}))?S)?)?)"
)
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
}
_SIZE = regex(r"([0-9]{1,30})(?:\.([0-9]{1,12}))? ?([A-Za-z]*)")
_POWERS = {letter: power for power, letter in enumerate(("", "k", "m", "g", "t", "p", "e"))}


def integer(text: str) -> int:
    """Read a whole number as TOML writes it; raises TypeFault for any other text."""
    if len(text) <= _LONGEST:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits.isdigit() and digits.startswith("0"):
        raise TypeFault("expected a whole number", "write it without leading zeros")
    raise TypeFault("expected a whole number")


def floating(text: str) -> float:
    """Read a number as TOML writes it; raises TypeFault for any other text."""
    if not _FLOAT.fullmatch(text) or len(text) > _LONGEST:
        raise TypeFault("expected a number")
    number = float(text)
    if number in (float("inf"), float("-inf")) and "inf" not in text:
        raise TypeFault("expected a number of at most 1.8e308")
    return number


def nanoseconds(text: str) -> int:
    """Read a duration: ``90s``, ``1m30s``, ``250ms``, ``2h``, or ISO 8601's ``PT5S``."""
    if text == "0":
        return 0
    if text.startswith("P"):
        return _iso(text)
    total = at = 0
    smallest: int | None = None
    while at < len(text):
        match = _TIME.match(text, at)
        if match is None:
            break
        at = match.end()
        while at < len(text) and text[at] == " ":
            at += 1
        number, fraction, unit = match.groups()
        size = _NANOSECONDS[unit]
        if smallest is not None and size >= smallest:
            raise TypeFault("expected a duration, its largest unit first, such as 1m30s")
        smallest = size
        total += _scaled(number, fraction, size)
    if not text or at < len(text) or text.endswith(" "):
        remedy = "say of what: 5s, 5m, 5h" if text.isdigit() else ""
        raise TypeFault("expected a duration such as 5s, 1m30s or 250ms", remedy)
    return total


def duration_text(nanoseconds: int) -> str:
    """Write a duration: in seconds, or in the largest unit that says it exactly."""
    for unit in ("s", "ms", "us"):
        whole, rest = divmod(nanoseconds, _NANOSECONDS[unit])
        if not rest:
            return f"{whole}{unit}"
    return f"{nanoseconds}ns"


def size(text: str) -> int:
    """Read a size in bytes: ``10 GiB``, ``5MB``, or a plain number of bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise TypeFault("expected a size such as 10 GiB, 5MB or a number of bytes")
    number, fraction, unit = match.groups()
    lower = unit.lower()
    if lower in ("", "b"):
        factor = 1
    elif lower[0] in _POWERS and lower[1:] == "ib":
        factor = 1024 ** _POWERS[lower[0]]
    elif lower[0] in _POWERS and lower[1:] == "b":
        factor = 1000 ** _POWERS[lower[0]]
    elif lower in _POWERS:
        big = unit.upper()
        raise TypeFault(
            "expected a size such as 10 GiB or 5MB",
            f"write {big}iB for steps of 1024, or {'k' if big == 'K' else big}B for steps of 1000",
        )
    else:
        raise TypeFault("expected a size such as 10 GiB, 5MB or a number of bytes")
    return _scaled(number, fraction, factor, "expected a whole number of bytes")


def _iso(text: str) -> int:
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groups()):
        raise TypeFault("expected a duration such as 5s, or as ISO 8601 writes it: PT5S")
    weeks, days, hours, minutes, seconds, fraction = match.groups()
    total = 0
    for number, unit in ((weeks, "w"), (days, "d"), (hours, "h"), (minutes, "m")):
        total += int(number or 0) * _NANOSECONDS[unit]
    return total + _scaled(seconds or "0", fraction, _NANOSECONDS["s"])


def _scaled(number: str, fraction: str | None, factor: int, otherwise: str = "") -> int:
    """Multiply a decimal by a whole number, exactly."""
    if not fraction:
        return int(number) * factor
    scale: int = 10 ** len(fraction)
    whole, rest = divmod(int(number + fraction) * factor, scale)
    if rest:
        raise TypeFault(otherwise or "expected a duration of whole nanoseconds")
    return whole

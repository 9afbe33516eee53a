"""What a check expects: bounds on versions, numbers and sizes, statuses, times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.faults import TypeFault
from stead.values.patterns import regex

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

USUAL = 5.0
"""Seconds that a check gets which says nothing else."""

_DOTTED = regex(
    r"(?<![\d.])\d+(?:\.\d+)+(?:[-.]?(?:alpha|beta|preview|pre|rc|dev|post|a|b)\.?\d*)?"
)
_NAMED = regex(r"(?i)\bversion:?\s+v?(\d+)")
_WHOLE = regex(r"(?<![\w.])v?(\d+)(?![\w.])")
_BARE = regex(r"v?(\d+(?:\.\d+)*)(\.\*)?")
_STATUS = regex(r"[1-5](?:xx|[0-9]{2})")


class MistakeError(ValueError):
    """A check cannot be made as it is written; the text says why."""


def seconds(timeout: str) -> float:
    """Read the time that a check gets. Raises MistakeError."""
    from stead.config.quantities import nanoseconds

    if not timeout:
        return USUAL
    try:
        found = nanoseconds(timeout) / 1e9
    except TypeFault as exc:
        raise MistakeError(f"`timeout` is {timeout!r}: {exc.message}") from exc
    if not 0 < found <= 3600:
        raise MistakeError(f"`timeout` is {timeout!r}: expected up to an hour, and not nothing")
    return found


def size(expect: str) -> int:
    """Read a number of bytes, with or without ``>=`` before it. Raises MistakeError."""
    from stead.config.quantities import size as read

    try:
        return read(expect.strip().removeprefix(">=").strip())
    except TypeFault as exc:
        raise MistakeError(f"{expect!r} is no size: {exc.message}") from exc


def versions(expect: str) -> SpecifierSet:
    """Read bounds on versions: ``>=14,<16``, ``3.*``; a bare ``14`` means any 14.

    Raises MistakeError.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = expect.strip()
    bare = _BARE.fullmatch(text)
    if bare is not None:
        text = f"=={bare.group(1)}.*"
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as exc:
        raise MistakeError(
            f"{expect!r} is no bound on versions: write it like >=14 or >=3.1,<4"
        ) from exc


def fits(version: str, bounds: SpecifierSet) -> bool:
    """Say whether a version is within bounds; false where it is none that can be compared."""
    from packaging.version import InvalidVersion, Version

    try:
        return bounds.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def version_in(text: str) -> str:
    """Find the version that a program says it has; empty where there is none."""
    dotted = _DOTTED.search(text)
    if dotted is not None:
        return dotted.group()
    named = _NAMED.search(text) or _WHOLE.search(text)
    return named.group(1) if named is not None else ""


def at_least(expect: str) -> SpecifierSet:
    """Read a bound on a number; a bare ``4`` means at least 4. Raises MistakeError."""
    text = expect.strip()
    return versions(f">={text}" if text.isdigit() else text)


def statuses(expect: str) -> tuple[str, ...]:
    """Read the statuses that do: ``200``, ``2xx``, ``200, 401``. Raises MistakeError."""
    found = tuple(expect.lower().replace(",", " ").split())
    if not found or not all(_STATUS.fullmatch(status) for status in found):
        raise MistakeError(f"{expect!r} is no status: write it like 200 or 2xx")
    return found


def status_fits(status: int, wanted: tuple[str, ...]) -> bool:
    """Say whether a status is one of those wanted; of none in particular, below 400."""
    if not wanted:
        return status < 400
    return any(w in (str(status), f"{status // 100}xx") for w in wanted)


def in_bytes(number: int) -> str:
    """Write a number of bytes for people."""
    amount, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{number} B" if unit == "B" else f"{amount:.1f} {unit}"

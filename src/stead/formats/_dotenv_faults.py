"""What each program makes of a line that they do not read alike, in words without the value."""

from __future__ import annotations

from typing import TypeAlias

from stead.formats._dotenv_models import DIALECTS, Reading, readings

_Result: TypeAlias = tuple[tuple[bool, str, str], ...]
"""Per statement: whether it can be relied on, name, value."""


def compared(chunk: str) -> tuple[Reading | None, str]:
    """Let every reader read one statement.

    Gives the reading and no words where all agree on it; no reading and no words where
    all pass the statement over; else what each makes of it.
    """
    by_dialect = {d: readings(d, chunk) for d in DIALECTS}
    results = {d: _result(found) for d, found in by_dialect.items()}
    first = results["sh"]
    if all(r == first for r in results.values()) and all(sure for sure, _, _ in first):
        return (by_dialect["sh"][0] if by_dialect["sh"] else None), ""
    groups: dict[tuple[_Result, str], list[str]] = {}
    for dialect, found in by_dialect.items():
        groups.setdefault((results[dialect], _words(found)), []).append(dialect)
    # Two that differ in what they read must differ in words too.
    said = [words for _, words in groups]
    return None, "; ".join(
        f"{', '.join(dialects)}: {words}"
        + (_size(by_dialect[dialects[0]]) if said.count(words) > 1 else "")
        for (_, words), dialects in groups.items()
    )


def _result(found: list[Reading]) -> _Result:
    """Give something that is equal where the readings are."""
    return tuple(
        (not (r.error or r.value is None or r.refers), r.name, r.value or "") for r in found
    )


def _words(found: list[Reading]) -> str:
    if not found:
        return "passes it over"
    words = [reading.how or "as written" for reading in found]
    if len(found) > 1 and not any(r.error for r in found):
        return f"{words[0]}, and reads {len(found) - 1} more from the rest"
    return " and then ".join(dict.fromkeys(words))


def _size(found: list[Reading]) -> str:
    value = found[0].value if found else None
    return f" ({len(value or '')} characters)"

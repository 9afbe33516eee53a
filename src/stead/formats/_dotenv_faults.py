"""What each program makes of a line that they do not read alike, in words without the value."""

from __future__ import annotations

from typing import TypeAlias

from stead.formats._dotenv_models import DIALECTS, Reading, readings
from stead.values.errors import ManifestError
from stead.values.origin import Origin

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


def refusal(faults: list[tuple[int, str]], file: str, *, most: int) -> ManifestError:
    """Make the error of all faults, which are lines and what is said of them; ``most`` ended the look."""
    faults = sorted(faults, key=lambda fault: fault[0])
    count = len(faults)
    details = [f"{Origin(file, line)}: {words}" for line, words in faults]
    if count >= most:
        details.append(f"(the rest of the file was not looked at after {most:,} such lines)")
    return ManifestError(
        "not all programs read this .env alike"
        if count == 1
        else f"not all programs read this .env alike ({count:,} faults)",
        where=Origin(file, faults[0][0]),
        details=details,
        remedy="; ".join(_remedies(faults, file)),
    )


def _remedies(faults: list[tuple[int, str]], file: str) -> list[str]:
    """Say what to do, once for each kind of fault that there is."""
    kinds = {next((mend for sign, mend in _MEND if sign in words), "") for _, words in faults}
    found = [mend for _, mend in _MEND if mend in kinds]
    either = [_QUOTED] if "" in kinds else [found.pop()] if found[-1:] == [_NO_BLANKS] else []
    found += [
        f"{mend}, or let `stead import --portable --dialect compose|node|python {file}` "
        "make a portable file of what that program reads"
        for mend in either
    ]
    return list(dict.fromkeys(found))


_QUOTED = "put the value into single quotes"
_NO_BLANKS = "write NAME=VALUE without blanks around `=`"

_MEND = (
    ("a byte order mark: ", "save the file with LF line ends and without a byte order mark"),
    (" in CRLF: ", "save the file with LF line ends and without a byte order mark"),
    ("a NUL byte, which", "take the NUL bytes out"),
    ("bytes long; Linux", "keep a long value in a file, and put that file's path here"),
    ("gives it another value", "keep one of a name's values"),
    ("joins it to the next name", "take the blanks away that begin the line"),
    ("a quote that nothing closes", "close the quote"),
    ("runs the line as a command", _NO_BLANKS),
)
"""By what a fault says: what to do about it."""

"""A ``.env`` read as one program reads it, for taking it over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.formats import dotenv
from stead.formats._dotenv_models import readings
from stead.values.errors import ManifestError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

DIALECTS = ("compose", "node", "python")
"""What a file can be read as."""


def read(
    text: str, file: str, dialect: str, environ: Mapping[str, str]
) -> tuple[dotenv.DotenvEntry, ...]:
    """Give the variables that a program sets; see :func:`stead.formats.dotenv.read`."""
    return taken(text, file, dialect, environ)[0]


def taken(
    text: str, file: str, dialect: str, environ: Mapping[str, str]
) -> tuple[tuple[dotenv.DotenvEntry, ...], tuple[str, ...]]:
    """Give the variables that a program sets, and what it passes over, in words.

    Raises :class:`ManifestError` for a text that the program refuses as a whole.
    """
    if dialect not in DIALECTS:
        raise ManifestError(
            f"there is no dialect {dialect!r}",
            where=Origin(file),
            remedy=f"use one of {', '.join(DIALECTS)}",
        )
    found: dict[str, dotenv.DotenvEntry] = {}
    notes: list[str] = []
    for reading in readings(dialect, text, environ):
        where = Origin(file, reading.line)
        if reading.error and dialect == "compose":
            raise ManifestError(
                f"docker compose {reading.how}",
                where=where,
                remedy="correct the line, or read the file as another dialect",
            )
        if reading.value is None:
            notes.append(f"{where}: {_named(reading.name)}{dialect} {reading.how}")
            continue
        if "\0" in reading.value or not reading.name or "\n" in reading.name:
            notes.append(f"{where}: {dialect} reads what no process can be given; left out")
            continue
        if reading.name in found and found[reading.name].value != reading.value:
            notes.append(
                f"{where}: {reading.name}: replaces what line "
                f"{found[reading.name].origin.line} says"
            )
        found[reading.name] = dotenv.DotenvEntry(reading.name, reading.value, where, reading.refers)
    return tuple(found.values()), tuple(notes)


def _named(name: str) -> str:
    return f"{name}: " if name.isidentifier() and name.upper() == name else ""

"""The list of those who may read a project's secrets, in its manifest: ``[secrets] recipients``."""

from __future__ import annotations

import os.path
import tomllib
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_splice
from stead.values.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Sequence

TABLE = "secrets"
KEY = "recipients"


def change(
    file: str, text: str, add: Sequence[str], remove: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """Add and take away recipients; gives the new text and who is listed in it.

    ``file`` is the manifest that holds the table: a ``stead.toml`` or a
    ``pyproject.toml``. An SSH key is known by its first two words, whatever its
    comment. Everything else stays as it is. Raises ManifestError for one to take
    away that is not there.
    """
    base = ("tool", "stead") if os.path.basename(file) == "pyproject.toml" else ()
    table = (*base, TABLE)
    for gone in remove:
        had = [_short(r) for r in _listed(text, table)]
        if _short(gone) not in had:
            raise ManifestError(
                f"{gone[:80]} is none of the recipients",
                where=file,
                remedy="`stead secret list` shows who is",
            )
        text = _toml_splice.drop_element(text, (*table, KEY), had.index(_short(gone)))
    for new in add:
        if _short(new) not in [_short(r) for r in _listed(text, table)]:
            text = _toml_splice.append(text, table, KEY, new)
    return text, tuple(_listed(text, table))


def _listed(text: str, table: tuple[str, ...]) -> list[str]:
    at: Any = tomllib.loads(text.replace("\r\n", "\n"))
    for step in (*table, KEY):
        at = at.get(step, {}) if isinstance(at, dict) else {}
    return at if isinstance(at, list) else []


def _short(recipient: str) -> str:
    return " ".join(recipient.split()[:2])

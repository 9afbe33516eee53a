"""What was found wrong, collected: one mistake never hides another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.names import nearest
from stead.values.origin import NOWHERE
from stead.values.table import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.values.errors import ManifestError
    from stead.values.origin import Origin


class Report:
    """Collects findings about one place; files in it are shown relative to it."""

    def __init__(self, place: str) -> None:
        self._place = place.rstrip("/\\")
        self._found: dict[Finding, None] = {}

    def add(
        self,
        message: str,
        where: Origin = NOWHERE,
        *,
        details: Sequence[str] = (),
        remedy: str = "",
        kind: str = "error",
    ) -> None:
        self.put(Finding(message, where, tuple(details), remedy, kind))

    def put(self, finding: Finding) -> None:
        """Add a finding as it is; one that is there already is not added again."""
        self._found[finding] = None

    def take(self, error: ManifestError, where: Origin) -> None:
        """Make an error that was raised a finding."""
        self.add(error.message, where, details=error.details, remedy=error.remedy)

    def at(self, origin: Origin) -> str:
        """Say where something stands: ``stead.toml:31``."""
        if not origin.file:
            return "the command line"
        text = str(origin)
        inside = text.startswith(self._place) and text[len(self._place) :][:1] in ("/", "\\")
        return text[len(self._place) + 1 :] if inside else text

    def by(self, words: str, origin: Origin) -> str:
        """Say who and where: ``client store, stead.toml:31``."""
        if not origin.file:
            return words or self.at(origin)
        at = self.at(origin)
        return at if not words or at.startswith(words) else f"{words}, {at}"

    def sorted(self) -> tuple[Finding, ...]:
        """Give the findings in the order of the files and lines they are about."""
        return tuple(sorted(self._found, key=lambda f: (f.where.file, f.where.line, f.message)))


def suggestion(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Ask for the nearest known name, or say what else to do."""
    like = nearest(name, known)
    return f"did you mean {like}?" if like else otherwise


def listed(names: Sequence[str], last: str = "and") -> str:
    """Write names as a sentence has them: ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"

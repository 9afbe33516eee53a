"""What came of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.frozen import dataclass
from stead.values.origin import NOWHERE, Origin

if TYPE_CHECKING:
    from stead.values.kinds import Check


@dataclass(frozen=True, slots=True)
class Result:
    """A check that was made: whether it holds, and what was seen."""

    check: Check
    ok: bool
    message: str = ""
    """What was seen, in words; secrets are taken out."""
    remedy: str = ""
    details: tuple[str, ...] = ()
    """What a command of one's own said last."""
    took: float = 0.0
    """Seconds."""

    @property
    def where(self) -> Origin:
        return self.check.origin

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where != NOWHERE else ""
        return f"{place}{self.message}"

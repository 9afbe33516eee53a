"""The book: which modules together answer which question."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.item import Answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """One item of a combination."""

    name: str
    registry: str = ""
    """Empty for the only one that has it."""
    version: str = ""
    """Empty for the latest."""
    options: tuple[tuple[str, Answer], ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page: a question, the modules that answer it, and what is to be said about it."""

    name: str
    question: str
    modules: tuple[Wanted, ...]
    text: str
    """Markdown, without what stands before it."""
    source: str = ""
    """Whose book it is in: a registry's name; empty for the project's own."""
    origin: Origin = field(default=NOWHERE, compare=False)

"""What has the texts of generations: this clone's history, or what another one shared, or what is
in no history yet.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from stead.values.generation import Generation
else:
    Protocol = object


class Texts(Protocol):
    """Has the texts that generations refer to. May raise SteadError for one that is gone."""

    def text(self, generation: Generation, name: str) -> bytes | None:
        """Give a manifest's content; None where it did not take part."""

    def lock_text(self, generation: Generation) -> bytes | None:
        """Give the place's part of the lock; None without one."""


class AllTexts(Texts, Protocol):
    """Knows of names, too."""

    def absent(self, generation: Generation) -> frozenset[str]:
        """Give the names of manifests that were known not to be there."""


class Loose:
    """Texts of generations that are in no history."""

    def __init__(self, texts: Mapping[int, Mapping[str, bytes]]) -> None:
        self._texts = texts

    def text(self, generation: Generation, name: str) -> bytes | None:
        return self._texts[generation.number].get(name)

    def lock_text(self, generation: Generation) -> bytes | None:
        return self.text(generation, "@lock")

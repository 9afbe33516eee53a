"""Where items come from: directories, and what others make of them."""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from stead.values.item import Item

    class Source(Protocol):
        """A registry that can be asked."""

        @property
        def name(self) -> str:
            """What the project calls it."""
            ...

        @property
        def location(self) -> str:
            """Its address, without credentials; ``shipped`` for the one that comes with Stead."""
            ...

        @property
        def commit(self) -> str:
            """Of a git registry: the commit that is read. Else empty."""
            ...

        def names(self) -> Sequence[str]:
            """List the names of what there is, sorted; reads as little as it can.

            Raises SteadError where that cannot be read.
            """
            ...

        def items(self) -> tuple[Summary, ...]:
            """List what there is, by name. Raises SteadError where it cannot be read."""
            ...

        def book(self) -> Mapping[str, str]:
            """Give the pages of its book: name → Markdown. Raises SteadError."""
            ...

        def item(self, name: str, version: str = "") -> Item:
            """Give an item with its files, read and checked; the latest without a version.

            Raises RegistryError for one that is not there, or is not what it claims to be.
            """
            ...


INDEX = "index.json"
"""What says that a directory holds a built registry."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a listing says of an item."""

    name: str
    kind: str
    version: str
    """The latest."""
    versions: tuple[str, ...]
    """All that there are, the latest first."""
    summary: str

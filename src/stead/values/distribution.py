"""A Python distribution that another ecosystem brings."""

from __future__ import annotations

from stead.values.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a package of another ecosystem is to Python's packaging.

    One conda package may hold several, or one of another name than its own.
    """

    name: str
    """As its metadata writes it; not normalised."""
    version: str
    metadata: str
    """The text of its core metadata (``METADATA``)."""
    artifact: str
    """The :attr:`~stead.values.lock.Artifact.id` of the package that brings it."""

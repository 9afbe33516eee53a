"""What a build may use."""

from __future__ import annotations

from dataclasses import dataclass

from stead.server.engine.children import MEMORY


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of time in seconds, of memory in bytes of address space (0 for none)."""

    step: float = 3600.0
    build: float = 4 * 3600.0
    memory: int = MEMORY

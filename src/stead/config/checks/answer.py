"""What a check of some kind is given, and what it gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.context import Runner
    from stead.values.platform import Platform
    from stead.values.table import Table


@dataclass(frozen=True, slots=True)
class Answer:
    """What was seen; ``remedy`` and ``details`` only where it is not as it must be."""

    ok: bool
    message: str
    remedy: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """The machine, and the process that is to start on it."""

    table: Table
    environ: Mapping[str, str]
    """The process's, with which commands are run and found."""
    platform: Platform
    run: Runner
    root: str = "/"
    """Where ``proc`` and ``sys`` are."""

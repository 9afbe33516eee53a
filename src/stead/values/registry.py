"""Registries as a project, or a person's settings, name them."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

SHIPPED = "stead"
"""What the registry is called that comes with Stead."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Where a registry is: a directory, a git repository, or an address of a built one."""

    name: str
    kind: Literal["path", "git", "url"]
    location: str
    """As written: a path is relative to ``base``."""
    revision: str = ""
    """Of a git repository: branch, tag or commit; empty for its default branch."""
    subdirectory: str = ""
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)

"""Registries as a project, or a person's settings, name them."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from stead.values.manifest import Manifest

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


def registries_of(manifests: Iterable[Manifest]) -> tuple[Registry, ...]:
    """Give the registries that manifests name, from the root down; the nearest has the last word."""
    return tuple({r.name: r for m in manifests for r in m.registries}.values())

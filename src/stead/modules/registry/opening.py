"""The registries that a project knows."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.modules.registry.directory import Directory
from stead.values.errors import RegistryError
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.modules.registry import Source

SHIPPED = "stead"
"""The name of the registry that comes with Stead."""


def shipped() -> Directory:
    """Give the registry that comes with Stead."""
    here = os.path.dirname(os.path.abspath(__file__))
    directory = os.path.join(os.path.dirname(os.path.dirname(here)), "registry")
    return Directory(SHIPPED, directory, "shipped")


def sources(directories: Mapping[str, str], base: str) -> tuple[Source, ...]:
    """Give the registries that are known by name: first those of the project, in its order.

    ``directories`` maps names to directories, relative to ``base``.
    """
    given = [
        Directory(name, os.path.normpath(os.path.join(base, path)), path)
        for name, path in directories.items()
    ]
    return (*given, shipped())


def named(known: Sequence[Source], name: str) -> Source:
    """Give one registry. Raises RegistryError, with those that there are."""
    for source in known:
        if source.name == name:
            return source
    names = [s.name for s in known]
    close = nearest(name, names)
    raise RegistryError(
        f"no registry {name} is known" + (f"; did you mean {close}?" if close else ""),
        remedy=f"there are: {', '.join(names)}; others stand in [registries] of stead.toml",
    )

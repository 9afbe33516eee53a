"""The registries that a project knows."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.modules.registry import INDEX
from stead.modules.registry.directory import Directory
from stead.values.errors import ContradictionError, NetworkError, RegistryError
from stead.values.names import nearest
from stead.values.registry import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from stead.modules.registry import Source
    from stead.values.context import Context
    from stead.values.errors import SteadError
    from stead.values.registry import Registry

    T = TypeVar("T")


def shipped() -> Directory:
    """Give the registry that comes with Stead."""
    return Directory(SHIPPED, shipped_directory(), "shipped")


def shipped_directory() -> str:
    """Give where the registry that comes with Stead lies."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(os.path.dirname(os.path.dirname(here)), "registry")


def sources(known: Iterable[Registry], context: Context) -> tuple[Source, ...]:
    """Give the registries that can be asked: the project's, the person's, and the shipped one.

    Nothing is asked yet. Raises ManifestError for settings that cannot be read, and
    ContradictionError where project and person mean different registries by one name: what the
    person keeps for the one is not to be sent to the other.
    """
    from stead.modules.registry.settings import of_person

    given = {r.name: r for r in known}
    for own in of_person(context.environ):
        other = given.setdefault(own.name, own)
        if _place(other) != _place(own):
            raise ContradictionError(
                f"registry {own.name} is another one here than in your settings",
                where=other.origin,
                details=[
                    f"{own.origin}: it is {own.location}",
                    f"{other.origin}: {other.location}",
                ],
                remedy="give one of them another name",
            )
    return (*(opened(r, context) for r in given.values()), shipped())


def opened(registry: Registry, context: Context) -> Source:
    """Give what asks a registry. Nothing is asked yet."""
    if registry.kind == "git":
        from stead.modules.registry.git import Repository

        return Repository(registry, context)
    if registry.kind == "url":
        from stead.modules.registry.built import Built
        from stead.modules.registry.http import Address

        tree = Address(registry.name, registry.location, context)
        return Built(registry.name, registry.location, tree)
    path = os.path.normpath(os.path.join(registry.base, os.path.expanduser(registry.location)))
    return directory(registry.name, path, registry.location)


def directory(name: str, path: str, location: str) -> Source:
    """Give the registry in a directory, built or not."""
    if os.path.isfile(os.path.join(path, INDEX)):
        from stead.modules.registry.built import Built, Files

        return Built(name, location, Files(path))
    return Directory(name, path, location)


def _place(registry: Registry) -> tuple[str, ...]:
    where = registry.location
    if registry.kind == "path":
        where = os.path.normpath(os.path.join(registry.base, os.path.expanduser(where)))
    return (registry.kind, where, registry.subdirectory)


def ask_all(
    known: Iterable[Source], look: Callable[[Source], T]
) -> tuple[list[tuple[Source, T]], list[SteadError]]:
    """Ask registries one after the other; those that cannot be reached do not hinder the others.

    Gives what each says, and the errors of those that say nothing.
    """
    said: list[tuple[Source, T]] = []
    gone: list[SteadError] = []
    for source in known:
        try:
            said.append((source, look(source)))
        except (NetworkError, RegistryError) as exc:
            gone.append(exc)
    return said, gone


def named(known: Sequence[Source], name: str) -> Source:
    """Give one registry. Raises RegistryError, with those that there are."""
    for source in known:
        if source.name == name:
            return source
    names = [s.name for s in known]
    if "/" in name or name.startswith((".", "~")) or "\\" in name:
        raise RegistryError(
            f"no registry is called {name}",
            remedy="a registry has a name: write it below [registries] in stead.toml, for "
            f'example `mine = "{name}"`, and say --registry mine',
        )
    close = nearest(name, names)
    raise RegistryError(
        f"no registry {name} is known" + (f"; did you mean {close}?" if close else ""),
        remedy=f"there are: {', '.join(names)}; others stand in [registries] of stead.toml",
    )

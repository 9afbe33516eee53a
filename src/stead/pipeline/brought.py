"""What a used module's repository brings, said so that it holds on every machine.

A project within it comes from git at the pinned commit, or from a working copy; a
path that leads out of the repository is refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.patterns import regex
from stead.values.requirement import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.values.manifest import Manifest, Use
    from stead.values.origin import Origin
    from stead.values.requirement import Requirement

_REMOTE = regex(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/\\]+:(?![/\\]{2})")
"""An address that names a machine or a scheme: ``https://…``, ``user@host:path``."""


def is_remote(location: str) -> bool:
    """Say whether an address names a machine or a scheme, and is no path."""
    return _REMOTE.match(location) is not None


def address_of(use: Use) -> str:
    """Give what git is told: a path relative to its manifest becomes absolute."""
    if _REMOTE.match(use.location):
        return use.location
    return os.path.normpath(os.path.join(use.base, use.location))


def editable(manifest: Manifest, use: Use, directory: str) -> Manifest:
    """Say of projects within a working copy that an edit of them takes effect at once.

    What else the module may name is the same as when it is fetched.
    """
    _check_sources(manifest, use, directory)

    def here(requirement: Requirement) -> Requirement:
        source = requirement.source
        if source is None or source.kind != "path":
            return requirement
        _within(requirement, use, directory)
        if requirement.ecosystem != "pypi" or not os.path.isdir(source.location):
            return requirement
        return replace(requirement, source=replace(source, editable=True))

    return _with_requirements(manifest, here)


def _with_requirements(
    manifest: Manifest, change: Callable[[Requirement], Requirement]
) -> Manifest:
    layers = (
        replace(
            layer,
            requirements=tuple(map(change, layer.requirements)),
            constraints=tuple(map(change, layer.constraints)),
        )
        for layer in manifest.layers
    )
    return replace(manifest, layers=tuple(layers))


def _within(requirement: Requirement, use: Use, clone: str) -> str:
    """Give where in a module's repository a requirement lies. Raises ManifestError."""
    assert requirement.source is not None
    within = os.path.relpath(requirement.source.location, clone).replace(os.sep, "/")
    if within == ".." or within.startswith("../"):
        raise ManifestError(
            f"module {use.name} asks for {requirement.source.location}, "
            "which is not in its repository",
            where=requirement.origin,
            remedy="only what the repository holds can be used from elsewhere",
        )
    return "" if within == "." else within


def _check_sources(manifest: Manifest, use: Use, clone: str) -> None:
    """Refuse modules, channels and indexes that a repository cannot bring to another machine."""
    for further in manifest.uses:
        _stay_within(further, use, clone)
    for layer in manifest.layers:
        for channel in layer.channels:
            if channel.name.startswith("."):
                raise _of_this_machine("channel", channel.name, channel.origin, use)
        for index in layer.indexes:
            if "://" not in index.url and not index.url.startswith(("/", "~", "$")):
                raise _of_this_machine("index", index.url, index.origin, use)


def from_git(manifest: Manifest, use: Use, commit: str, clone: str) -> Manifest:
    """Say of projects within a fetched module that they come from git.

    Where the clone lies is a matter of this machine, and has no place in a lock.
    """
    address = address_of(use)
    if not _REMOTE.match(address):
        address = Path(address).as_uri()

    _check_sources(manifest, use, clone)

    def moved(requirement: Requirement) -> Requirement:
        source = requirement.source
        if source is None or source.kind != "path":
            return requirement
        below = _within(requirement, use, clone)
        return replace(requirement, source=Source("git", address, False, commit, below))

    return _with_requirements(manifest, moved)


def from_item(manifest: Manifest, use: Use, directory: str) -> Manifest:
    """Refuse what an item of a registry cannot bring where it is used without being copied.

    What its ``[module]`` does not name has the item's name: its directory's is a key.
    """
    _check_sources(manifest, use, directory)
    for layer in manifest.layers:
        for requirement in (*layer.requirements, *layer.constraints):
            if requirement.source is not None and requirement.source.kind == "path":
                raise ManifestError(
                    f"module {use.name} asks for {requirement.source.location}, "
                    "which a registry's item cannot install",
                    where=use.origin,
                    remedy=f"`stead module add {use.name}` copies its source into the project",
                )
    key = os.path.basename(directory)
    kinds = manifest.kinds
    for what in ("libs", "hosts", "nets", "data", "clients", "apps"):
        held = getattr(kinds, what)
        if any(one.name == key for one in held):
            named = (replace(one, name=use.name) if one.name == key else one for one in held)
            kinds = replace(kinds, **{what: tuple(named)})
    return replace(manifest, kinds=kinds)


def _of_this_machine(what: str, written: str, where: Origin, use: Use) -> ManifestError:
    """Refuse a source of packages within a clone: the lock would name where that lies here."""
    return ManifestError(
        f"module {use.name} brings the {what} {written}, which is a path in its own directory",
        where=where,
        details=[f"{use.origin}: module {use.name} is used here"],
        remedy=f"give the {what}'s address in the module, or use the module by path",
    )


def _stay_within(further: Use, use: Use, clone: str) -> None:
    """Refuse a path by which a fetched module would use what lies on this machine."""
    if further.kind == "registry":
        return
    if further.kind == "git" and (
        _REMOTE.match(further.location) or os.path.isabs(further.location)
    ):
        return
    target = os.path.realpath(os.path.join(further.base, further.location))
    top = os.path.realpath(clone)
    if further.kind == "path" and (target == top or target.startswith(top + os.sep)):
        return
    raise ManifestError(
        f"module {use.name} uses {further.location}, which is not in its repository",
        where=further.origin,
        details=[f"{use.origin}: module {use.name} is used here"],
        remedy="only what the repository holds, or an address, can be used from elsewhere",
    )

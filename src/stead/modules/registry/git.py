"""A registry in a git repository: at the revision that is asked for, or where a version is tagged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stead.formats._grammar_item import VERSION
from stead.modules.registry.built import Built, Files, is_built
from stead.modules.registry.credentials import for_git, login_for
from stead.modules.registry.directory import Directory
from stead.pipeline.brought import address_of
from stead.pipeline.checkouts import remember_registry, remembered_registry
from stead.pipeline.uses import Modules
from stead.values.errors import ManifestError, NetworkError, RegistryError
from stead.values.frozen import replace
from stead.values.manifest import Use
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.modules.registry import Source, Summary
    from stead.values.context import Context
    from stead.values.item import Item
    from stead.values.lock import Pin
    from stead.values.registry import Registry

_VERSION = regex(VERSION)


class Repository:
    """Items of a git repository."""

    def __init__(self, registry: Registry, context: Context) -> None:
        self.name = registry.name
        self.location = registry.location + (f"#{registry.revision}" * bool(registry.revision))
        self._use = Use(
            name=registry.name,
            kind="git",
            location=registry.location,
            revision=registry.revision,
            subdirectory=registry.subdirectory,
            base=registry.base,
            origin=registry.origin,
            noun="registry",
        )
        # What modules are taken afresh has nothing to do with what a registry is.
        self._context = replace(context, upgrade=frozenset())
        self._opened: dict[str, Source] = {}
        self._last = ""

    @property
    def commit(self) -> str:
        """The commit of what was given last; of the revision that is asked for before that."""
        return self._last or self._at(self._use.revision).commit

    def names(self) -> Sequence[str]:
        """List the items' names, sorted; see :class:`stead.modules.registry.Source`."""
        return self._at(self._use.revision).names()

    def items(self) -> tuple[Summary, ...]:
        """List the items, by name; see :class:`stead.modules.registry.Source`."""
        return self._at(self._use.revision).items()

    def book(self) -> Mapping[str, str]:
        """Give the pages of its book; see :class:`stead.modules.registry.Source`."""
        return self._at(self._use.revision).book()

    def item(self, name: str, version: str = "") -> Item:
        """Give an item with its files; see :class:`stead.modules.registry.Source`.

        A version that is not there now is looked for at the tags ``vVERSION``, ``VERSION`` and
        ``NAME-VERSION``. What is no version is a revision.
        """
        if version and not _VERSION.fullmatch(version):
            return self._taken(self._at(version), name, "")
        now = self._at(self._use.revision)
        try:
            return self._taken(now, name, version)
        except RegistryError as exc:
            if not version:
                raise
            seen: list[str] = []
            for tag in (f"v{version}", version, f"{name}-{version}", f"{name}-v{version}"):
                try:
                    there = self._at(tag)
                    return self._taken(there, name, version)
                except ManifestError:
                    continue  # no such tag
                except RegistryError as other:
                    seen.append(f"at {tag}: {other.message}")
            exc.details = (
                *exc.details,
                *(seen or [f"no tag v{version} or {name}-{version} either"]),
            )
            raise

    def at(self, commit: str) -> Repository:
        """Give the registry as it was at a commit."""
        other = Repository.__new__(Repository)
        other.__dict__.update(self.__dict__, _use=replace(self._use, revision=commit))
        other._opened, other._last = {}, ""  # noqa: SLF001 (another of this class)
        return other

    def _taken(self, source: Source, name: str, version: str) -> Item:
        item = source.item(name, version)
        self._last = source.commit
        return item

    def _at(self, revision: str) -> Source:
        if revision not in self._opened:
            use = replace(self._use, revision=revision)
            directory, pin = self._fetched(use)
            self._opened[revision] = (
                Built(self.name, self.location, Files(directory), pin.commit)
                if is_built(directory)
                else Directory(self.name, directory, self.location, pin.commit)
            )
        return self._opened[revision]

    def _fetched(self, use: Use) -> tuple[str, Pin]:
        """Give the directory of a revision; as it was last seen where it cannot be asked."""
        address = address_of(use)
        home = os.fspath(self._context.home)
        known = remembered_registry(home, address, use)
        try:
            directory, pin = self._asked(use, address, ())
        except NetworkError as exc:
            if known is None:
                raise
            if not self._context.offline:
                self._context.progress.note(
                    f"{exc.message}: the registry {self.name} counts as it was when last asked"
                )
            return self._asked(use, address, (known,))
        if known != pin:
            remember_registry(home, address, pin)
        return directory, pin

    def _asked(self, use: Use, address: str, pins: tuple[Pin, ...]) -> tuple[str, Pin]:
        login = self._login(address, refused=False)
        try:
            return self._with(use, pins, login)
        except NetworkError:
            kept = {} if login or self._context.offline else self._login(address, refused=True)
            if not kept:
                raise
            return self._with(use, pins, kept)

    def _login(self, address: str, *, refused: bool) -> dict[str, str]:
        if urlsplit(address).scheme not in ("http", "https"):
            return {}
        login = login_for(self.name, address, self._context.environ, refused=refused)
        return for_git(login, address, self._context.environ) if login else {}

    def _with(self, use: Use, pins: tuple[Pin, ...], variables: dict[str, str]) -> tuple[str, Pin]:
        modules = Modules(self._context, pins=pins, fetch=True, git_variables=variables)
        directory = modules.directory(use)
        return directory, modules.used[use.name]

"""A project's test environments, whichever of tox's files describes them."""

from __future__ import annotations

import functools
import os.path
from abc import ABC, abstractmethod

from stead.formats.tox._keys import CORE_NAMES, LOCKED, WITHOUT_EFFECT
from stead.formats.tox._set_env import SetEnv
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import replace
from stead.values.names import nearest
from stead.values.patterns import regex
from stead.values.testenv import Note, PackageSettings, TestCommand, TestEnvironment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from stead.formats.tox._overrides import Override
    from stead.formats.tox._scope import Caller, Scope
    from stead.values.origin import Origin

VERSION = "4.67"
"""The version of tox whose meaning of a configuration this is."""

RUNNERS = ("virtualenv", "uv-venv-runner", LOCKED)
UNDERSTOOD = frozenset({"tox", "tox-uv", "tox-uv-bare", "virtualenv", "pip", "setuptools", "wheel"})
"""What ``requires`` may name without a note: Stead does what these do."""

_FIELDS = tuple(
    f for f in TestEnvironment.__match_args__ if f not in ("name", "origins", "package_env")
)
_PACKAGE_FIELDS = (
    *("base_python", "deps", "pass_env", "disallow_pass_env", "package_root"),
    *("commands", "change_dir", "package_glob", "allowlist_externals"),
)
_PLAIN = regex(r"([a-z0-9-]+)(?:\s*>=\s*([0-9]+(?:\.[0-9]+)*))?")
_REFERENCE = regex(r"\{(?:\[[^]]*\])?([-a-zA-Z0-9_]+)")


class ToxProject(ABC):
    """Environments by name, each evaluated when it is asked for.

    ``file`` is the file that describes them; ``directory`` where it lies. Creating
    one reads the list of environments. Every method raises :class:`ManifestError`
    with file and line for what is wrong, or is not understood.
    """

    def __init__(self, file: str, caller: Caller) -> None:
        self.file = file
        self.directory = os.path.dirname(file)
        self.caller = caller
        self.referenced: set[tuple[str, str]] = set()
        self._scopes: dict[str, Scope] = {}
        self._package_scopes: dict[str, Scope] = {}
        self.core = self._read_core()
        names = self._read_names()
        labelled = [name for _, many in self.core.value("labels") for name in many]
        self._names = tuple(dict.fromkeys([*names, *labelled]))
        self.known = frozenset(names)
        for one, keys in self._strange():
            like = nearest(one.key, keys)
            raise UsageError(
                f"{one.where}: {one.key} means nothing there",
                remedy=f"did you mean {like}?" if like else "see `stead test --config` for keys",
            )
        for name in self._names:
            _check_name(name, self.core.origins.get("env_list"))

    # -- for each grammar

    @abstractmethod
    def _read_core(self) -> Scope: ...

    @abstractmethod
    def _read_names(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _read_scope(self, name: str, *, package: bool) -> Scope: ...

    @property
    @abstractmethod
    def sectioned(self) -> frozenset[str]:
        """The names that have a section, or table, of their own."""

    @abstractmethod
    def place(self, name: str) -> Origin:
        """Say where an environment is described: its own section, or that of all."""

    @abstractmethod
    def _unknown(self) -> Iterator[tuple[str, str, Origin, Iterable[str]]]:
        """Give keys that mean nothing: with the section, if it is that of an environment, where each
        stands, and what is known there.
        """

    @abstractmethod
    def _texts_with_references(self) -> Iterator[str]: ...

    @abstractmethod
    def _strange(self) -> Iterator[tuple[Override, Iterable[str]]]:
        """Give overrides of what means nothing, each with the keys that are known there."""

    @abstractmethod
    def _unmeant(self) -> Iterator[Note]:
        """Give a note on each reference, section and table that means nothing."""

    # -- for everybody

    def scope(self, name: str) -> Scope:
        """Give the keys of an environment."""
        if name not in self._scopes:
            self._scopes[name] = self._read_scope(name, package=False)
        return self._scopes[name]

    def package_scope(self, name: str) -> Scope:
        """Give the keys of an environment that builds packages."""
        if name not in self._package_scopes:
            self._package_scopes[name] = self._read_scope(name, package=True)
        return self._package_scopes[name]

    @property
    def default(self) -> tuple[str, ...]:
        """The environments that run when none is named: ``env_list``, or ``py`` alone."""
        listed: tuple[str, ...] = self.core.value("env_list")
        return listed or ("py",)

    @property
    def environments(self) -> tuple[str, ...]:
        """All environments, in order: those of the list, of sections, of conditions, of labels.

        Environments that others name for building packages are not among them. One whose
        values are wrong is, and says so when it is asked for.
        """
        builders: set[str] = set()
        for name in self.candidates:
            if name in builders:
                continue
            try:
                builders.update(self.builders(name))
            except ManifestError:  # it says so when it is asked for, unless it is a builder
                continue
        if clash := builders & set(self.core.value("env_list")):
            raise ManifestError(
                f"{min(clash)} is in the list of environments and builds packages for others",
                where=self.core.origins.get("env_list"),
                remedy="take it from the list, or give the builder another name",
            )
        return tuple(n for n in self.candidates if n not in builders)

    @property
    def candidates(self) -> tuple[str, ...]:
        """All names that the file has, those of environments for building packages too."""
        return tuple(dict.fromkeys([*self._names, *self.default]))

    @property
    def combinable(self) -> frozenset[str]:
        """The factors of which names that nobody listed can be made, besides interpreters.

        As in tox: those of the list and of conditions; names of sections as a whole.
        """
        listed: tuple[str, ...] = self.core.value("env_list")
        loose = self.known - frozenset(listed) - self.sectioned
        split = (factor for name in (*listed, *loose) for factor in name.split("-"))
        return frozenset((*split, *self.known, ".pkg"))

    def builders(self, name: str) -> tuple[str, ...]:
        """Name the environments that build an environment's package."""
        scope = self.scope(name)
        mode = scope.value("package")
        if mode == "skip":
            return ()
        first = scope.value("package_env")
        if first == name:
            raise ManifestError(
                f"{name} cannot build its own package",
                where=scope.origins.get("package_env"),
                remedy="name another package_env",
            )
        wheel = scope.value("wheel_build_env") if mode in _WHEELS else ""
        return tuple(dict.fromkeys(n for n in (first, wheel) if n))

    def labelled(self, label: str) -> tuple[str, ...]:
        """Name the environments that bear a label, in their own keys or in the main section."""
        own = [n for n in self.environments if label in self.scope(n).value("labels")]
        core = dict(self.core.value("labels")).get(label, ())
        return tuple(n for n in self.environments if n in core or n in own)

    def environment(self, name: str) -> TestEnvironment:
        """Evaluate every key of an environment.

        Raises :class:`InterpreterError` where a value depends on an interpreter that
        is not there.
        """
        scope = self.scope(name)
        self._check_runner(scope)
        mode = scope.value("package")
        values = {
            field: _plain(scope.value(field), scope.origins.get(field))
            for field in _FIELDS
            if field != "wheel_build_env"
        }
        return TestEnvironment(
            name=name,
            package_env="" if mode == "skip" else scope.value("package_env"),
            wheel_build_env=scope.value("wheel_build_env") if mode in _WHEELS else "",
            origins=tuple(scope.origins.items()),
            **values,
        )

    def package_settings(self, name: str) -> PackageSettings:
        """Evaluate an environment that builds packages."""
        scope = self.package_scope(name)
        settings = (
            (key.removeprefix("config_settings_"), scope.value(key))
            for key in scope.keys
            if key.startswith("config_settings_")
        )
        values = {
            field: _plain(scope.value(field), scope.origins.get(field)) for field in _PACKAGE_FIELDS
        }
        return PackageSettings(
            name=name,
            set_env=scope.value("set_env").items(),
            config_settings=tuple((step, told) for step, told in settings if told),
            origins=tuple(scope.origins.items()),
            **values,
        )

    def missing(self, name: str) -> str:
        """Say which interpreter an environment lacks; empty where it is there."""
        scope = self.scope(name)
        wanted: tuple[str, ...] = scope.value("base_python")
        return "" if self.caller.interpreter(wanted) else ", ".join(wanted)

    def check(self) -> tuple[Note, ...]:
        """Look for what is not understood; give what a person should know besides.

        Raises one :class:`ManifestError` for all keys that mean nothing, unless they all stand in
        sections of environments: :meth:`check_own` is for these.
        """
        notes, wrong = self._looked
        if wrong:
            scopes = map(self.scope, self.environments)
            own = {one.section for scope in scopes for one in scope.loaders} - {""}
            if wrong.keys() - own:
                _raise_all([error for many in wrong.values() for error in many])
        return (*notes, *dict.fromkeys(self._unmeant()), *self._plugins())

    def check_own(self, name: str) -> None:
        """Look for a runner that is not understood, and for keys that mean nothing in an
        environment's own section, or in those of others that it takes over. Raises one
        :class:`ManifestError` for all.
        """
        self._check_runner(self.scope(name))
        if wrong := self._looked[1]:
            sections = dict.fromkeys(one.section for one in self.scope(name).loaders)
            _raise_all([e for section in sections for e in wrong.get(section, ())])

    @functools.cached_property
    def _looked(self) -> tuple[tuple[Note, ...], dict[str, list[ManifestError]]]:
        """Notes on keys that have no effect, and errors for those that mean nothing, by section."""
        mentioned: set[str] | None = None
        notes: list[Note] = []
        wrong: dict[str, list[ManifestError]] = {}
        for section, key, where, known in self._unknown():
            if key in WITHOUT_EFFECT:
                notes.append(Note(f"{key} has no effect: {WITHOUT_EFFECT[key]}", where))
                continue
            if key in CORE_NAMES and known is not CORE_NAMES:
                why = "it belongs to tox's main section, not to an environment's"
                notes.append(Note(f"{key} has no effect here: {why}", where))
                continue
            if mentioned is None:
                mentioned = {
                    m[1].lower()
                    for t in self._texts_with_references()
                    for m in _REFERENCE.finditer(t)
                }
            if key.lower() in mentioned:
                continue
            like = nearest(key, known)
            wrong.setdefault(section, []).append(
                ManifestError(
                    f"unknown key {key}",
                    where=where,
                    remedy=f"did you mean {like}?"
                    if like
                    else "take it out: it is none of tox's, and plugins add none here",
                )
            )
        return tuple(notes), wrong

    def _plugins(self) -> Iterator[Note]:
        least = self.core.value("min_version")
        if least and not _is_met(f"tox>={least}"):
            yield Note(
                f"the configuration asks for tox {least}; Stead reads it as tox {VERSION} does",
                self.core.origins["min_version"],
            )
        for text in self.core.value("requires"):
            if _is_met(text):
                continue
            from packaging.requirements import InvalidRequirement, Requirement
            from packaging.utils import canonicalize_name

            where = self.core.origins["requires"]
            try:
                asked = Requirement(text)
            except InvalidRequirement as exc:
                raise ManifestError(
                    f'requires: "{text}" is not a requirement', where=where, remedy="mend it"
                ) from exc
            name = canonicalize_name(asked.name)
            if name == "tox" and not asked.specifier.contains(VERSION + ".99", prereleases=True):
                yield Note(
                    f"the configuration asks for {text}; Stead reads it as tox {VERSION} does",
                    where,
                )
            elif name not in UNDERSTOOD:
                yield Note(
                    f"requires names {text}, a plugin that Stead does not have",
                    where,
                    "what it adds to the configuration does not take effect",
                )

    def _check_runner(self, scope: Scope) -> None:
        runner = scope.value("runner")
        if runner not in RUNNERS:
            raise ManifestError(
                f'runner = "{runner}" is not understood',
                where=scope.origins.get("runner"),
                remedy=f"known are {', '.join(RUNNERS)}",
            )


def _is_met(text: str) -> bool:
    """Say whether a plain requirement (``tox>=4.2``) names what is understood; no for all others."""
    match = _PLAIN.fullmatch(text.strip())
    if match is None or match[1] not in UNDERSTOOD:
        return False
    least = tuple(int(n) for n in match[2].split(".")) if match[2] else ()
    return match[1] != "tox" or least <= tuple(int(n) for n in VERSION.split("."))


_WHEELS = ("wheel", "sdist-wheel", "editable")


def _plain(value: Any, where: Origin | None) -> Any:
    """Give what a key's value is for others; commands know where they stand."""
    if isinstance(value, SetEnv):
        return value.items()
    if isinstance(value, TestCommand):
        return value.arguments
    if where and isinstance(value, tuple) and value and isinstance(value[0], TestCommand):
        return tuple(replace(one, origin=where) for one in value)
    return value


def _check_name(name: str, where: Origin | None) -> None:
    if not name or name in (".", "..") or os.path.basename(name) != name:
        raise ManifestError(
            f'"{name}" cannot be the name of an environment, which is that of a directory too',
            where=where,
            remedy="take blanks and slashes out of the list",
        )


def _raise_all(wrong: list[ManifestError]) -> None:
    wrong.sort(key=lambda error: getattr(error.where, "line", 0))
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise ManifestError(
            f"there are {len(wrong)} keys that mean nothing",
            where=wrong[0].where,
            details=[f"{e.where}: {e.message} → {e.remedy}" for e in wrong],
            remedy="take them out, or mend their names",
        )

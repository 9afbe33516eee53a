"""``tox.ini`` and ``setup.cfg``: sections, conditions of lines, references between sections."""

from __future__ import annotations

import functools
import re

from stead.formats.tox._convert import entries, from_text
from stead.formats.tox._keys import CORE_NAMES, PACKAGE_NAMES, RUN_NAMES
from stead.formats.tox._overrides import of_section, on_raw
from stead.formats.tox._resolve import Resolver, substitution_for
from stead.formats.tox._rules import CoreRules, EnvironmentRules
from stead.formats.tox._scope import Absent, CircleError, Scope
from stead.formats.tox._sections import Sections, without_comments
from stead.formats.tox._set_env import SetEnv
from stead.formats.tox._substitute import Found
from stead.formats.tox._unmeant import likely, no_base, note, references
from stead.formats.tox.project import ToxProject
from stead.values.errors import ManifestError
from stead.values.factors import Conditional, mentioned, parse, split_line
from stead.values.origin import Origin
from stead.values.testenv import Note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from stead.formats.tox._keys import Key
    from stead.formats.tox._overrides import Override
    from stead.formats.tox._scope import Caller
    from stead.formats.tox._substitute import Chain
    from stead.formats.tox._tokens import Expression

_ENVIRONMENT = "testenv:"


class IniProject(ToxProject):
    """The configuration of a file of sections. ``core`` is the name of its main section."""

    def __init__(self, file: str, sections: Sections, caller: Caller, core: str = "tox") -> None:
        self.sections = sections
        self._core_section = core
        self._texts: dict[tuple[str, str], tuple[Conditional, bool]] = {}
        self._headers: dict[str, str] = {}
        super().__init__(file, caller)

    # -- what the file holds

    def narrowed(self, section: str, key: str, scope: Scope) -> str | None:
        """Give what a value is for an environment; None where all of it is for others."""
        at = (section, key)
        if at not in self._texts:
            text = without_comments(self.sections.entries(section)[key].text)
            self._texts[at] = (Conditional(text), not text.strip())
        lines, blank = self._texts[at]
        text = lines.narrow(scope.factors)
        return None if not text and not blank else text.replace("\\\n", "")

    def _read_core(self) -> Scope:
        scope = Scope("", CORE_NAMES, CoreRules(self), self.caller, self.directory)
        return self._filled(scope, self._core_section, self._core_section, ())

    def _read_scope(self, name: str, *, package: bool) -> Scope:
        keys = PACKAGE_NAMES if package else RUN_NAMES
        rules = EnvironmentRules(self, package=package)
        scope = Scope(name, keys, rules, self.caller, self.directory)
        header = self._headers.get(name, _ENVIRONMENT + name)
        return self._filled(
            scope, _ENVIRONMENT + name, header, ("pkgenv",) if package else ("testenv",)
        )

    def _filled(self, scope: Scope, name: str, header: str, base: tuple[str, ...]) -> Scope:
        if header in self.sections or of_section(self.caller.overrides, name):
            scope.add(_IniLoader(self, name, header))
        given = scope.value("base")
        if "base" not in scope.origins:
            scope.settle("base", given := base)
        prefix = name.partition(":")[0] if ":" in name else ""
        for one in given:
            for found in (one, *((f"{prefix}:{one}",) if prefix else ())):
                real = self._header(found)
                if real in self.sections or of_section(self.caller.overrides, found):
                    scope.add(_IniLoader(self, found, real))
        return scope

    def _header(self, section: str) -> str:
        """Find the section that stands for a name: one may be for several environments."""
        prefix, colon, name = section.rpartition(":")
        if colon and prefix != "testenv":
            return section
        return self._headers.get(name, section)

    def _read_names(self) -> tuple[str, ...]:
        names = dict.fromkeys(self.core.value("env_list"))
        known = {factor for name in names for factor in name.split("-")}
        for section in self.sections.names():
            if not section.startswith(_ENVIRONMENT):
                continue
            found = parse(section[len(_ENVIRONMENT) :])
            if found is None:
                raise ManifestError(
                    f"[{section}] is not a factor expression",
                    where=self.sections.where(section),
                    remedy="names are letters, digits and dots joined by dashes",
                )
            for name in found:
                self._headers.setdefault(name, section)
                known.update(name.split("-"))
            names.update(dict.fromkeys(found))
        for section in self._scanned():
            for entry in self.sections.entries(section).values():
                for name in mentioned(entry.text):
                    if not known.issuperset(name.split("-")):
                        names[name] = None
        return tuple(names)

    @property
    def sectioned(self) -> frozenset[str]:
        return frozenset(self._headers)

    def place(self, name: str) -> Origin:
        for section in (self._headers.get(name, ""), "testenv", self._core_section):
            if section in self.sections:
                return self.sections.where(section)
        return self.sections.where("")

    def _scanned(self) -> Iterator[str]:
        """Name the sections whose conditions mention environments."""
        prefix = "tox:" if self._core_section.startswith("tox:") else ""
        for section in self.sections.names():
            own = section.removeprefix(prefix) if section.startswith(prefix) else ""
            if (
                section == self._core_section
                or section.startswith(_ENVIRONMENT)
                or own == "testenv"
                or (prefix and own.startswith("testenv:"))
            ):
                yield section

    # -- references

    def reference(self, loader: _IniLoader, scope: Scope, text: str, chain: Chain) -> Found | None:
        """Resolve ``key``, ``[section]key`` and either with ``:default``; None for no reference."""
        match = _pattern(loader.prefix).fullmatch(text)
        if match is None:
            return None
        key, default = match["key"], match["default"]
        try:
            return self._looked_up(match["section"], match["environment"], key, scope, chain)
        except Absent:
            if default is None:
                return None
        start = text[: len(text) - len(default)].count(":")
        return Found(default, default=(start, None))

    def _looked_up(
        self, section: str | None, environment: str | None, key: str, scope: Scope, chain: Chain
    ) -> Found:
        if section is None or section == self._core_section.rpartition(":")[2]:
            try:
                return self.core.text(key, chain)
            except Absent:
                if section is None and scope.name:
                    return scope.text(key, chain)
        if section is not None and key.lower() in self.sections.entries(section):
            mark = f"{section}.{key.lower()}"
            if section in self.sections:
                if mark in chain:
                    raise CircleError(chain, mark)
                self.referenced.add((section, key.lower()))
                return Found(self._referred(section, key.lower(), scope), again=mark)
        if environment is not None and environment in self.known:
            return self.scope(environment).text(key, chain)
        raise Absent(key)

    def _referred(self, section: str, key: str, scope: Scope) -> str:
        overrides = of_section(self.caller.overrides, section)
        if not any(one.key == key for one in overrides):
            return self.narrowed(section, key, scope) or ""
        text = on_raw(overrides, key, without_comments(self.sections.entries(section)[key].text))
        return Conditional(text).narrow(scope.factors).replace("\\\n", "")

    # -- checking

    def _strange(self) -> Iterator[tuple[Override, Iterable[str]]]:
        for one in self.caller.overrides:
            known: Iterable[str] = self.sections.entries(one.section)
            if one.section == self._core_section:
                known = CORE_NAMES
            elif self._is_own(one.section):
                known = _ALL_NAMES
            if one.key not in known:
                yield one, known

    def _unknown(self) -> Iterator[tuple[str, str, Origin, Iterable[str]]]:
        """Give keys of tox's own sections that mean nothing."""
        for section in self.sections.names():
            if section == self._core_section:
                known = CORE_NAMES
            elif section in ("testenv", "pkgenv") or section.startswith(_ENVIRONMENT):
                known = _ALL_NAMES
            else:
                continue
            for key in self.sections.entries(section):
                if key not in known:
                    own = section if section.startswith(_ENVIRONMENT) else ""
                    yield own, key, self.sections.where(section, key), known

    def _unmeant(self) -> Iterator[Note]:
        own = [s for s in self.sections.names() if self._is_own(s)]
        for section in self.sections.names():
            prefix, colon, name = section.partition(":")
            meant = likely(prefix, ("testenv", "pkgenv")) if section not in own else ""
            if meant and not any(section in text for text in self._texts_with_references()):
                said = f"[{section}] means nothing to tox"
                remedy = f"did you mean [{meant}{colon}{name}]?"
                yield Note(said, self.sections.where(section), remedy)
        yield from self._unmeant_bases(own)
        yield from self._unmeant_references(own)

    def _unmeant_bases(self, own: Iterable[str]) -> Iterator[Note]:
        for section in own:
            entry = self.sections.entries(section).get("base")
            for one in entries(without_comments(entry.text)) if entry else ():
                there = (one, f"{section.partition(':')[0]}:{one}")
                usual = one in ("testenv", "pkgenv") or "{" in one
                if not usual and not any(self._header(at) in self.sections for at in there):
                    yield no_base(one, self.sections.where(section, "base"))

    def _unmeant_references(self, own: Iterable[str]) -> Iterator[Note]:
        pending = [(section, key) for section in own for key in self.sections.entries(section)]
        seen = set(pending)
        for section, key in pending:
            entry = self.sections.entries(section)[key]
            if "{" not in entry.text:
                continue
            known = CORE_NAMES if section == self._core_section else _ALL_KEYS
            text = "\n".join(map(without_comments, entry.text.split("\n")))
            for one in references(text, key):
                if one.section is None:
                    meant = one.key in known
                else:
                    meant = self._is_there(one.section, one.key) or one.default
                    at = (one.section, one.key.lower())
                    if meant and at not in seen and at[1] in self.sections.entries(at[0]):
                        seen.add(at)
                        pending.append(at)
                if not meant and not _is_condition(text, one.at):
                    like = self.sections.entries(one.section) if one.section else known
                    line = entry.lines[text.count("\n", 0, one.at)]
                    yield note(one, like, Origin(self.file, line))

    def _is_own(self, section: str) -> bool:
        return section in (self._core_section, "testenv", "pkgenv") or section.startswith(
            _ENVIRONMENT
        )

    def _is_there(self, section: str, key: str) -> bool:
        """Say whether ``{[section]key}`` means something."""
        match = _pattern("testenv").fullmatch(f"[{section}]{key}")
        if match is None:
            return False
        if section in self.sections and key.lower() in self.sections.entries(section):
            return True
        if section == self._core_section.rpartition(":")[2] and key in CORE_NAMES:
            return True
        return match["environment"] in self.known and key in RUN_NAMES

    def _texts_with_references(self) -> Iterator[str]:
        for section in self.sections.names():
            for entry in self.sections.entries(section).values():
                yield entry.text


def _is_condition(text: str, at: int) -> bool:
    """Say whether what stands at a place of a text belongs to the condition of its line."""
    start = text.rfind("\n", 0, at) + 1
    line = text[start:].partition("\n")[0]
    wanted, content = split_line(line)
    return wanted is not None and at - start < len(line) - len(content)


_ALL_NAMES = {**RUN_NAMES, **PACKAGE_NAMES}
_ALL_KEYS = {**CORE_NAMES, **_ALL_NAMES}


class _IniLoader:
    """One section as a source of values. ``name`` is what it was asked for under."""

    def __init__(self, project: IniProject, name: str, header: str) -> None:
        self.name = name
        self.section = header
        self.overrides = of_section(project.caller.overrides, name)
        self.prefix = name.partition(":")[0]
        self._project = project

    def raw(self, key: str, scope: Scope) -> str:
        if key not in self._project.sections.entries(self.section):
            raise Absent(key)
        text = self._project.narrowed(self.section, key, scope)
        if text is None:
            raise Absent(key)
        return text

    def build(self, key: Key, raw: str, scope: Scope, chain: Chain) -> Any:
        resolver = Resolver(
            scope, functools.partial(self._project.reference, self, scope), _no_factors
        )
        substitution = substitution_for(key.kind, resolver)
        if key.kind != "set_env":
            return from_text(key.kind, substitution.expand(raw, chain))

        def replaced(value: str | Expression, chain: Chain, *, once: bool = False) -> str:
            return substitution.once(value, chain) if once else substitution.expand(value, chain)

        values = SetEnv(replaced, scope, chain, scope.origins.get(key.name))
        values.add_text(raw)
        return values

    convert = build

    def where(self, key: str) -> Origin:
        return self._project.sections.where(self.section, key)

    def keys(self) -> Iterable[str]:
        return self._project.sections.entries(self.section)


def _no_factors(arguments: list[str]) -> Found:
    return Found(":".join(arguments[1:]), default=(2, None))


@functools.cache
def _pattern(prefix: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:\[(?P<section>{re.escape(prefix)}(?::(?P<environment>[^]]+))?|[-\w]+)\])?"
        r"(?P<key>[-a-zA-Z0-9_]+)(?::(?P<default>.*))?"
    )

"""``tox.toml``, and ``[tool.tox]`` of ``pyproject.toml``."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from stead.formats.tox import _product
from stead.formats.tox._convert import from_text
from stead.formats.tox._convert_toml import from_plain
from stead.formats.tox._keys import CORE_NAMES, PACKAGE_NAMES, RUN_NAMES
from stead.formats.tox._overrides import of_section, on_raw
from stead.formats.tox._resolve import Resolver, substitution_for
from stead.formats.tox._rules import CoreRules, EnvironmentRules
from stead.formats.tox._scope import Absent, CircleError, Scope, as_text
from stead.formats.tox._set_env import SetEnv
from stead.formats.tox._substitute import Found, Substitution, Unfit
from stead.formats.tox._tokens import Expression
from stead.formats.tox._unmeant import likely, no_base, note, references
from stead.formats.tox._unroll import Unroll
from stead.formats.tox.project import ToxProject
from stead.values.errors import ManifestError
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.testenv import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stead.formats.toml_lines import Lines
    from stead.formats.tox._keys import Key
    from stead.formats.tox._overrides import Override
    from stead.formats.tox._scope import Caller
    from stead.formats.tox._substitute import Chain

RUN_BASE, PACKAGE_BASE, TEMPLATES = "env_run_base", "env_pkg_base", "env_base"
_ALL_KEYS = {**CORE_NAMES, **RUN_NAMES, **PACKAGE_NAMES}
_TABLES = ("env", TEMPLATES, RUN_BASE, PACKAGE_BASE, "legacy_tox_ini")
_REFERENCE = regex(r"(?:\[(?P<section>.*)\])?(?P<key>[-a-zA-Z0-9_]+)(?::(?P<default>.*))?")

Path = tuple[str, ...]


class TomlProject(ToxProject):
    """The configuration of TOML tables; ``prefix`` is where they stand in ``data``, the whole file."""

    def __init__(self, file: str, data: dict[str, Any], lines: Lines, caller: Caller) -> None:
        self._data = data
        self.prefix: Path = ("tool", "tox") if file.endswith("pyproject.toml") else ()
        self._table: dict[str, Any] = self.at(self.prefix)
        self._lines = lines
        self._templates: dict[str, str] = {}
        self._labels: dict[str, dict[str, _product.FactorGroup]] = {}
        self._everywhere: dict[str, _product.FactorGroup] = {}
        self._own_labels: dict[str, _product.FactorGroup] = {}
        self.file = file
        self._read_templates()
        self._read_labels()
        super().__init__(file, caller)

    def where(self, *path: str | int) -> Origin:
        return Origin(self.file, self._lines.at(*self.prefix, *path))

    def at(self, path: Iterable[str]) -> Any:
        """Give what stands at a path of the file. Raises :class:`Absent`."""
        found: Any = self._data
        for key in path:
            if not isinstance(found, dict) or key not in found:
                raise Absent(key)
            found = found[key]
        return found

    def referred(self, path: Sequence[str]) -> Any:
        """Give what a reference to a path finds, with overrides. Raises :class:`Absent`."""
        *section, key = path
        return on_raw(of_section(self.caller.overrides, ".".join(section)), key, self.at(path))

    # -- names

    def _read_templates(self) -> None:
        for name, table in self._tables(TEMPLATES):
            here = (TEMPLATES, name, "factors")
            if "factors" not in table:
                raise ManifestError(
                    f"{TEMPLATES}.{name} lacks the key factors",
                    where=self.where(TEMPLATES, name),
                    remedy=f"for a single environment write [env.{name}]",
                )
            try:
                factors = table["factors"]
                if not isinstance(factors, list):
                    raise Unfit("factors must be a list")  # noqa: TRY301
                if factors and isinstance(factors[0], list | dict):
                    groups = _product.groups(factors)
                    names = _product.product(groups)
                else:
                    groups, names = (), [str(one) for one in factors]
            except Unfit as exc:
                raise ManifestError(
                    str(exc), where=self.where(*here), remedy="mend this list"
                ) from exc
            self._labels[name] = _labelled(groups)
            for one in names:
                self._templates[f"{name}-{one}"] = name

    def _read_labels(self) -> None:
        for labels in self._labels.values():
            self._everywhere.update(labels)
        listed = self._table.get("env_list")
        for item in listed if isinstance(listed, list) else ():
            if not isinstance(item, dict):
                continue
            try:
                if "product" in item:
                    self._own_labels.update(_labelled(_product.groups(item["product"])))
                elif "prefix" not in item:
                    found = _product.group(item)
                    self._own_labels[found.label] = found
            except Unfit as exc:
                raise ManifestError(
                    str(exc), where=self.where("env_list"), remedy="mend this list"
                ) from exc
        self._everywhere.update(self._own_labels)

    def _tables(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        tables = self._table.get(name, {})
        if not isinstance(tables, dict):
            raise ManifestError(
                f"{name} must be a table", where=self.where(name), remedy=f"write [{name}.NAME]"
            )
        for key, table in tables.items():
            if not isinstance(table, dict):
                raise ManifestError(
                    f"{name}.{key} must be a table", where=self.where(name, key), remedy="mend it"
                )
            yield key, table

    def _read_names(self) -> tuple[str, ...]:
        own = (name for name, _ in self._tables("env"))
        return tuple(dict.fromkeys([*self.core.value("env_list"), *own, *self._templates]))

    @property
    def sectioned(self) -> frozenset[str]:
        return frozenset((*(name for name, _ in self._tables("env")), *self._templates))

    def place(self, name: str) -> Origin:
        if name in self._templates:
            return self.where(TEMPLATES, self._templates[name])
        known = {key for key, _ in self._tables("env")}
        return self.where("env", name) if name in known else self.where("env_list")

    # -- scopes

    def _read_core(self) -> Scope:
        scope = Scope("", CORE_NAMES, CoreRules(self), self.caller, self.directory)
        scope.add(_TomlLoader(self, (), self._table))
        return scope

    def _read_scope(self, name: str, *, package: bool) -> Scope:
        keys = PACKAGE_NAMES if package else RUN_NAMES
        rules = EnvironmentRules(self, package=package)
        scope = Scope(name, keys, rules, self.caller, self.directory)
        self._load(scope, ("env", name))
        dotted = "".join(f"{part}." for part in self.prefix)
        base = [f"{dotted}{PACKAGE_BASE if package else RUN_BASE}"]
        if not package and name in self._templates:
            base.insert(0, f"{dotted}{TEMPLATES}.{self._templates[name]}")
        given = scope.value("base")
        if "base" not in scope.origins:
            scope.settle("base", given := tuple(base))
        for one in given:
            bare = one.removeprefix(dotted)
            if one.startswith(f"{dotted}{TEMPLATES}."):
                self._load(scope, (TEMPLATES, bare.removeprefix(f"{TEMPLATES}.")))
            else:
                self._load(scope, (bare,))
                self._load(scope, ("env", one))
        return scope

    def _load(self, scope: Scope, path: Path) -> None:
        table: Any = self._table
        for key in path:
            if not isinstance(table, dict) or key not in table:
                if not of_section(self.caller.overrides, ".".join((*self.prefix, *path))):
                    return
                table = {}
                break
            table = table[key]
        if not isinstance(table, dict):
            raise ManifestError(
                f"{'.'.join(path)} must be a table", where=self.where(*path), remedy="mend it"
            )
        scope.add(_TomlLoader(self, path, table))

    # -- references

    def reference(self, scope: Scope, text: str, chain: Chain) -> Found | None:
        """Resolve ``key``, ``[table]key`` and either with ``:default``; None for no reference."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            return None
        section, key, default = match["section"], match["key"], match["default"]
        try:
            return self._looked_up(section, key, scope, chain)
        except Absent:
            if default is None:
                return None
        start = text[: len(text) - len(default)].count(":")
        return Found(default, default=(start, None))

    def _looked_up(self, section: str | None, key: str, scope: Scope, chain: Chain) -> Found:
        if section is None:
            for one in ((scope,) if scope.name else ()) + (self.core,):
                try:
                    return one.text(key, chain)
                except Absent:
                    continue
            raise Absent(key)
        environments = ".".join((*self.prefix, "env")) + "."
        if section.startswith(environments):
            return self.scope(section.removeprefix(environments)).text(key, chain)
        mark = f"{section}.{key}"
        try:
            raw = self.at((*section.split("."), key) if section else (key,))
        except Absent:
            if section == ".".join(self.prefix):
                return self.core.text(key, chain)
            raise
        if mark in chain:
            raise CircleError(chain, mark)
        return Found(_plain_text(raw), again=mark)

    def factor(self, scope: Scope, arguments: list[str]) -> Found:
        """Give the factor of a labelled group that an environment's name has."""
        if not arguments or not arguments[0]:
            raise Unfit("{factor:…} names no label")
        label, rest = arguments[0], ":".join(arguments[1:])
        template = self._templates.get(scope.name)
        labels = {**self._own_labels, **self._labels[template]} if template else self._everywhere
        group = labels.get(label)
        if group is None or not scope.name:
            return Found(rest)
        chosen = scope.caller.variables.get(f"TOX_FACTOR_{label}")
        if chosen is not None:
            return Found(chosen)
        named = next((v for v in group.values if v in scope.name.split("-")), None)
        return Found(named or (rest if len(arguments) > 1 else group.default))

    # -- checking

    def _strange(self) -> Iterator[tuple[Override, Iterable[str]]]:
        everything = {**RUN_NAMES, **PACKAGE_NAMES}
        for one in self.caller.overrides:
            path = tuple(one.section.split(".")) if one.section else ()
            own = path[len(self.prefix) :] if path[: len(self.prefix)] == self.prefix else ()
            known: Iterable[str] = CORE_NAMES if not path else ()
            if own[:1] in ((RUN_BASE,), (PACKAGE_BASE,), ("env",), (TEMPLATES,)):
                known = everything
            elif path:
                with contextlib.suppress(Absent):
                    known = self.at(path)
            if one.key not in known:
                yield one, known

    def _unknown(self) -> Iterator[tuple[str, str, Origin, Iterable[str]]]:
        for key in self._table:
            known = key in CORE_NAMES or key in _TABLES
            if not known and not isinstance(self._table[key], dict):
                yield "", key, self.where(key), CORE_NAMES
        everything = {**RUN_NAMES, **PACKAGE_NAMES}
        paths: list[Path] = [("env", name) for name, _ in self._tables("env")]
        paths += [(TEMPLATES, name) for name, _ in self._tables(TEMPLATES)]
        paths += [(one,) for one in (RUN_BASE, PACKAGE_BASE) if one in self._table]
        for path in paths:
            for key in self.at((*self.prefix, *path)):
                if key not in everything and not (key == "factors" and path[0] == TEMPLATES):
                    own = ".".join((*self.prefix, *path)) if path[0] == "env" else ""
                    yield own, key, self.where(*path, key), everything

    def _unmeant(self) -> Iterator[Note]:
        if "legacy_tox_ini" in self._table:
            said = "legacy_tox_ini has no effect: there are other keys beside it"
            yield Note(said, self.where("legacy_tox_ini"), "keep one of the two")
        for key, table in self._table.items():
            meant = likely(key, _TABLES) if isinstance(table, dict) else ""
            if meant and key not in CORE_NAMES:
                where = self.where(key)
                yield Note(f"[{key}] means nothing to tox", where, f"did you mean [{meant}]?")
        yield from self._unmeant_bases()
        for path, text in _placed(self._own_tables()):
            known = _ALL_KEYS if path[0] in _TABLES else CORE_NAMES
            depth = {"env": 2, TEMPLATES: 2, RUN_BASE: 1, PACKAGE_BASE: 1}.get(path[0], 0)
            key = str(path[min(depth, len(path) - 1)])
            for one in references(text, key):
                there = one.key in known
                if one.section is not None:
                    there = one.default or self._is_there(one.section, one.key)
                if not there:
                    yield note(one, () if one.section else known, self.where(*path))

    def _unmeant_bases(self) -> Iterator[Note]:
        dotted = "".join(f"{part}." for part in self.prefix)
        for path in (("env", name) for name, _ in self._tables("env")):
            given = self.at((*self.prefix, *path)).get("base")
            for one in given if isinstance(given, list) else ():
                if not isinstance(one, str) or "{" in one:
                    continue
                bare = one.removeprefix(dotted)
                if bare in (RUN_BASE, PACKAGE_BASE):
                    continue
                for there in (tuple(bare.split(".", 1)), (bare,), ("env", one)):
                    with contextlib.suppress(Absent):
                        self.at((*self.prefix, *there))
                        break
                else:
                    yield no_base(one, self.where(*path, "base"))

    def _own_tables(self) -> dict[str, Any]:
        """Give what means something to tox, without tables that others have put beside it."""
        return {
            key: value
            for key, value in self._table.items()
            if key != "legacy_tox_ini" and (key in _TABLES or key in CORE_NAMES)
        }

    def _is_there(self, section: str, key: str) -> bool:
        """Say whether ``{[section]key}`` means something."""
        if section.startswith(".".join((*self.prefix, "env")) + ".") and key in RUN_NAMES:
            return True
        try:
            self.at((*section.split("."), key))
        except Absent:
            return section == ".".join(self.prefix) and key in CORE_NAMES
        return True

    def _texts_with_references(self) -> Iterator[str]:
        yield from (text for _, text in _placed(self._table))


class _TomlLoader:
    """One table as a source of values."""

    def __init__(self, project: TomlProject, path: Path, table: dict[str, Any]) -> None:
        self.section = ".".join((*project.prefix, *path))
        self.name = self.section or "tox"
        self.overrides = of_section(project.caller.overrides, self.section if path else "")
        self._project = project
        self._path = path
        self._table = table

    def raw(self, key: str, scope: Scope) -> Any:
        if key not in self._table:
            raise Absent(key)
        return self._table[key]

    def build(self, key: Key, raw: Any, scope: Scope, chain: Chain) -> Any:
        resolver = self._resolver(scope)
        try:
            value = Unroll(self._project, scope, resolver, chain, key.kind)(raw)
        except Absent as exc:
            raise Unfit(f"nothing stands at {exc.args[0]}") from exc
        if key.kind != "set_env":
            return from_plain(key.kind, value)
        return self._variables(value, scope, chain)

    def convert(self, key: Key, text: str, scope: Scope, chain: Chain) -> Any:
        if key.kind == "set_env":
            return self._variables(text, scope, chain)
        substitution = substitution_for(key.kind, self._resolver(scope))
        return from_text(key.kind, substitution.expand(text, chain))

    def _resolver(self, scope: Scope) -> Resolver:
        project = self._project
        return Resolver(
            scope,
            functools.partial(project.reference, scope),
            functools.partial(project.factor, scope),
        )

    def _variables(self, given: Any, scope: Scope, chain: Chain) -> SetEnv:
        substitution = Substitution(self._resolver(scope))

        def replaced(value: str | Expression, chain: Chain, *, once: bool = False) -> str:
            return substitution.once(value, chain) if once else substitution.expand(value, chain)

        values = SetEnv(replaced, scope, chain, scope.origins.get("set_env"))
        _fill(values, given)
        return values

    def where(self, key: str) -> Origin:
        return self._project.where(*self._path, key)

    def keys(self) -> Iterable[str]:
        return self._table


def _fill(values: SetEnv, given: Any) -> None:
    if isinstance(given, str):
        values.add_text(given)
        return
    tables = given if isinstance(given, list) else [given]
    items: list[tuple[str, str | Expression, str]] = []
    for table in tables:
        if not isinstance(table, dict):
            raise Unfit("set_env must be a table of texts")
        for key, value in table.items():
            marker = ""
            if isinstance(value, dict):
                marker = value.get("marker", "")
                value = value.get("value")  # noqa: PLW2901
            if not isinstance(value, str | Expression):
                raise Unfit(f"{key} must be a text, or a table with value and marker")
            items.append((key, value, marker))
    values.add_table(items)


def _labelled(groups: tuple[_product.FactorGroup, ...]) -> dict[str, _product.FactorGroup]:
    made: dict[str, _product.FactorGroup] = {}
    for at, group in enumerate(groups):
        made[str(at)] = group
        if group.label:
            made[group.label] = group
    return made


def _plain_text(raw: Any) -> str:
    if isinstance(raw, dict):
        return "\n".join(f"{key}={_plain_text(value)}" for key, value in raw.items())
    if isinstance(raw, list):
        return "\n".join(map(_plain_text, raw))
    return as_text(raw)


def _placed(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Give all texts of a value, each with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _placed(one, (*path, key))

"""Grammar as frozen classes: checks plain values against them, with positions.

A :class:`Model` describes a table: its fields are the keys (``exclude_newer`` is
``exclude-newer`` in the file, ``from_`` is ``from``), their annotations the types, their :class:`Entry`
what documentation, schema and errors say. :func:`read` turns a parsed table into
an instance and collects every mistake, not just the first.

Models look like dataclasses, to readers and type checkers, but are made without
generating code: a grammar of ten tables would take 5 ms of every start otherwise.

Understood annotations: Any, str, int, float, bool, date, Literal, another model,
``tuple[X, ...]``, ``list[X]``, ``dict[str, X]``, and unions of these in which no
two members take the same TOML type.
"""

from __future__ import annotations

import functools
import types
import typing
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from stead.formats._words import (
    TYPES,
    as_arguments,
    bare_or_quoted,
    describe,
    dotted,
    either,
    list_of,
)
from stead.values.errors import ManifestError
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.values.origin import Origin

T = TypeVar("T", bound="Model")
Path = tuple["str | int", ...]


class Entry:
    """What is known of a key besides its type; see :func:`entry`."""

    __slots__ = (
        "closed",
        "command",
        "default",
        "doc",
        "examples",
        "factory",
        "keys",
        "means",
        "pattern",
        "rest",
    )

    def __init__(  # noqa: PLR0917 (only `entry` calls it)
        self,
        doc: str,
        default: Any,
        factory: Callable[[], Any] | None,
        examples: tuple[str, ...],
        pattern: str,
        keys: str,
        means: str,
        rest: bool,
        closed: bool,
        command: bool,
    ) -> None:
        self.doc = doc
        self.default = default
        self.factory = factory
        self.examples = examples
        self.pattern = pattern
        self.keys = keys
        self.means = means
        self.rest = rest
        self.closed = closed
        self.command = command

    @property
    def required(self) -> bool:
        return self.default is _ABSENT and self.factory is None


_ABSENT: Any = object()


def entry(
    doc: str,
    *,
    default: Any = _ABSENT,
    factory: Callable[[], Any] | None = None,
    examples: tuple[str, ...] = (),
    pattern: str = "",
    keys: str = "",
    means: str = "",
    rest: bool = False,
    closed: bool = False,
    command: bool = False,
) -> Any:
    """Describe a key of a table; goes where :func:`dataclasses.field` goes.

    ``doc`` is what the reference says, in Markdown. ``examples`` are lines of
    TOML. ``pattern`` holds for texts (also in a list), ``keys`` for the names in
    a ``dict``; ``means`` says in words what the pattern admits. A ``rest`` field
    (a ``dict``) takes every key that no other field has; ``closed`` leaves it out
    of the schema, for keys that only a reader with more knowledge can check. The
    list of a ``command`` is arguments: for a text in its place an error shows them.
    """
    return Entry(doc, default, factory, examples, pattern, keys, means, rest, closed, command)


@typing.dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(entry,))
class Model:
    """A table of a grammar. Instances are frozen; every field is an :func:`entry`."""

    entries: typing.ClassVar[dict[str, Entry]] = {}

    def __init_subclass__(cls) -> None:
        own = {k: v for k, v in vars(cls).items() if isinstance(v, Entry)}
        cls.entries = {**cls.entries, **own}

    def __init__(self, **values: Any) -> None:
        held = self.__dict__
        for name, known in self.entries.items():
            if name in values:
                held[name] = values[name]
            elif known.factory is not None:
                held[name] = known.factory()
            elif known.default is _ABSENT:
                raise TypeError(f"{type(self).__name__} needs {name}")
            else:
                held[name] = known.default

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")


class Where(Protocol):
    """Says where a key path was written."""

    def __call__(self, *path: str | int) -> Origin: ...


class Problems:
    """The mistakes found in one file."""

    def __init__(self) -> None:
        self.found: list[ManifestError] = []
        self._paths: list[Path] = []

    def add(self, message: str, where: Origin, remedy: str = "", path: Path = ()) -> None:
        """Note a mistake; ``path`` is the entry it makes useless."""
        if path:
            self._paths.append(path)
        self.found.append(ManifestError(message, where=where, remedy=remedy))

    def spoilt(self, path: Path) -> bool:
        """Say whether an entry, or something in it, is known to be wrong already."""
        return any(bad[: len(path)] == path for bad in self._paths)

    def check(self) -> None:
        """Raise what was found: the mistake itself, or one error that lists them all."""
        if not self.found:
            return
        if len(self.found) == 1:
            raise self.found[0]
        found = sorted(self.found, key=_line)
        details = [
            f"{e.where}: {e.message}" + (f" → {e.remedy}" if e.remedy else "") for e in found
        ]
        raise ManifestError(
            f"there are {len(self.found)} mistakes in this file",
            where=found[0].where,
            details=details,
            remedy="mend each of them; nothing was changed",
        )


def _line(error: ManifestError) -> int:
    return getattr(error.where, "line", 0)


class _Bad:
    """Stands for a value that was wrong; the mistake has been noted."""


BAD: Any = _Bad()


class _Run(typing.NamedTuple):
    where: Where
    problems: Problems

    def wrong(self, path: Path, message: str, remedy: str = "") -> None:
        self.problems.add(message, self.where(*path), remedy, path)


_Check = typing.Callable[[Any, Path, _Run], Any]


class Shape:
    """What a value must be: a reader per type it may have."""

    __slots__ = ("command", "example", "expected", "readers")

    def __init__(
        self,
        expected: str,
        readers: Mapping[type, _Check],
        example: str = "",
        *,
        command: bool = False,
    ) -> None:
        self.command = command
        self.expected = expected
        self.readers = readers
        self.example = example

    def read(self, value: Any, path: Path, run: _Run) -> Any:
        reader = self.readers.get(type(value))
        if reader is None and isinstance(value, float):  # FloatText
            reader = self.readers.get(float)
        if reader is not None:
            return reader(value, path, run)
        run.wrong(
            path,
            f"{dotted(path)} must be {self.expected}, not {describe(value)}",
            self._remedy(value, path),
        )
        return BAD

    def _remedy(self, value: Any, path: Path) -> str:
        key = bare_or_quoted(str(path[-1])) if path else ""
        if isinstance(value, str) and "packages" in path[-2:-1] and str not in self.readers:
            return f'a package stands under its ecosystem: [packages.pypi] {key} = "{value}"'
        if isinstance(value, str) and self.command:
            return as_arguments(key, value)
        if isinstance(value, str) and list in self.readers and key:
            return f'write {key} = ["{value}"]'
        if isinstance(value, int | float) and not isinstance(value, bool) and str in self.readers:
            return f'put it in quotes: {key} = "{getattr(value, "text", value)}"'
        return f"for example: {self.example}" if self.example else ""


class Field(typing.NamedTuple):
    """One key of a table, ready to be read."""

    name: str
    key: str
    shape: Shape
    required: bool
    hint: Any
    entry: Entry


class Table(typing.NamedTuple):
    """A model, ready to be read into."""

    fields: Mapping[str, Field]
    rest: Field | None


def read(
    cls: type[T], data: Mapping[str, Any], where: Where, problems: Problems | None = None
) -> T:
    """Read a parsed table into ``cls``.

    Without ``problems`` all mistakes are raised as one :class:`ManifestError`;
    with it they are added there, and wrong entries are left out of the result.
    """
    own = problems if problems is not None else Problems()
    value = _read_table(cls, data, (), _Run(where, own))
    if problems is None or value is BAD:
        own.check()
    return typing.cast("T", value)


def table_of(cls: type[Model]) -> Table:
    """Give the keys of a model."""
    if cls not in _TABLES:
        _TABLES[cls] = _compile(cls)
    return _TABLES[cls]


_TABLES: dict[type[Model], Table] = {}


def _compile(cls: type[Model]) -> Table:
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        hints.update(vars(base).get("__annotations__", {}))
    if any(isinstance(hints[name], str) for name in cls.entries):
        hints = typing.get_type_hints(cls)
    fields: dict[str, Field] = {}
    rest = None
    for name, known in cls.entries.items():
        made = Field(
            name,
            name.rstrip("_").replace("_", "-"),
            shape_of(hints[name], known),
            known.required,
            hints[name],
            known,
        )
        if known.rest:
            rest = made
        else:
            fields[made.key] = made
    return Table(fields, rest)


def _read_table(cls: type[Model], data: Mapping[str, Any], path: Path, run: _Run) -> Any:
    table = table_of(cls)
    values: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in data.items():
        f = table.fields.get(key)
        if f is not None and table.rest is not None and _is_rest(f, value):
            others[key] = value
        elif f is not None:
            got = f.shape.read(value, (*path, key), run)
            if got is not BAD:
                values[f.name] = got
        elif table.rest is not None:
            others[key] = value
        else:
            _unknown(key, table, path, run)
    if table.rest is not None:
        values[table.rest.name] = table.rest.shape.read(others, path, run)
    missing = [f.key for f in table.fields.values() if f.required and f.key not in data]
    for key in missing:
        run.wrong(path, f"{dotted(path) or 'the file'} lacks the key {key}", f"add {key} = …")
    if missing or any(f.required and f.name not in values for f in table.fields.values()):
        return BAD
    return cls(**values)


def _is_rest(field: Field, value: Any) -> bool:
    """Tell a package that bears the name of a list of the grammar: it is written as a table."""
    return isinstance(value, dict) and dict not in field.shape.readers


def _unknown(key: str, table: Table, path: Path, run: _Run) -> None:
    from stead.values.names import nearest

    like = nearest(key, table.fields)
    place = f" in [{dotted(path)}]" if path else ""
    remedy = f"did you mean {like}?" if like else f"known here: {', '.join(sorted(table.fields))}"
    if key == "channels" and "packages" in table.fields:
        layer = [*path, "packages", "conda"] if path[:1] == ("layer",) else ["packages", "conda"]
        remedy = f"channels stand in [{dotted(tuple(layer))}]"
    run.wrong((*path, key), f"unknown key {bare_or_quoted(key)}{place}", remedy)


def shape_of(hint: Any, known: Entry) -> Shape:
    """Give the reader of one annotation."""
    example = known.examples[0] if known.examples else ""
    if hint is Any:
        return Shape("a value", dict.fromkeys(TYPES, _take), example)
    if hint is date:
        return Shape("a date", {date: _take, datetime: _take}, example)
    if hint is str and known.pattern:
        return Shape("a string", {str: _patterned(known)}, example)
    if hint in (str, int, bool):
        return Shape(TYPES[hint], {hint: _take}, example)
    if hint is float:
        return Shape("a number", {float: _take, int: _take}, example)
    if isinstance(hint, type) and issubclass(hint, Model):
        return Shape("a table", {dict: functools.partial(_read_table, hint)}, example)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return _literal(arguments, example)
    if origin in (tuple, list):
        item = shape_of(arguments[0], known)
        make = tuple if origin is tuple else list
        reader = _list_reader(item, make)
        return Shape(list_of(item.expected), {list: reader}, example, command=known.command)
    if origin is dict:
        item = shape_of(arguments[1], known)
        return Shape("a table", {dict: _dict_reader(item, known)}, example)
    if origin in (typing.Union, types.UnionType):
        members = [shape_of(a, known) for a in arguments if a is not type(None)]
        readers: dict[type, _Check] = {}
        for member in members:
            readers = {**member.readers, **readers}
        expected = either([m.expected for m in members])
        return Shape(expected, readers, example, command=known.command)
    raise TypeError(f"a grammar cannot hold {hint!r}")


def _take(value: Any, _path: Path, _run: _Run) -> Any:
    return value


def _patterned(known: Entry) -> _Check:
    matches = regex(known.pattern)

    def check(value: str, path: Path, run: _Run) -> Any:
        if matches.fullmatch(value):
            return value
        run.wrong(
            path,
            f"{dotted(path)} must be {known.means}, not {describe(value)}",
            f"for example: {known.examples[0]}" if known.examples else "",
        )
        return BAD

    return check


def _literal(choices: tuple[Any, ...], example: str) -> Shape:
    expected = either([f'"{c}"' if isinstance(c, str) else describe(c) for c in choices])

    def check(value: Any, path: Path, run: _Run) -> Any:
        if value in choices:
            return value
        from stead.values.names import nearest

        like = (
            nearest(value, [c for c in choices if isinstance(c, str)])
            if isinstance(value, str)
            else None
        )
        run.wrong(
            path,
            f"{dotted(path)} must be {expected}, not {describe(value)}",
            f'did you mean "{like}"?' if like else "",
        )
        return BAD

    return Shape(expected, {type(c): check for c in choices}, example)


def _list_reader(item: Shape, make: Callable[[list[Any]], Any]) -> _Check:
    def check(value: list[Any], path: Path, run: _Run) -> Any:
        got = [item.read(v, (*path, i), run) for i, v in enumerate(value)]
        return make([v for v in got if v is not BAD])

    return check


def _dict_reader(item: Shape, known: Entry) -> _Check:
    matches = regex(known.keys) if known.keys else None

    def check(value: dict[str, Any], path: Path, run: _Run) -> Any:
        got: dict[str, Any] = {}
        for key, v in value.items():
            if matches is not None and not matches.fullmatch(key):
                run.wrong(
                    (*path, key),
                    f"{bare_or_quoted(key)} in [{dotted(path)}] is not {known.means}",
                    "choose another name",
                )
                continue
            read_value = item.read(v, (*path, key), run)
            if read_value is not BAD:
                got[key] = read_value
        return got

    return check

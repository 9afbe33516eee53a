"""A typed stub of ``stead.project`` for one place: declarations → text.

With it an editor completes ``project.vars.PG_POOL`` and knows it for an int, and
a type checker finds ``project.paths["rwa"]``. The text depends on names, types
and descriptions alone, so that it may be kept in the repository: no value, no
absolute path, the same on every machine.
"""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.values.kinds import Type
    from stead.values.table import Entry

MARK = "# Made by `stead typings` from the manifests. It is made anew: edits would be lost."
"""The first line of each file; one without it was written by somebody else."""

PACKAGE = f"{MARK}\n# What it says is in project.pyi.\n"
"""``stead/__init__.pyi``: without it the stub would belong to no package."""

_TYPES = {
    "int": "int",
    "port": "int",
    "bytes": "int",
    "float": "float",
    "bool": "bool",
    "duration": "timedelta",
    "path": "Path",
    "data": "Path",
    "paths": "list[Path]",
    "json": "Any",
    "secret": "Secret",
}

# As attributes these would hide the words that the rest of the class is written in, or the
# methods that every kind of names has.
_HIDING = {"property", "overload", "get", "items", "keys"} | {
    *("Any", "Iterator", "Literal", "Path", "Secret", "TypeVar", "timedelta"),
    *("bool", "float", "int", "list", "object", "str", "tuple"),
}

_HEAD = f"""\
{MARK}
# Type checkers find it below `typings/`: pyright by itself, mypy with `mypy_path = "typings"`.

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

_T = TypeVar("_T")

root: Path
place: Path
environment: str

class NoProjectError(RuntimeError): ...
class UnknownNameError(AttributeError, KeyError): ...
class ValueOfError(ValueError): ...
class Secret(str): ...

class _Names:
    def keys(self) -> list[str]: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object) -> bool: ...
"""


@dataclass(frozen=True, slots=True)
class Named:
    """A name as the stub shows it: its type there, and what an editor says about it."""

    name: str
    type: str = "Path"
    text: str = ""


def variable(entry: Entry) -> Named:
    """Give what the stub says of a variable."""
    text = entry.description or (entry.declared.description if entry.declared else "")
    words = [text.strip().rstrip(".")]
    if entry.by and not entry.by.startswith("["):  # the place's own go without saying
        words.append(f"({entry.by})")
    return Named(entry.name, annotation(entry.type, entry.secret), " ".join(w for w in words if w))


def annotation(type: Type, secret: bool = False) -> str:  # noqa: A002 (the word for it)
    """Give the type, in Python's words, of what ``project.vars`` gives."""
    if type.name == "enum" and type.choices and not secret:
        return f"Literal[{', '.join(map(_quoted, type.choices))}]"
    plain = _TYPES.get(type.name, "str")
    return "Secret" if secret and plain == "str" else plain


def joined(environments: Iterable[Iterable[Named]]) -> tuple[Named, ...]:
    """Join what several environments have, sorted; a name of several types may be either."""
    found: dict[str, dict[str, None]] = {}
    texts: dict[str, str] = {}
    for names in environments:
        for named in names:
            found.setdefault(named.name, {})[named.type] = None
            texts.setdefault(named.name, "")
            texts[named.name] = texts[named.name] or named.text
    return tuple(
        Named(name, " | ".join(sorted(types)), texts[name]) for name, types in sorted(found.items())
    )


def stub(
    variables: Iterable[Named],
    *,
    paths: Iterable[Named] = (),
    data: Iterable[Named] = (),
    modules: Iterable[Named] = (),
) -> str:
    """Write ``stead/project.pyi``; each kind of names has what is given, and no other."""
    kinds = {"paths": paths, "vars": variables, "data": data, "modules": modules}
    text = _HEAD
    for kind, names in kinds.items():
        text += f"\nclass _{kind.capitalize()}(_Names):\n{_class_body(joined([names]))}"
    return text + "\n" + "".join(f"{kind}: _{kind.capitalize()}\n" for kind in kinds)


def _class_body(names: tuple[Named, ...]) -> str:
    if not names:
        return "    ...\n"
    lines = []
    for named in names:
        if not _is_attribute(named.name):
            continue
        lines += ["    @property", f"    def {named.name}(self) -> {named.type}:"]
        lines[-1] += "" if named.text else " ..."
        if named.text:
            lines.append(f'        """{_docstring(named.text)}"""')
    of_type: dict[str, list[str]] = {}
    for named in names:
        of_type.setdefault(named.type, []).append(named.name)
    either = " | ".join(of_type)
    items = f"    def items(self) -> list[tuple[str, {either}]]: ..."
    return "\n".join([*lines, *_items(of_type), *_gets(of_type), items]) + "\n"


def _items(of_type: Mapping[str, list[str]]) -> list[str]:
    several = ["    @overload"] if len(of_type) > 1 else []
    return [
        line
        for type_, names in of_type.items()
        for line in (
            *several,
            f"    def __getitem__(self, name: {_literal(names)}) -> {type_}: ...",
        )
    ]


def _gets(of_type: Mapping[str, list[str]]) -> list[str]:
    lines = []
    for type_, names in of_type.items():
        literal = _literal(names)
        lines += [
            "    @overload",
            f"    def get(self, name: {literal}) -> {type_} | None: ...",
            "    @overload",
            f"    def get(self, name: {literal}, default: _T) -> {type_} | _T: ...",
        ]
    return lines


def _literal(names: Iterable[str]) -> str:
    return f"Literal[{', '.join(map(_quoted, names))}]"


def _quoted(text: str) -> str:
    """Write a string for Python, in ASCII, so that any checker reads it in any locale."""
    return ascii(text) if '"' in text else '"' + ascii(text)[1:-1].replace("\\'", "'") + '"'


def _docstring(text: str) -> str:
    line = " ".join(text.split())
    return "".join(c for c in line if c.isprintable()).replace("\\", "\\\\").replace('"', '\\"')


def _is_attribute(name: str) -> bool:
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and not name.startswith("_")
        and name not in _HIDING
    )

"""The project's structure and settings, for its own code.

    from stead import project

    project.paths["raw"]       or project.paths.raw: an entry of [paths], a pathlib.Path
    project.vars.PG_POOL       or project.vars["PG_POOL"]: a variable, as its type says
    project.data["scans"]      where that data lies
    project.modules["pgstore"] the directory of a used module
    project.root, project.place, project.environment

It works in every process that Stead started, on the project's own Python (3.8 or
newer), whether or not Stead is installed there: an environment that has paths or
declared variables finds this file through ``PYTHONPATH``. Names, types and
locations stand in the file that ``STEAD_PROJECT`` names; values are read from the
process's variables each time, so that a test may change one. Nothing here is
needed to read them: ``os.environ`` has the same.

Only the standard library is used, and of that nothing before it is asked for:
the import takes a fraction of a millisecond.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is not imported for it
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from pathlib import Path
    from typing import Any

    root: Path
    """The directory of the workspace."""
    place: Path
    """The directory whose environment this is."""
    environment: str
    """The environment's name: ``default``, ``prod``, ``py312-test``."""

__all__ = [
    "NoProjectError",
    "Secret",
    "UnknownNameError",
    "ValueOfError",
    "data",
    "environment",
    "modules",
    "paths",
    "place",
    "root",
    "vars",
]

_FILE = "STEAD_PROJECT"


class NoProjectError(RuntimeError):
    """The process was not started by Stead, or what it reads is gone."""


class UnknownNameError(AttributeError, KeyError):
    """The project has nothing of that name, or no value for it here."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # Python would look for a name to propose, after this has proposed one.
        self.name = ""
        self.obj = None

    def __str__(self) -> str:
        return str(self.args[0])


class ValueOfError(ValueError):
    """A variable was given a value that is not of its type."""


class Secret(str):
    """A secret's text. It is an ordinary string, but for ``repr``, which shows nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


class _Names:
    """Names of one kind: as items and as attributes, listed by ``dir`` and by iteration."""

    __slots__ = ("_kind",)

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __getitem__(self, name: str) -> Any:
        known = _read()[self._kind]
        if name not in known:
            raise UnknownNameError(_unknown(self._kind, name, known))
        return self._value(name, known[name])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy, pickle and inspect ask for such
            raise AttributeError(name)
        return self[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Give what has the name, or ``default``."""
        return self[name] if name in self else default  # noqa: SIM401 (it is what this defines)

    def keys(self) -> list[str]:
        """List the names, so that ``dict(project.paths)`` works."""
        return list(self)

    def items(self) -> list[tuple[str, Any]]:
        """List pairs of a name and what has it."""
        return [(name, self[name]) for name in self]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(n for n, entry in _read()[self._kind].items() if self._has(n, entry)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        known = _read()[self._kind]
        return isinstance(name, str) and name in known and self._has(name, known[name])

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *(name for name in self if name.isidentifier())]

    def __repr__(self) -> str:
        return f"<{_WORDS[self._kind][1]} of the project: {', '.join(self) or 'none'}>"

    def _has(self, name: str, entry: Any) -> bool:
        return True

    def _value(self, name: str, entry: Any) -> Any:
        from pathlib import Path

        return Path(entry)


class _Variables(_Names):
    """The variables, each as what it was declared to be."""

    __slots__ = ()

    def _has(self, name: str, entry: Any) -> bool:
        return name in os.environ

    def _value(self, name: str, entry: Any) -> Any:
        text = os.environ.get(name)
        if text is None:
            raise UnknownNameError(f"the variable {name} is declared, but has no value here")
        type_ = entry["type"]
        try:
            value = _CONVERT[type_](text) if type_ in _CONVERT else text
        except (ValueError, OverflowError):
            shown = "its value" if entry.get("secret") else repr(text)
            # The cause would show the value.
            raise ValueOfError(f"the variable {name}: {shown} is no {type_}") from None
        return Secret(value) if entry.get("secret") and isinstance(value, str) else value


paths = _Names("paths")
vars = _Variables("vars")  # noqa: A001 (read as project.vars)
data = _Names("data")
modules = _Names("modules")

_WORDS = {
    "paths": ("path", "paths"),
    "vars": ("variable", "variables"),
    "data": ("data", "data"),
    "modules": ("module", "modules"),
}


def __getattr__(name: str) -> Any:
    if name in ("root", "place"):
        from pathlib import Path

        return Path(_read()[name])
    if name == "environment":
        return _read()[name]
    if name.startswith("__"):
        raise AttributeError(name)
    raise UnknownNameError(f"stead.project has no {name!r}{_close(name, __all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)


_known: tuple[str, dict[str, Any]] = ("", {})


def _read() -> dict[str, Any]:
    """Read the project's description, once per file."""
    global _known  # noqa: PLW0603 (what was read last)
    file = os.environ.get(_FILE, "")
    if file and file == _known[0]:
        return _known[1]
    if not file:
        raise NoProjectError(
            f"{_FILE} is not set: start this with `stead run`, or from a shell with the hook"
        )
    import json

    try:
        with open(file, encoding="utf-8") as opened:
            description = json.load(opened)
        if not isinstance(description, dict) or description.get("format") != 1:
            raise NoProjectError(f"{_FILE} is of another version of Stead: {file}")
    except (OSError, ValueError) as exc:
        raise NoProjectError(f"{_FILE} cannot be read: {file} ({exc})") from exc
    _known = (file, description)
    return description


def _unknown(kind: str, name: str, known: dict[str, Any]) -> str:
    return f"the project has no {_WORDS[kind][0]} {name!r}{_close(name, known)}"


def _close(name: object, known: Any) -> str:
    import difflib

    by_case = {n.lower(): n for n in known}
    close = difflib.get_close_matches(str(name).lower(), by_case, 1)
    return f"; did you mean {by_case[close[0]]!r}?" if close else ""


# What a process gets as text, by type. The names are those of `type = …` in a manifest; str,
# url, host and enum stay text.


def _bool(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("true", "yes", "on", "1"):
        return True
    if lowered in ("false", "no", "off", "0"):
        return False
    raise ValueError(text)


_UNITS = {
    "us": "microseconds", "µs": "microseconds", "ms": "milliseconds", "s": "seconds",
    "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks",
}  # fmt: skip

_SIZES = {"b": 1, "": 1}
for _power, _letter in enumerate("kmgtpe", 1):
    _SIZES[_letter + "b"] = 1000**_power
    _SIZES[_letter + "ib"] = 1024**_power
del _power, _letter


def _duration(text: str) -> timedelta:
    import re
    from datetime import timedelta

    bare = text.strip().lower().replace(" ", "")
    if re.match(r"[0-9]+(\.[0-9]+)?\Z", bare):
        bare += "s"
    pieces = re.findall(r"([0-9]+(?:\.[0-9]+)?)([a-zµ]+)", bare)
    if not pieces or "".join(number + unit for number, unit in pieces) != bare:
        raise ValueError(text)
    total = timedelta()
    for digits, unit in pieces:
        # A whole number is counted exactly, however large.
        number = float(digits) if "." in digits else int(digits)
        if unit == "ns":
            number, unit = number / 1000, "us"  # noqa: PLW2901 (the finest that timedelta has)
        if unit not in _UNITS:
            raise ValueError(text)
        total += timedelta(**{_UNITS[unit]: number})
    return total


def _bytes(text: str) -> int:
    import re

    found = re.match(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\Z", text.strip().lower())
    if not found or found.group(2) not in _SIZES:
        raise ValueError(text)
    from fractions import Fraction

    return int(Fraction(found.group(1)) * _SIZES[found.group(2)])


def _json(text: str) -> Any:
    import json

    return json.loads(text)


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text)


def _paths(text: str) -> list[Path]:
    return [_path(entry) for entry in text.split(os.pathsep) if entry]


_CONVERT: dict[str, Callable[[str], Any]] = {
    "int": int,
    "port": int,
    "float": float,
    "bool": _bool,
    "duration": _duration,
    "bytes": _bytes,
    "json": _json,
    "path": _path,
    "data": _path,
    "paths": _paths,
}

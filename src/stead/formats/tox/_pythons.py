"""Interpreters in names of environments, and whether two ways of asking for one agree."""

from __future__ import annotations

import re

from stead.formats.tox._substitute import Unfit
from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.interpreter import Interpreter

_IMPLEMENTATIONS = r"pypy|py|cpython|jython|graalpy|rustpython|ironpython"
_FACTOR = regex(rf"(?!py$)(?:{_IMPLEMENTATIONS})(?:[2-9]\.?[0-9]?[0-9]?t?d?)?")
_VERSION = regex(r"(?:(cpython|pypy)-)?([23]\.[0-9]+t?d?)")
_SPEC = regex(
    r"(?P<name>[a-zA-Z]+)?(?P<version>[0-9.]+)?(?P<threaded>t?)(?P<debug>d?)(?:-(?P<bits>32|64))?"
    r"(?:-(?P<machine>[a-zA-Z0-9_]+))?"
)


def in_name(environment: str, *, ignore: bool = False) -> str:
    """Give the interpreter that a name asks for, empty for none.

    Raises :class:`Unfit` for a name that asks for two, unless that is to be ignored.
    """
    whole = _VERSION.fullmatch(environment)
    if whole:
        found = [_spec(whole)]
    else:
        found = []
        for factor in environment.split("-"):
            version = _VERSION.fullmatch(factor)
            if _FACTOR.fullmatch(factor):
                found.append(factor)
            elif version:
                found.append(_spec(version))
    if len(found) > 1:
        if ignore:
            return ""
        raise Unfit(f"the name {environment} asks for several interpreters: {', '.join(found)}")
    return found[0] if found else ""


def _spec(match: re.Match[str]) -> str:
    return ("pypy" if match[1] == "pypy" else "") + match[2]


@dataclass(frozen=True)
class Wanted:
    """What a specification says of an interpreter; None for what it leaves open."""

    implementation: str | None = None
    version: tuple[int, ...] = ()
    threaded: bool | None = None
    debug: bool | None = None


def read(spec: str) -> Wanted | None:
    """Read a specification (``py312``, ``3.12``, ``pypy3.10``); None for a path."""
    match = _SPEC.fullmatch(spec)
    if match is None or "/" in spec or "\\" in spec:
        return None
    name = match["name"] or ""
    threaded, debug = match["threaded"], match["debug"]
    if not match["version"] and name.lower() not in (
        "",
        "py",
        "python",
        *_IMPLEMENTATIONS.split("|"),
    ):
        return None
    implementation = None if name.lower() in ("", "py", "python") else name.lower()
    version = match["version"] or ""
    if "." in version:
        numbers = tuple(int(part) for part in version.split(".") if part)
    elif version:
        numbers = (int(version[0]), *((int(version[1:]),) if version[1:] else ()))
    else:
        numbers = ()
    stated = bool(numbers)
    return Wanted(
        implementation,
        numbers,
        bool(threaded) if stated and (threaded or len(numbers) > 1) else None,
        bool(debug) if stated and (debug or len(numbers) > 1) else None,
    )


def conflict(named: str, asked: str) -> bool:
    """Say whether an interpreter asked for cannot be the one an environment's name means.

    A path says nothing until it is run, so it conflicts with nothing here.
    """
    want, have = read(named), read(asked)
    if want is None or have is None:
        return False
    if want.implementation and have.implementation != want.implementation:
        return True
    for at, number in enumerate(want.version):
        if at >= len(have.version) or have.version[at] != number:
            return True
    return bool(want.threaded is not None and want.threaded != bool(have.threaded)) or bool(
        want.debug is not None and want.debug != bool(have.debug)
    )


def implementation(interpreter: Interpreter) -> str:
    """Name who made an interpreter, from its ABI tag (``cp312``, ``pp310``)."""
    prefix = re.match(r"[a-z]+", interpreter.tag)
    return {"pp": "pypy", "graalpy": "graalvm"}.get(prefix[0] if prefix else "cp", "cpython")


def kind(interpreter: Interpreter) -> str:
    """Name what wheels depend on: ``cpython312``, ``cpython313t``."""
    flags = re.search(r"(t?d?)$", interpreter.tag)
    return (
        implementation(interpreter)
        + interpreter.minor.replace(".", "")
        + (flags[1] if flags else "")
    )


def library(interpreter: Interpreter, *, windows: bool) -> str:
    """Give the directory of installed modules, relative to an environment's root."""
    if windows:
        return "Lib\\site-packages"
    name = "pypy" if implementation(interpreter) == "pypy" else "python"
    threaded = "t" if interpreter.tag.rstrip("d").endswith("t") and name == "python" else ""
    return f"lib/{name}{interpreter.minor}{threaded}/site-packages"

"""Requests for an interpreter: text → value, and which versions satisfy it.

A request is what people write in manifests and ``.python-version``: PEP 440
specifiers (``>=3.10,<3.13``), a bare version that stands for all it begins
(``3.12`` is ``3.12.*``), ``3.13t`` for the free-threaded build, an
implementation before it (``pypy3.10``, ``cpython@3.12``), an absolute path, or
nothing.

The usual operators are compared here: importing ``packaging`` takes longer than
everything else in a search whose answers are cached. The unusual ones go to it.
"""

from __future__ import annotations

import re

from stead.values.errors import InterpreterError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

_REQUEST = regex(
    r"(?P<implementation>cpython|python|pypy|graalpy|cp|pp|py)?[@-]?(?P<rest>.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_BARE = regex(r"\d+(\.\d+)*((a|b|rc)\d+)?\Z", re.ASCII)
_CLAUSE = regex(r"(~=|==|!=|<=|>=|<|>)\s*(\d+(?:\.\d+)*)(\.\*)?\Z", re.ASCII)
_VERSION = regex(r"(\d+)\.(\d+)(?:\.(\d+))?(?:(a|b|rc)(\d+))?(\+.*)?\Z", re.ASCII)
_FINAL = ("z", 0)  # after "a", "b", "rc"

Key = tuple[tuple[int, int, int], tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: ``clauses`` are PEP 440 specifiers, all of which must hold."""

    text: str
    clauses: tuple[str, ...] = ()
    implementation: str = "cpython"
    threading: str = ""
    """``t`` for the free-threaded build; empty for the usual one."""
    path: str = ""

    def accepts(self, version: str, tag: str) -> bool:
        """Say whether a version with this ABI tag is what is asked for.

        A pre-release is accepted where its number fits; ranking it last is the
        chooser's matter.
        """
        if implementation_of(tag) != self.implementation:
            return False
        if is_free_threaded(tag) != bool(self.threading):
            return False
        return all(_holds(clause, version) for clause in self.clauses)

    def may_accept(self, minor: str) -> bool:
        """Say whether some version of a minor release (``3.12``) could fit.

        Saves starting interpreters whose file name tells enough; when in doubt, yes.
        """
        for clause in self.clauses:
            found = _CLAUSE.match(clause)
            if found is None:
                continue
            operator, release, star = found.groups()
            asked = tuple(int(n) for n in release.split("."))[:2]
            mine = tuple(int(n) for n in minor.split("."))[: len(asked)]
            if operator in ("==", "~=") and (star or operator == "==") and mine != asked:
                return False
            if operator in (">=", ">", "~=") and mine < asked:
                return False
            if operator in ("<=", "<") and mine > asked:
                return False
        return True


def parse(text: str) -> Request:
    """Read a request; InterpreterError where it cannot be understood."""
    said = text.strip()
    if said.startswith(("/", "\\", "~/")) or re.match(r"[A-Za-z]:[\\/]", said):
        return Request(text=text, path=said)
    found = _REQUEST.match(said)
    assert found is not None
    implementation = {"pypy": "pypy", "pp": "pypy", "graalpy": "graalpy"}.get(
        (found["implementation"] or "").lower(), "cpython"
    )
    rest, threading = found["rest"].strip(), ""
    if (found["implementation"] or "").lower() in ("cp", "py") and re.match(r"3\d+t?\Z", rest):
        rest = f"3.{rest[1:]}"
    if rest in ("", "*"):
        return Request(text=text, implementation=implementation)
    clauses = []
    for part in filter(None, map(str.strip, rest.split(","))):
        # "3.13t" and "==3.13.*t" alike: the letter is no part of any version.
        lettered = bool(re.search(r"[\d*]t\Z", part))
        threading = "t" if lettered else threading
        clauses.append(_clause(part[:-1] if lettered else part, text))
    return Request(text, tuple(clauses), implementation, threading)


def admits(specifiers: str, version: str) -> bool:
    """Say whether PEP 440 specifiers (``Requires-Python``) admit a version.

    Raises InterpreterError for what is none.
    """
    return all(_holds(clause, version) for clause in parse(specifiers).clauses)


def key(version: str) -> Key:
    """Give a sort key: pre-releases come before their release."""
    found = _VERSION.match(version)
    if found is None:
        return (0, 0, 0), ("", 0)
    major, minor, patch, phase, number, _ = found.groups()
    return (
        (int(major), int(minor), int(patch or 0)),
        (phase, int(number)) if phase else _FINAL,
    )


def is_prerelease(version: str) -> bool:
    """Say whether a version is an alpha, beta or candidate."""
    return key(version)[1] != _FINAL


def implementation_of(tag: str) -> str:
    """Name the implementation that an ABI tag belongs to."""
    return {"cp": "cpython", "pp": "pypy"}.get(tag[:2], "graalpy")


def is_free_threaded(tag: str) -> bool:
    """Say whether an ABI tag is that of a build without the global lock."""
    return "t" in tag[2:]


def _clause(part: str, text: str) -> str:
    if _BARE.match(part):
        # A full version is exact; anything shorter stands for all it begins.
        exact = part.count(".") >= 2 or not part.replace(".", "").isdigit()
        return f"=={part}" if exact else f"=={part}.*"
    if re.match(r"\d+(\.\d+)*\.\*\Z", part, re.ASCII):
        return f"=={part}"
    if part.startswith("=") and not part.startswith("=="):  # conda's "=3.12"
        return _clause(part[1:].strip(), text)
    if _CLAUSE.match(part):
        if part.endswith(".*") and not part.startswith(("==", "!=")):
            # Conda writes ">=3.10.*"; PEP 440 has no such form, and the meaning is plain.
            return part[:-2]
        return part
    from packaging.specifiers import InvalidSpecifier, Specifier

    try:
        Specifier(part)
    except InvalidSpecifier as exc:
        raise InterpreterError(
            f"{text!r} is no request for a Python version",
            remedy="write a version (3.12), specifiers (>=3.10,<3.13), or an absolute path",
        ) from exc
    return part


def _holds(clause: str, version: str) -> bool:
    found = _CLAUSE.match(clause)
    mine = _VERSION.match(version)
    if found is None or mine is None or mine[6] or mine[4]:
        return _holds_exactly(clause, version)
    operator, text, star = found.groups()
    asked = [int(n) for n in text.split(".")]
    have = [int(n or 0) for n in mine.group(1, 2, 3)]
    prefix = have[: len(asked)] == asked[: len(have)] and not any(asked[len(have) :])
    if operator == "~=":
        return _padded(have) >= _padded(asked) and have[: len(asked) - 1] == asked[:-1][: len(have)]
    if operator in ("==", "!="):
        same = prefix if star else _padded(have) == _padded(asked)
        return same if operator == "==" else not same
    left, right = _padded(have), _padded(asked)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[
        operator
    ]


def _padded(release: list[int]) -> list[int]:
    return release + [0] * (6 - len(release))


def _holds_exactly(clause: str, version: str) -> bool:
    from packaging.specifiers import Specifier
    from packaging.version import InvalidVersion

    try:
        return Specifier(clause).contains(version, prereleases=True)
    except InvalidVersion:
        return False

"""Factor expressions: which environments a line is for.

An environment's name is factors joined by dashes (``py312-django42``). An
expression names sets of factors: ``a-b`` is both, ``a,b`` either, ``!a`` not that
one, ``{a,b}-c`` is ``a-c,b-c``, ``{9-12}`` counts (also downwards), ``{10-}`` and
``{-13}`` count to the newest and from the oldest interpreter that is meant by it.
The meaning is that of tox 4, so that its files can be read; what tox refuses and
has one sensible reading (braces in braces) is understood here.

Two uses: a list of environments is *expanded* (:func:`expand`), and a text whose
lines may begin with a condition (``a-b: line``) is *narrowed* to what holds for
one environment (:class:`Conditional`).
"""

from __future__ import annotations

import functools
import itertools

from stead.values.errors import ManifestError
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

OLDEST, NEWEST = 11, 15
"""The minor versions at which open ranges end: what tox 4.67 takes them to mean."""

Group = tuple[tuple[str, bool], ...]
"""Factors in the order written; the flag says that one must be absent."""


class Condition:
    """Groups of factors of which one must hold as a whole."""

    __slots__ = ("_tests", "groups")

    def __init__(self, groups: tuple[Group, ...]) -> None:
        self.groups = groups
        self._tests = [
            (frozenset(n for n, no in group if not no), frozenset(n for n, no in group if no))
            for group in groups
        ]

    def holds(self, factors: frozenset[str]) -> bool:
        """Say whether it holds where these factors do."""
        for wanted, unwanted in self._tests:
            if wanted <= factors and unwanted.isdisjoint(factors):
                return True
        return False


_RANGE = regex(r"(?<![\w.-])(\d+)-(\d*)(?=[,}])|(?<=[{,])-(\d+)(?=[,}])")
_MARK = regex(r":(?=\s|$)")
_FACTORS = regex(r"(?:!?(?:\[!?|[\w.*?\]])+)?(?:-(?:!?(?:\[!?|[\w.*?\]])+)?)*")

_MACHINES = {"amd64": "x86_64", "aarch64": "arm64", "i386": "x86", "i486": "x86", "i586": "x86"}
_MACHINES |= {"i686": "x86", "powerpc": "ppc", "powerpc64": "ppc64", "powerpc64le": "ppc64le"}
_MACHINES |= {"sparcv9": "sparc64"}
ARCHITECTURES = frozenset(
    {
        *("arm64", "loongarch64", "ppc", "ppc64", "ppc64le"),
        *("riscv64", "s390x", "sparc64", "x86", "x86_64"),
    }
)


def minors(start: int | None, stop: int | None) -> list[int]:
    """Count minor versions; an open end is :data:`OLDEST` or :data:`NEWEST`.

    A bound beyond the open end stands alone, so that nothing expands to nothing.
    """
    if start is not None and stop is not None:
        return list(range(start, stop + 1)) if start <= stop else list(range(start, stop - 1, -1))
    first = OLDEST if start is None else start
    last = NEWEST if stop is None else stop
    return list(range(first, last + 1)) or [last if start is None else first]


def _range(match: re.Match[str]) -> str:
    start, stop, only = match.groups()
    numbers = minors(None, int(only)) if only else minors(int(start), int(stop) if stop else None)
    return ",".join(map(str, numbers))


@functools.cache
def parse(text: str) -> tuple[str, ...] | None:
    """Expand an expression to its alternatives, ``!`` kept; None for what is no expression."""
    found: list[str] = []
    if "," in text or "}" in text:
        text = _RANGE.sub(_range, text)
    for piece in _pieces(text):
        variants = _variants(piece.strip()) if piece else ()
        if variants is None:
            return None
        for variant in variants:
            if not _FACTORS.fullmatch(variant):
                return None
            found.append(variant)
    return tuple(found)


def _pieces(text: str) -> Iterator[str]:
    """Split at the commas outside braces."""
    if "{" not in text:
        yield from text.split(",")
        return
    depth = start = 0
    for at, char in enumerate(text):
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
        elif char == "," and depth <= 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _variants(text: str) -> tuple[str, ...] | None:
    """Multiply out the braces of one piece."""
    start = text.find("{")
    if start < 0:
        return None if "}" in text else (text.strip(),)
    depth = 0
    for end in range(start, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if not depth:
            break
    else:
        return None
    inside = text[start + 1 : end]
    before, after = text[:start], _variants(text[end + 1 :])
    if not inside or after is None or "}" in before:
        return None
    choices: list[str] = []
    for piece in _pieces(inside):
        variants = _variants(piece)
        if variants is None:
            return None
        choices += variants
    head = before.strip()
    return tuple(head + one + rest for one, rest in itertools.product(choices, after))


@functools.cache
def condition(text: str) -> Condition | None:
    """Read a condition (``{a,b}-!c,d``); None for what is no factor expression."""
    alternatives = parse(text.strip())
    return None if alternatives is None else Condition(tuple(map(_group, alternatives)))


def _group(alternative: str) -> Group:
    return tuple((f[1:], True) if f.startswith("!") else (f, False) for f in alternative.split("-"))


def expand(text: str) -> tuple[str, ...]:
    """Expand a list of environments, one or several per line, each once, in order.

    Raises :class:`ManifestError` (without a place) for what is no factor expression.
    """
    names: dict[str, None] = {}
    for line in text.split("\n"):
        alternatives = parse(line)
        if alternatives is None:
            raise ManifestError(
                f'"{line.strip()}" is not a factor expression',
                remedy="names are letters, digits and dots joined by dashes; each { needs its }",
            )
        names.update(dict.fromkeys("-".join(n for n, _ in _group(a)) for a in alternatives))
    return tuple(names)


def machine_factor(machine: str) -> str:
    """Name an architecture as factors do (``AMD64`` and ``amd64`` are ``x86_64``)."""
    return _MACHINES.get(machine.lower(), machine.lower())


def factors_of(environment: str, sys_platform: str, machine: str) -> frozenset[str]:
    """Give the factors that hold for an environment: its name's, the platform, the architecture.

    ``sys_platform`` and ``machine`` are the host's, as :mod:`sys` and :mod:`platform`
    say them. A name that states an architecture does not have the host's as well.
    """
    wanted = condition(environment)
    groups = wanted.groups if wanted else (_group(environment),)
    named = {name for group in groups for name, _ in group}
    host = machine_factor(machine) if machine else ""
    known = named & ARCHITECTURES or any(machine_factor(f) == host for f in named)
    return frozenset({*named, sys_platform, *(() if known or not host else (host,))})


def split_line(line: str) -> tuple[Condition | None, str]:
    """Split ``condition: content``; the condition is None for a line that has none."""
    mark = _MARK.search(line)
    if mark is None:
        return None, line
    wanted = condition(line[: mark.start()])
    return (None, line) if wanted is None else (wanted, line[mark.end() :].strip())


def mentioned(text: str) -> Iterator[str]:
    """Name the environments that the conditions of a text mention, in order."""
    for line in text.split("\n"):
        wanted, _ = split_line(line)
        for group in wanted.groups if wanted else ():
            yield "-".join(name for name, _ in group)


class _Filed:
    """Numbers of lines: those that hold where they are found, and those to be looked at."""

    __slots__ = ("maybe", "sure")

    def __init__(self) -> None:
        self.sure: list[int] = []
        self.maybe: list[int] = []


class Conditional:
    """A text of which some lines hold for some environments only.

    The lines are read once. Each conditional line is filed under the two rarest factors
    of each of its groups, so that narrowing looks at the lines that hold and few others:
    ten thousand lines for eight hundred environments stay affordable.
    """

    __slots__ = ("_always", "_filed", "_joined", "_known", "_lines")

    def __init__(self, text: str) -> None:
        self._lines = [split_line(line) for line in text.split("\n")]
        self._joined = any(content.endswith("\\") for _, content in self._lines)
        self._always = _Filed()
        self._filed: dict[tuple[str, ...], _Filed] = {}
        self._known: frozenset[str] = frozenset()
        if not self._joined:
            self._file()

    def _file(self) -> None:
        uses: dict[str, int] = {}
        for wanted, _ in self._lines:
            for group in wanted.groups if wanted else ():
                for name, _negated in group:
                    uses[name] = uses.get(name, 0) + 1
        known: set[str] = set()
        for at, (wanted, content) in enumerate(self._lines):
            if wanted is None:
                if content:
                    self._always.sure.append(at)
                continue
            # The lines of one group of one or two factors hold wherever they are found.
            sure = len(wanted.groups) == 1 and len(wanted.groups[0]) <= 2
            for group in wanted.groups:
                needed = sorted({n for n, negated in group if not negated}, key=uses.__getitem__)
                if not needed:
                    self._always.maybe.append(at)
                    continue
                under = tuple(sorted(needed[:2]))
                known.update(under)
                filed = self._filed.setdefault(under, _Filed())
                (filed.sure if sure and len(needed) == len(group) else filed.maybe).append(at)
        self._known = frozenset(known)

    def narrow(self, factors: frozenset[str]) -> str:
        """Give the lines that hold, without their conditions."""
        if self._joined:
            return "\n".join(self._with_continuations(factors))
        lines, sure, maybe = self._lines, [*self._always.sure], {*self._always.maybe}
        here = sorted(factors & self._known)
        for under in (*((one,) for one in here), *itertools.combinations(here, 2)):
            filed = self._filed.get(under)
            if filed is not None:
                sure += filed.sure
                maybe.update(filed.maybe)
        for at in maybe:
            wanted = lines[at][0]
            if wanted is not None and wanted.holds(factors):
                sure.append(at)
        sure.sort()
        return "\n".join([lines[at][1] for at in sure])

    def _with_continuations(self, factors: frozenset[str]) -> Iterator[str]:
        """Narrow where lines end with a backslash: the next one shares their fate."""
        going_on = dropping = False
        for wanted, content in self._lines:
            if wanted is not None:
                if wanted.holds(factors):
                    yield content
                    going_on, dropping = content.endswith("\\"), False
                else:
                    dropping = content.endswith("\\")
                continue
            if dropping and not going_on and not content.endswith("\\"):
                dropping = False
                continue
            if content:
                yield content
                going_on = content.endswith("\\")
            dropping = False

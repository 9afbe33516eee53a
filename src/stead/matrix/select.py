"""Which environments run: by name, label, factor; without those that a pattern leaves out."""

from __future__ import annotations

import re

from stead.values.errors import UsageError
from stead.values.factors import parse
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stead.matrix.asking import Wanted
    from stead.matrix.describe import Description
    from stead.values.suite import Environment, Suite

ALL = "ALL"
DYNAMIC = regex(
    r"(?:pypy|py|cpython|jython|graalpy|rustpython|ironpython|)"
    r"(?:(?:\d(?:\.\d+(?:\.\d+)?)?|\d+)t?d?)?|alpha|beta|rc\.\d+"
)
"""A factor that an environment's name may have without anything saying so: an interpreter."""


def names(described: Description, wanted: Wanted) -> tuple[str, ...]:
    """Name the chosen environments, those that nobody listed among them.

    Raises UsageError for names that are none, with what was most likely meant.
    """
    if wanted.nothing:
        found: Iterable[str] = described.default
    else:
        everything = tuple(dict.fromkeys((*described.names, *described.default)))
        named = _named(described, wanted.names, everything)
        found = [*named, *_labelled(described, wanted.labels, everything)]
        found += _with_factors(wanted.factors, everything)
    return tuple(without(dict.fromkeys(found), wanted.skip))


def chosen(suite: Suite, wanted: Wanted) -> tuple[Environment, ...]:
    """Give the environments of a suite that are chosen: those named, in the order they are named
    in; all others in the suite's.
    """
    by_name = {one.name: one for one in suite.environments}
    if wanted.nothing:
        found = [one.name for one in suite.environments if one.default]
    else:
        found = [n for n in expanded(wanted.names) if n in by_name]
        if ALL in wanted.names:
            found = [one.name for one in suite.environments if one.listed]
        labels = set(wanted.labels)
        found += (n for n, one in by_name.items() if labels.intersection(one.labels))
        found += (n for n in by_name if _has_factors(n, wanted.factors))
    return tuple(by_name[n] for n in without(dict.fromkeys(found), wanted.skip))


def _named(
    described: Description, wanted: tuple[str, ...], everything: tuple[str, ...]
) -> tuple[str, ...]:
    if ALL in wanted:
        return described.every
    found = expanded(wanted)
    listed = frozenset(everything)
    wrong = [name for name in found if name not in listed and not described.known(name)]
    if wrong:
        likely = [(name, described.alike(name)) for name in wrong]
        raise UsageError(
            f"there is no environment {wrong[0]}"
            if len(wrong) == 1
            else f"there are no environments {', '.join(wrong)}",
            remedy="; ".join(f"did you mean {like}?" for _, like in likely if like)
            or "see `stead test --list`",
        )
    return found


def expanded(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Give the names that factor expressions stand for. Raises UsageError for what is none."""
    found: dict[str, None] = {}
    for text in wanted:
        alternatives = parse(text)
        if alternatives is None or any("!" in one for one in alternatives):
            raise UsageError(
                f"{text!r} names no environments",
                remedy="write names, or factor expressions such as py3{11,12}-unit",
            )
        found.update(dict.fromkeys(filter(None, alternatives)))
    return tuple(found)


def _labelled(
    described: Description, labels: tuple[str, ...], everything: tuple[str, ...]
) -> Iterator[str]:
    if not labels:
        return
    bearing = {name: frozenset(described.labels(name)) for name in everything}
    for label in labels:
        if not any(label in own for own in bearing.values()):
            from stead.values.names import nearest

            known = sorted(frozenset().union(*bearing.values()))
            like = nearest(label, known)
            raise UsageError(
                f"no environment bears the label {label}",
                remedy=f"did you mean {like}?"
                if like
                else f"labels are {', '.join(known)}"
                if known
                else "nothing here has labels",
            )
    yield from (name for name in everything if not bearing[name].isdisjoint(labels))


def _with_factors(wanted: tuple[str, ...], everything: tuple[str, ...]) -> Iterator[str]:
    for one in wanted:
        if not any(_has_factors(name, (one,)) for name in everything):
            raise UsageError(
                f"no environment has the factors {one} in its name",
                remedy="see `stead test --list`, or name the environment as a whole",
            )
    yield from (name for name in everything if _has_factors(name, wanted))


def nobody(entry: str, described: Description) -> tuple[str, ...]:
    """Give the names and patterns of an entry of ``depends`` that no environment answers."""
    from fnmatch import fnmatchcase

    from stead.matrix.plan import awaited

    return tuple(
        one
        for one in awaited(entry)
        if one not in described.names
        and not described.known(one)
        and not any(fnmatchcase(name, one) for name in described.names)
    )


def _has_factors(name: str, wanted: tuple[str, ...]) -> bool:
    own = frozenset(name.split("-"))
    return any(own.issuperset(one.split("-")) for one in wanted)


def without(found: Iterable[str], pattern: str) -> Iterator[str]:
    """Give the names that do not begin with what a pattern matches; empty matches none.

    Raises UsageError for what is no regular expression.
    """
    if not pattern:
        yield from found
        return
    try:
        skip = re.compile(pattern)
    except re.error as exc:
        raise UsageError(
            f"--skip-env: {pattern!r} is not a regular expression: {exc}", remedy="mend it"
        ) from exc
    yield from (name for name in found if not skip.match(name))


def reason(one: Environment, wanted: Wanted) -> str:
    """Say why an environment is among the chosen ones."""
    if wanted.nothing:
        return "it runs where nothing else is asked for"
    if ALL in wanted.names:
        return "all environments were asked for"
    if one.name in expanded(wanted.names):
        return "it was asked for by name"
    label = next((label for label in wanted.labels if label in one.labels), "")
    return f"it bears the label {label}" if label else "its name has the factors asked for"

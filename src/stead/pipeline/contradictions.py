"""Requests that exclude each other, told without a solver and without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.errors import ContradictionError
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.version import Version

    from stead.values.requirement import Requirement
    from stead.values.spec import PackagesSpec

    Bound = tuple[Version, bool] | None
    """A version and whether it is itself allowed; None for no bound."""


def check(packages: PackagesSpec) -> None:
    """Raise ContradictionError where two requests for one name leave no version.

    Only what the version specifiers alone prove: requests under a marker, by a
    URL, or in conda's language are the solver's.
    """
    groups: dict[tuple[str, str], list[Requirement]] = {}
    for r in (*packages.requirements, *packages.constraints):
        if r.ecosystem in ("pypi", PYTHON) and r.name and r.spec and not (r.marker or r.source):
            groups.setdefault((r.ecosystem, r.name), []).append(r)
    asked = {(r.ecosystem, r.name) for r in packages.requirements}
    for key, requests in groups.items():
        if len(requests) < 2 or key not in asked:
            continue
        # Each leaves an interval, so that where all have nothing in common two have nothing.
        for i, second in enumerate(requests):
            for first in requests[:i]:
                if excludes_all([_versions(first), _versions(second)]):
                    raise _contradiction(first, second)


def _versions(request: Requirement) -> str:
    """Give the specifiers of a request, without the letter of a free-threaded Python."""
    return request.spec.removesuffix("t") if request.ecosystem == PYTHON else request.spec


def _contradiction(first: Requirement, second: Requirement) -> ContradictionError:
    what = "Python" if first.ecosystem == PYTHON else first.name
    return ContradictionError(
        f"no version of {what} is both {first.spec} and {second.spec}",
        where=second.origin if second.origin.file else None,
        details=[f"{r.origin}: {r}" for r in (first, second) if r.origin.file],
        remedy="change one of the two so that they have a version in common; a manifest "
        "that wants nothing of those above it says `inherit = false`",
    )


def excludes_all(specs: Iterable[str]) -> bool:
    """Say whether PEP 440 specifiers, all at once, certainly exclude every version.

    False where that cannot be told: ``!=`` and ``===`` are left out of account,
    and there may be no version between two bounds.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    low: Bound = None
    high: Bound = None
    for spec in specs:
        try:
            for clause in SpecifierSet(spec):
                for bound in _bounds(clause.operator, clause.version):
                    low = _tighter(low, bound[0], up=True)
                    high = _tighter(high, bound[1], up=False)
        except (InvalidSpecifier, InvalidVersion):
            return False
    if low is None or high is None:
        return False
    return low[0] > high[0] or (low[0] == high[0] and not (low[1] and high[1]))


def _bounds(operator: str, text: str) -> list[tuple[Bound, Bound]]:
    """Give an interval (two, for ``~=``) that holds all that a clause allows.

    Of versions without their local part, which takes no part in comparisons here.
    """
    from packaging.version import Version

    if operator == "==" and text.endswith(".*"):
        return [_series(Version(text[:-2]))]
    if operator in ("!=", "==="):
        return []
    version = Version(Version(text).public)
    if operator == "~=":
        release = version.release[:-1]
        series = Version(f"{version.epoch}!{'.'.join(map(str, release))}")
        return [((version, True), None), _series(series)]
    return [
        {
            "==": ((version, True), (version, True)),
            ">=": ((version, True), None),
            ">": ((version, False), None),
            "<=": (None, (version, True)),
            "<": (None, (version, False)),
        }[operator]
    ]


def _series(version: Version) -> tuple[Bound, Bound]:
    """Give the interval of ``==VERSION.*``, the next one's first development release excluded."""
    from packaging.version import Version

    if version.is_prerelease or version.is_postrelease:
        return None, None
    *head, last = version.release
    following = ".".join(map(str, (*head, last + 1)))
    here = ".".join(map(str, version.release))
    return (
        (Version(f"{version.epoch}!{here}.dev0"), True),
        (Version(f"{version.epoch}!{following}.dev0"), False),
    )


def _tighter(held: Bound, other: Bound, *, up: bool) -> Bound:
    if held is None or other is None:
        return held or other
    if held[0] == other[0]:
        return held if not held[1] else other
    return held if (held[0] > other[0]) == up else other

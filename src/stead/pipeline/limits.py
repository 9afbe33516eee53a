"""What a request says against other versions than the one that is there, for a new request."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.requirement import Requirement


def bounded(version: str, asked: Requirement | None) -> str:
    """Give versions from ``version`` on, within what was asked for as far as it fits that.

    Lower bounds give way; of conda's alternatives the first one that fits counts. One that
    means nothing is an error before anybody comes here.
    """
    of = _of_conda if asked is not None and asked.ecosystem == "conda" else _of_pypi
    fit, exact = of(asked.spec, version) if asked is not None and asked.spec else ([], False)
    return ",".join([*([] if exact else [f">={version.split('+', maxsplit=1)[0]}"]), *fit])


def _of_pypi(spec: str, version: str) -> tuple[Sequence[str], bool]:
    """Give the limits that a version fits, and whether one of them allows nothing else."""
    from packaging.specifiers import SpecifierSet

    fit = [
        s
        for s in SpecifierSet(spec)
        if s.operator not in (">=", ">") and s.contains(version, prereleases=True)
    ]
    exact = any(s.operator in ("==", "===") and not s.version.endswith(".*") for s in fit)
    return sorted(map(str, fit)), exact


def _of_conda(spec: str, version: str) -> tuple[Sequence[str], bool]:
    from rattler import Version, VersionSpec

    from stead.ecosystems.conda.specs import versions_of

    found = Version(version)
    for alternative in versions_of(spec).split("|"):
        parts = [p for p in alternative.split(",") if p]
        if "(" in alternative or not all(VersionSpec(p).matches(found) for p in parts):
            continue
        limits = [p for p in parts if p != "*" and not p.startswith(">")]
        return limits, any((p[0].isdigit() and "*" not in p) or p[:2] == "==" for p in limits)
    return [], False


def build_of(path: str, asked: Requirement | None) -> str:
    """Give the build that was asked for, where the conda package of a record's ``path`` has it."""
    if asked is None or asked.ecosystem != "conda" or not asked.spec:
        return ""
    from stead.ecosystems.conda.specs import match_spec

    wanted = match_spec(asked).build or ""
    build = path.removesuffix(".json").rpartition("-")[2]
    return wanted if fnmatchcase(build, wanted) else ""

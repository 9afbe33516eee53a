"""What must hold before a process starts: paths, servers, programs, the machine itself.

Checks are made side by side, each in its time; all that does not hold is said
at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.table import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stead.values.checked import Result
    from stead.values.context import Runner
    from stead.values.errors import CheckError
    from stead.values.kinds import Check
    from stead.values.platform import Platform
    from stead.values.secret import Secret
    from stead.values.table import Table

__all__ = ["can_be_made", "evaluate", "failure", "is_live", "mistakes", "static_paths"]

_ALWAYS = frozenset(("gpu", "port", "run", "space", "url"))
"""Kinds whose answer may be another at each run."""


def evaluate(
    checks: Sequence[Check],
    *,
    table: Table,
    environ: Mapping[str, str],
    platform: Platform,
    run: Runner,
    clock: Callable[[], float] | None = None,
    secrets: Sequence[Secret] = (),
    root: str = "/",
) -> tuple[Result, ...]:
    """Make checks, side by side; gives a result for each, in their order.

    ``environ`` is the environment of the process that is to start, ``run`` what
    runs commands and ends those that take too long, ``clock`` counts seconds.
    Values of ``secrets`` are taken out of all that is said. Whatever happens to a
    check, it has a result: nothing is raised but what interrupts the program.
    """
    if not checks:
        return ()
    import time

    from stead.config.checks import work

    return work.evaluate(
        checks,
        table=table,
        environ=environ,
        platform=platform,
        run=run,
        clock=clock or time.monotonic,
        secrets=secrets,
        root=root,
    )


def failure(results: Iterable[Result]) -> CheckError | None:
    """Give the one error that lists every check that does not hold; None if all do."""
    from stead.values.errors import CheckError

    failed = [result for result in results if not result.ok]
    if not failed:
        return None
    if len(failed) == 1:
        one = failed[0]
        where = one.where if one.where.file else one.check.name
        return CheckError(one.message, where=where, remedy=one.remedy, details=one.details)
    details: list[str] = []
    for one in failed:
        place = one.where if one.where.file else one.check.name
        remedy = f" → {one.remedy}" if one.remedy else ""
        details += [f"{place}: {one.message}{remedy}", *(f"  {line}" for line in one.details)]
    return CheckError(f"{len(failed)} checks do not hold", details=details)


def is_live(check: Check, *, build: str = "", program: str = "") -> bool:
    """Say whether a check must be made again at each run.

    What the machine is, and which variables have values, is known when an
    activation is made; paths can be tested without Python (:func:`static_paths`).
    So can a command whose ``program`` (its absolute path) lies inside ``build``.
    """
    if check.kind == "command":
        if not build or not program:
            return True
        inside = os.path.normpath(build).rstrip(os.sep) + os.sep
        return not os.path.normpath(program).startswith(inside)
    return check.kind in _ALWAYS


def static_paths(checks: Iterable[Check]) -> tuple[str, ...]:
    """Give the absolute paths that must be there, for what can test nothing else."""
    from stead.config.checks.machine import location

    found = {location(c) for c in checks if c.kind == "path" and "\0" not in c.subject}
    return tuple(sorted(found))


def can_be_made(check: Check) -> bool:
    """Say whether a check is written as it must be."""
    return not mistakes((check,))


def mistakes(checks: Iterable[Check]) -> tuple[Finding, ...]:
    """Find the checks that cannot be made as they are written; nothing is evaluated."""
    from stead.config.checks.bounds import MistakeError
    from stead.config.checks.work import require

    found = []
    for check in checks:
        try:
            require(check)
        except MistakeError as exc:
            by = f" ({check.by})" if check.by else ""
            said = f"the check {check.name!r}{by} cannot be made: {exc}"
            found.append(Finding(said, check.origin, remedy="correct the check"))
    return tuple(found)

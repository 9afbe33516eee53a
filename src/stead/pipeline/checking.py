"""Everything that can be known to be wrong before a process starts."""

from __future__ import annotations

import contextlib
import os.path
from typing import TYPE_CHECKING

from stead.config import checks as checking
from stead.pipeline import rendering, steps
from stead.values.errors import SteadError
from stead.values.frozen import replace
from stead.values.platform import Platform
from stead.values.table import Finding, LiteralSecret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.table import Table


def findings(
    composed: Composed, context: Context, *, live: bool, files: bool = False
) -> tuple[Finding, ...]:
    """Say all that is wrong with an environment's configuration.

    ``live`` also makes the checks that reach for something; they see the caller's
    programs where the environment is not built. ``files`` looks whether rendered
    files are there and current. Raises nothing for users' mistakes.
    """
    table = steps.configured(composed, context)
    found = [*table.findings, *rendering.mistakes(table, composed.spec.platform)]
    found += _elsewhere(composed, table, context)
    found += checking.mistakes(table.checks)
    found += _unheld(composed, table, context, live=live)
    found += _leaked(composed, table, context)
    if files:
        found += _not_current(composed, table)
    return tuple(dict.fromkeys(found))


def _elsewhere(composed: Composed, table: Table, context: Context) -> Iterable[Finding]:
    """Find paths that cannot be on another platform that the workspace is for.

    Each platform has a table of its own: what stands in ``[layer.windows]`` counts there alone.
    """
    from stead.config.everywhere import check_paths

    spec = composed.spec
    # What cannot be here is among the table's own findings.
    found = [f for f in check_paths(table, (spec.platform,), place=spec.place) if f.kind != "error"]
    workspace = next((m.workspace for m in composed.found.manifests if m.workspace), None)
    families = {spec.platform.family}
    for name in workspace.platforms if workspace else ():
        platform = Platform(name)
        if platform.family in families:
            continue
        families.add(platform.family)
        request = replace(composed.request, platform=platform)
        with contextlib.suppress(SteadError):  # `stead lock` says what does not compose there
            there = steps.configured(steps.composed_for(request, context, fetch=True), context)
            found += check_paths(there, (platform,), place=spec.place)
    return found


def _unheld(composed: Composed, table: Table, context: Context, *, live: bool) -> Iterable[Finding]:
    wanted = [c for c in table.checks if live or not checking.is_live(c)]
    results = checking.evaluate(
        wanted,
        table=table,
        environ=_environ(composed, context),
        platform=composed.spec.platform,
        run=context.run,
    )
    return [Finding(r.message, r.where, r.details, r.remedy) for r in results if not r.ok]


def _environ(composed: Composed, context: Context) -> dict[str, str]:
    """Give the environment that checks run in: the place's own where it is built."""
    from stead.pipeline.run import environment
    from stead.pipeline.state import state_of

    try:
        activation = state_of(composed, context).activation
    except SteadError:
        activation = None
    return environment(activation, context.environ) if activation else dict(context.environ)


def _leaked(composed: Composed, table: Table, context: Context) -> Iterable[Finding]:
    """Find files that git tracks and that hold what a variable declares secret."""
    from stead.config.secrets.leaks import REMEDY, tracked_files, tracked_secrets

    declared = {
        e.name: next(
            (p.secret.reveal() for p in e.parts if isinstance(p, LiteralSecret) and p.secret), None
        )
        for e in table.entries
        if e.secret
    }
    if not declared:
        return []
    return [
        Finding(
            leak.message,
            leak.where,
            remedy=REMEDY,
        )
        for leak in tracked_secrets(declared, tracked_files(composed.spec.root, context))
    ]


def _not_current(composed: Composed, table: Table) -> Iterable[Finding]:
    """Find rendered files that are missing or not current; those with secrets are neither."""
    from stead.store.rendered import Wanted, stale

    wanted = []
    for plan in rendering.planned(table):
        if not plan.secret:
            with contextlib.suppress(SteadError):  # what is wrong with it is said already
                text = rendering.content(plan, table, composed.spec.platform)
                wanted.append(Wanted(plan.file.path, text, plan.file.base, origin=plan.file.origin))
    return [
        Finding(
            f"{os.path.relpath(s.path, composed.spec.place)} {s.why}",
            s.where,
            remedy="`stead build` writes it",
        )
        for s in stale(wanted)
    ]

"""Everything that can be known to be wrong before a process starts."""

from __future__ import annotations

import contextlib
import os.path
import re
from typing import TYPE_CHECKING

from stead.config import checks as checking
from stead.pipeline import rendering, steps, writing
from stead.store.journal import read_steadily
from stead.values.errors import ManifestError, SteadError
from stead.values.frozen import replace
from stead.values.platform import Platform
from stead.values.secret import SecretReference
from stead.values.table import Finding, LiteralSecret

_BRACES = re.compile(r"(?<![${])\{([A-Za-z_][A-Za-z0-9_]*)\}(?!\})")

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.pipeline.rendering import Planned
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.store.rendered import Wanted
    from stead.values.context import Context
    from stead.values.table import Table


_ONE_OF_EACH = ("linux-64", "osx-arm64", "win-64")


def inspected(
    request: Request, context: Context, *, live: bool, files: bool = False
) -> tuple[Finding, ...]:
    """Say all that is wrong with an environment, beginning with the files that describe it.

    As :func:`findings`. Of a ``.env`` that cannot be read the rest is looked at as if
    it were empty. Raises what is no mistake in a manifest: a missing module, no rights.
    """
    from stead.pipeline.unread import composed_at_least

    def look() -> tuple[Composed, ManifestError | None, dict[str, str]]:
        composed, unread = composed_at_least(request, context, fetch=True)
        return composed, unread, _environ(composed, context)

    try:
        composed, unread, environ = read_steadily(
            writing.layout_of(context), look, context.progress.note, finish=False
        )
    except ManifestError as exc:
        return (rendering.finding_of(exc),)
    if unread is None:
        return findings(composed, context, environ, live=live, files=files)
    first = rendering.finding_of(unread)
    others = findings(composed, context, environ, live=False)
    return (first, *(f for f in others if f != first))


def findings(
    composed: Composed,
    context: Context,
    environ: dict[str, str],
    *,
    live: bool,
    files: bool = False,
) -> tuple[Finding, ...]:
    """Say all that is wrong with an environment's configuration.

    ``live`` also makes the checks that reach for something, in ``environ``: they see the caller's
    programs where the environment is not built. ``files`` looks whether rendered
    files are there and current. Raises nothing for users' mistakes.
    """
    table = steps.configured(composed, context)
    found = [*table.findings, *rendering.mistakes(table, composed.spec.platform)]
    found += _elsewhere(composed, table, context)
    found += _in_braces(table)
    found += checking.mistakes(table.checks)
    found += _unheld(composed, table, context, environ, live=live)
    found += _closed(composed, table, context)
    found += _leaked(composed, table, context)
    found += _taken(composed, table, context)
    if files:
        found += _not_current(composed, table)
    return tuple(sorted(dict.fromkeys(found), key=lambda f: (f.where.file, f.where.line)))


def _elsewhere(composed: Composed, table: Table, context: Context) -> Iterable[Finding]:
    """Find paths that cannot be on another platform that the workspace is for.

    Each platform has a table of its own: what stands in ``[layer.windows]`` counts there alone.
    Where the workspace names none, others are warned of, and only of names that some
    system cannot hold.
    """
    from stead.config.everywhere import check_paths

    spec = composed.spec
    # What cannot be here is among the table's own findings.
    found = [f for f in check_paths(table, (spec.platform,), place=spec.place) if f.kind != "error"]
    workspace = next((m.workspace for m in composed.found.manifests if m.workspace), None)
    families = {spec.platform.family}
    if workspace is None or not workspace.platforms:
        others = [Platform(n) for n in _ONE_OF_EACH if Platform(n).family not in families]
        elsewhere = check_paths(table, others, place=spec.place, relative=True)
        found += [replace(f, kind="warning") for f in elsewhere]
        return found
    for name in workspace.platforms:
        platform = Platform(name)
        if platform.family in families:
            continue
        families.add(platform.family)
        request = replace(composed.request, platform=platform)
        with contextlib.suppress(SteadError):  # `stead lock` says what does not compose there
            there = steps.configured(steps.composed_for(request, context, fetch=True), context)
            found += check_paths(there, (platform,), place=spec.place)
    return found


def _in_braces(table: Table) -> Iterable[Finding]:
    """Find ``{NAME}`` where ``${NAME}`` may be meant: it stays as it stands."""
    known = {e.name for e in table.entries}
    for entry in table.entries:
        for definition in entry.definitions[:1]:
            if definition.rank in (".env", "adopted") or entry.type.name == "json":
                continue
            texts = definition.value if isinstance(definition.value, tuple) else (definition.value,)
            names = [n for t in texts if t for n in _BRACES.findall(t) if n in known]
            for name in dict.fromkeys(names):
                yield Finding(
                    f"{entry.name} holds {{{name}}} as it stands",
                    definition.origin,
                    remedy=f"write ${{{name}}} if the variable's value is meant",
                    kind="warning",
                )


def _unheld(
    composed: Composed, table: Table, context: Context, environ: dict[str, str], *, live: bool
) -> Iterable[Finding]:
    wanted = [c for c in table.checks if live or not checking.is_live(c)]
    wanted = [c for c in wanted if checking.can_be_made(c)]  # the others are said already
    results = checking.evaluate(
        wanted,
        table=table,
        environ=environ,
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


def _closed(composed: Composed, table: Table, context: Context) -> Iterable[Finding]:
    """Find encrypted files that cannot be opened here, and what they do not hold.

    Nothing is asked for, no program runs, and what was opened is forgotten. That no key
    fits is a warning: another machine may be the one that has it.
    """
    wanted = dict.fromkeys(
        part
        for entry in table.entries
        for part in entry.parts
        if isinstance(part, SecretReference) and part.scheme in ("age", "sops")
    )
    if not wanted:
        return []
    from stead.config.secrets import attempt

    _, failures = attempt(wanted, context=replace(context, ask=None))
    found = []
    for failure in failures:
        reference = failure.reference
        if any("passphrase" in line for line in (failure.reason, *failure.tried)):
            continue  # to be asked for at the run
        theirs = bool(failure.tried) or not (
            os.path.exists(reference.file) or _is_within(reference.file, composed.spec.root)
        )
        found.append(
            Finding(
                f"{reference} cannot be had here: {failure.reason}",
                reference.origin,
                tuple(f"tried {line}" for line in failure.tried),
                failure.remedy,
                "warning" if theirs else "error",
            )
        )
    return found


def _is_within(path: str, directory: str) -> bool:
    return os.path.normpath(path).startswith(os.path.join(directory, ""))


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


def _taken(composed: Composed, table: Table, context: Context) -> Iterable[Finding]:
    """Find rendered files that cannot be put where they are asked for."""
    from stead.store._links import known_files
    from stead.store.rendered import TAKEN, taken

    wanted = _wanted(composed, table, rendering.planned(table))
    wrong = taken(wanted, known_files(str(context.home), composed.spec.place)) if wanted else ()
    return [Finding(said, file.origin, remedy=remedy or TAKEN) for file, said, remedy in wrong]


def _wanted(composed: Composed, table: Table, plans: Iterable[Planned]) -> list[Wanted]:
    """Render what holds no secret; what is wrong with a template is said elsewhere."""
    from stead.store.rendered import Wanted

    found = []
    for plan in plans:
        text = ""
        with contextlib.suppress(SteadError):
            if not plan.secret:
                text = rendering.content(plan, table, composed.spec.platform)
            found.append(
                Wanted(
                    plan.file.path,
                    text,
                    plan.file.base,
                    private=plan.secret,
                    origin=plan.file.origin,
                )
            )
    return found


def _not_current(composed: Composed, table: Table) -> Iterable[Finding]:
    """Find rendered files that are missing or not current; those with secrets are neither."""
    from stead.store.rendered import stale

    wanted = _wanted(composed, table, [p for p in rendering.planned(table) if not p.secret])
    return [
        Finding(
            f"{os.path.relpath(s.path, composed.spec.place)} {s.why}",
            s.where,
            remedy="`stead build` writes it",
        )
        for s in stale(wanted)
    ]

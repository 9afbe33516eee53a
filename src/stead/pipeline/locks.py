"""Locking every environment and platform of a place that its lock answers for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline import answering, lockfile, steps, writing
from stead.values.errors import UsageError
from stead.values.frozen import dataclass, replace
from stead.values.names import nearest, normalize_pypi
from stead.values.platform import platform_named
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.pipeline.request import Request
    from stead.values.context import Context
    from stead.values.lock import LockedEnvironment


@dataclass(frozen=True)
class Change:
    """What locking one environment changed: ``+ name version`` lines and their like."""

    now: LockedEnvironment
    lines: tuple[str, ...]


def lock_all(
    request: Request,
    context: Context,
    *,
    named: bool,
    platforms: tuple[str, ...] = (),
    exclude_newer: str = "",
) -> tuple[Change, ...]:
    """Lock the environments of a place, and write its lock into the tree.

    ``named`` means that the request's environment is the only one wanted.
    Raises what locking raises; LockOutdatedError where ``request.locked`` and
    the lock would change; UsageError for a name in ``context.upgrade`` that
    nothing here has.
    """
    for line in writing.mend(context):
        context.progress.note(line)
    first = steps.composed_for(request, context, fetch=True)
    in_tree = os.path.join(first.spec.root, lockfile.NAME)
    if first.lock_path != in_tree and not request.locked:
        request = _into_tree(first.lock_path, in_tree, request, context)
        first = replace(first, lock_path=in_tree)
    targets = targets_of(first, named=named, platforms=platforms)
    composed = [
        composed_as(
            request, environment, platform, first.lock_path, context, exclude_newer=exclude_newer
        )
        for environment, platform in targets
    ]
    held = lockfile.read_to_build_on(first.lock_path, request.overlay)
    before = [held.find(*c.slot) for c in composed]
    context = replace(context, upgrade=_upgraded(context.upgrade, composed, before))
    if request.locked:
        locked = tuple(answering.locked_for(c, context) for c in composed)
    else:
        locked = answering.lock_together(composed, context)
    return tuple(
        Change(now.environment, difference(was, now.environment))
        for was, now in zip(before, locked, strict=True)
    )


def _upgraded(
    names: frozenset[str],
    composed: Sequence[steps.Composed],
    before: Sequence[LockedEnvironment | None],
) -> frozenset[str]:
    """Give the names to take afresh, as the lock writes them. Raises UsageError."""
    if not names - {"*"}:
        return names
    known = {PYTHON}
    known |= {r.name for c in composed for r in c.spec.packages.requirements}
    known |= {a.name for held in before if held for a in held.artifacts}
    known |= {p.name for c in composed for p in c.modules.used.values()}
    written: dict[str, set[str]] = {"*": {"*"}}
    for name in known:
        written.setdefault(normalize_pypi(name), set()).add(name)
    asked = {n: normalize_pypi(n.rpartition(":")[2]) if n != "*" else n for n in names}
    if missing := sorted(n for n, normal in asked.items() if normal not in written):
        close = {n: nearest(asked[n], written) for n in missing}
        raise UsageError(
            f"{' and '.join(missing)} cannot be upgraded: not in the lock, and not asked for",
            details=[
                f"did you mean {near!r} instead of {n!r}?" for n, near in close.items() if near
            ],
            remedy="`stead tree` shows what is locked, `stead add NAME` asks for what is not",
        )
    return frozenset(name for normal in asked.values() for name in written[normal])


def composed_as(
    request: Request,
    environment: str,
    platform: str,
    lock_path: str,
    context: Context,
    *,
    exclude_newer: str = "",
) -> steps.Composed:
    wanted = replace(request, environment=environment, platform=platform_named(platform))
    composed = steps.composed_for(wanted, context, fetch=True)
    return replace(composed, lock_path=lock_path, exclude_newer=exclude_newer)


def difference(old: LockedEnvironment | None, new: LockedEnvironment) -> tuple[str, ...]:
    """Say in lines what came (``+``), went (``-``) and changed version (``~``)."""
    before = {(a.ecosystem, a.name): a for a in (old.artifacts if old else ())}
    after = {(a.ecosystem, a.name): a for a in new.artifacts}
    lines = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was is None and now is not None:
            lines.append(f"+ {key[0]}:{now.name} {now.version}")
        elif now is None and was is not None:
            lines.append(f"- {key[0]}:{was.name} {was.version}")
        elif was and now and was.id != now.id:
            lines.append(f"~ {key[0]}:{now.name} {was.version} → {now.version}")
    return tuple(lines)


def targets_of(
    first: steps.Composed, *, named: bool, platforms: tuple[str, ...]
) -> list[tuple[str, str]]:
    """List the environments and platforms to lock, the asked one first."""
    place, _, platform = first.slot
    lock = lockfile.read_to_build_on(first.lock_path, first.request.overlay)
    held = [e for e in lock.environments if e.place == place]
    workspace = next((m.workspace for m in first.found.manifests if m.workspace), None)
    declared = set(first.spec.environments) | {"default"}
    environments = [first.request.environment]
    if not named:
        environments += [e.environment for e in held if e.environment in declared]
    names = [platform, *platforms, *(workspace.platforms if workspace else ())]
    names += [e.platform for e in held]
    return list(dict.fromkeys((e, p) for e in dict.fromkeys(environments) for p in names))


def _into_tree(kept: str, in_tree: str, request: Request, context: Context) -> Request:
    """Write what a bare place kept at home into the tree's lock, with what that holds.

    Gives the request to go on with.
    """
    lock = lockfile.read_to_build_on(in_tree, request.overlay)
    for environment in lockfile.read(kept, request.overlay).environments:
        lock = lock.with_environment(environment)
    if not lock.environments:
        return request
    text, staging = lockfile.write(lock), request.staging
    layout = writing.layout_of(context)
    writing.write_files({in_tree: text}, layout, "write stead.lock", staging=staging)
    if staging is None:
        return request
    return replace(request, overlay={**request.overlay, in_tree: text.decode()})

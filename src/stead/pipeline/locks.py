"""Locking every environment and platform of a place that its lock answers for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline import lockfile, steps
from stead.values.frozen import dataclass, replace
from stead.values.platform import platform_named

if TYPE_CHECKING:
    from stead.pipeline.steps import Request
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
    the lock would change.
    """
    for line in steps.mend(context):
        context.progress.note(line)
    first = steps.composed_for(request, context, fetch=True)
    in_tree = os.path.join(first.spec.root, lockfile.NAME)
    if first.lock_path != in_tree and not request.locked:
        _into_tree(first.lock_path, in_tree, context)
        first = replace(first, lock_path=in_tree)
    targets = targets_of(first, named=named, platforms=platforms)
    composed = [
        composed_as(
            request, environment, platform, first.lock_path, context, exclude_newer=exclude_newer
        )
        for environment, platform in targets
    ]
    held = lockfile.read_to_build_on(first.lock_path)
    before = [held.find(*c.slot) for c in composed]
    if request.locked:
        locked = tuple(steps.locked_for(c, context) for c in composed)
    else:
        locked = steps.lock_together(composed, context)
    return tuple(
        Change(now.environment, difference(was, now.environment))
        for was, now in zip(before, locked, strict=True)
    )


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
    held = [e for e in lockfile.read_to_build_on(first.lock_path).environments if e.place == place]
    workspace = next((m.workspace for m in first.found.manifests if m.workspace), None)
    declared = set(first.spec.environments) | {"default"}
    environments = [first.request.environment]
    if not named:
        environments += [e.environment for e in held if e.environment in declared]
    names = [platform, *platforms, *(workspace.platforms if workspace else ())]
    names += [e.platform for e in held]
    return list(dict.fromkeys((e, p) for e in dict.fromkeys(environments) for p in names))


def _into_tree(kept: str, in_tree: str, context: Context) -> None:
    """Write what a bare place kept at home into the tree's lock, with what that holds."""
    lock = lockfile.read_to_build_on(in_tree)
    for environment in lockfile.read(kept).environments:
        lock = lock.with_environment(environment)
    if lock.environments:
        steps.write_files(
            {in_tree: lockfile.write(lock)}, steps.layout_of(context), "write stead.lock"
        )

"""What a lock answers, and locking anew what it does not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline import contradictions, lockfile, seating
from stead.pipeline import lock as locking
from stead.pipeline.taken import artifacts_of
from stead.pipeline.writing import alone, content_of, renewed, write_files
from stead.store.layout import Layout
from stead.values.digest import short_key
from stead.values.errors import InterpreterError
from stead.values.frozen import dataclass, replace
from stead.values.lock import Lock, LockedEnvironment
from stead.values.names import DEFAULT
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter

    Amend = Callable[[tuple["Locked", ...]], tuple[Sequence[Composed], dict[str, bytes]]]


@dataclass(frozen=True)
class Locked:
    """lock, done."""

    environment: LockedEnvironment
    interpreter: Interpreter | None = None
    """The one outside the store, where the environment has one."""
    written: tuple[str, ...] = ()
    """Files that locking wrote."""


def locked_for(composed: Composed, context: Context) -> Locked:
    """Give the locked environment, locking first where the lock does not answer."""
    spec = composed.spec
    lock = lockfile.read(composed.lock_path, composed.request.overlay)
    found = answering(composed, lock, context)
    if found is not None:
        return found
    old = lock.find(*composed.slot)
    if composed.request.locked:
        if composed.plan.empty:
            return Locked(nothing_locked(composed))
        locking.check_answers(old, asked_of(composed), spec.root)
    return lock_together([composed], context)[0]


def answering(composed: Composed, lock: Lock, context: Context) -> Locked | None:
    """Give what is locked, if it is what is asked and nothing is to be taken afresh."""
    old = lock.find(*composed.slot)
    pinned = set(composed.modules.used.values()) <= set(lock.pins)
    if old is None or not answers(composed, old) or not pinned or context.upgrade:
        return None
    return Locked(old, interpreter_for(composed, old, context))


def answers(composed: Composed, old: LockedEnvironment | None) -> bool:
    """Say whether what is locked is what is asked."""
    if old is None:
        return False
    spec = composed.spec
    if old.requests != asked_of(composed):
        return False
    return not locking.stale_sources(old, spec.root)


def asked_of(composed: Composed) -> tuple[str, ...]:
    """Give the request texts of an environment, those of taken locks among them."""
    spec = composed.spec
    asked = locking.requests(spec.packages, spec.root)
    taken = []
    for lock in spec.packages.taken:
        with open(lock.file, "rb") as file:
            content = short_key([file.read().hex()])
        relative = os.path.relpath(lock.file, spec.root).replace(os.sep, "/")
        taken.append(f"taken {lock.format} {relative} {content}")
    return tuple(sorted((*asked, *taken)))


def lock_together(
    environments: Sequence[Composed],
    context: Context,
    *,
    amend: Amend | None = None,
    expect: Mapping[str, bytes | None] | None = None,
    dry: bool = False,
) -> tuple[Locked, ...]:
    """Lock environments of one lock file, and write it, unless this is a ``dry`` run.

    What still answers is kept. ``amend`` may give other files (path → content) to
    write with the lock, and the same environments in other words; ``expect`` is
    what these files held when they were read (None: no file), and an edit that
    somebody made since is an error. Everything is written at once, after all is
    known: whatever is raised, no file has changed.
    """
    path, staging = environments[0].lock_path, environments[0].request.staging
    layout = Layout(context.home)
    name = environments[0].spec.name
    with alone(path, name, context):
        now = renewed(environments[0].request)
        whole = before = lockfile.read_to_build_on(path, now.overlay)
        results = []
        for composed in environments:
            old = whole.find(*composed.slot)
            afresh = context.upgrade or composed.exclude_newer
            if old is not None and answers(composed, old) and not afresh:
                results.append(Locked(old, interpreter_for(composed, old, context)))
            else:
                like = old or _like(composed, whole)
                results.append(
                    (None if like else _answered_elsewhere(composed, context))
                    or _locked_anew(composed, like, context)
                )
        files: dict[str, bytes | None] = {}
        if amend is not None:
            environments, edited = amend(tuple(results))
            files.update(edited)
            results = [
                replace(done, environment=replace(done.environment, requests=asked_of(composed)))
                for composed, done in zip(environments, results, strict=True)
            ]
        for composed, done in zip(environments, results, strict=True):
            whole = _with_pins(whole.with_environment(done.environment), composed)
        worth_keeping = whole.pins or any(not _empty(e) for e in whole.environments)
        if whole != before and (worth_keeping or content_of(path, staging) is not None):
            files[path] = lockfile.write(whole)
        if dry:
            return tuple(results)
        request = environments[0].request
        written = write_files(
            files,
            layout,
            f"lock {name}",
            expect=expect,
            noting=request.noting,
            staging=request.staging,
        )
        return tuple(replace(done, written=written) for done in results)


def _answered_elsewhere(composed: Composed, context: Context) -> Locked | None:
    """Take what a store has locked for just this question, where nothing is locked here yet."""
    from stead.pipeline import substitutes

    found = substitutes.lock_for(composed, context)
    if found is None or not answers(composed, found):
        return None
    contradictions.check(composed.spec.packages)
    return Locked(found)


def _locked_anew(composed: Composed, old: LockedEnvironment | None, context: Context) -> Locked:
    contradictions.check(composed.spec.packages)
    interpreter = interpreter_for(composed, old, context)
    spec = composed.spec
    if composed.exclude_newer:
        packages = replace(spec.packages, exclude_newer=composed.exclude_newer)
        spec = replace(spec, packages=packages)
    locked = locking.lock(
        spec,
        old,
        context=context,
        environment=composed.lock_environment,
        place=composed.slot[0],
        interpreter=interpreter,
        taken=artifacts_of(composed.spec, interpreter),
    )
    return Locked(replace(locked, requests=asked_of(composed)), interpreter)


def _like(composed: Composed, lock: Lock) -> LockedEnvironment | None:
    """Give what an environment that is locked for the first time had best agree with."""
    place, environment, platform = composed.slot
    for slot in ((place, DEFAULT), (".", environment), (".", DEFAULT)):
        if found := lock.find(*slot, platform):
            return found
    return None


def interpreter_for(
    composed: Composed, old: LockedEnvironment | None, context: Context
) -> Interpreter | None:
    """Find the interpreter outside the store that the environment wants, if it wants one.

    What was locked for one minor version stays with it as long as it fits.
    """
    request = composed.plan.outside_python
    if request is None:
        return None
    only = ("pyenv",) if composed.spec.packages.python_from == "pyenv" else ()
    if old is not None and old.python and not context.upgrade & {"*", "python"}:
        try:
            return seating.choose(request, old.python, context, only=only)
        except InterpreterError:
            if answers(composed, old):
                raise
    try:
        return seating.choose(request, "", context, only=only)
    except InterpreterError as exc:
        asked = [r for r in composed.spec.packages.of(PYTHON) if r.spec and r.origin.file]
        if not asked:
            raise
        raise InterpreterError(
            exc.message,
            where=exc.where,
            details=(*exc.details, "asked for by:", *(f"  {r.origin}: {r}" for r in asked)),
            remedy=exc.remedy,
        ) from exc


def nothing_locked(composed: Composed) -> LockedEnvironment:
    place, environment, platform = composed.slot
    return LockedEnvironment(place, environment, platform)


def _empty(locked: LockedEnvironment) -> bool:
    return not (locked.requests or locked.artifacts)


def _with_pins(lock: Lock, composed: Composed) -> Lock:
    """Put in the pins of this composition, and take out what no place can need."""
    used = tuple(composed.modules.used.values())
    alone = {e.place for e in lock.environments} <= {composed.slot[0]}
    asked = {(p.name, p.location, p.requested) for p in used}
    others = [p for p in lock.pins if (p.name, p.location, p.requested) not in asked]
    gone = {name for name, directory in composed.request.working.items() if not directory}
    others = [replace(p, working="") if p.name in gone else p for p in others]
    pins = (*used, *([] if alone else others))
    return replace(lock, pins=tuple(sorted(pins, key=lambda p: (p.name, p.location, p.requested))))

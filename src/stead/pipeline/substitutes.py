"""Taking from a store what it has solved or built already.

A build is asked for by its key, which follows from the locked files and the platform; a lock
by its *question*, which follows from what is asked and the platform. Both are the same on each
machine. Whatever a store does wrong, the work is done here then: it costs a bounded time, is
told once, and the store is not asked again for a while.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING

from stead.values.digest import short_key
from stead.values.errors import ContradictionError, ManifestError, SteadError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from stead.pipeline.build import Wanted
    from stead.pipeline.lock import Plan
    from stead.pipeline.steps import Composed
    from stead.pipeline.stores import Store
    from stead.values.context import Context
    from stead.values.lock import LockedEnvironment
    from stead.values.parts import Closure
    from stead.values.spec import Spec
    from stead.values.substitute import StoreAddress

FORMAT = 1
"""Part of each question: raised when the same words come to mean something else."""


def stores_for(spec: Spec, context: Context) -> tuple[StoreAddress, ...]:
    """Give the stores of a command, a place and the person, in the order in which they are asked.

    Raises ManifestError for settings that cannot be read, and ContradictionError where both mean
    different addresses by one name.
    """
    from stead.store.trust import own_settings, settings_file

    path = settings_file(context.environ)
    raw = own_settings(path)
    given = {s.name: s for s in spec.stores}
    if raw is not None and b"stores" in raw:
        from stead.formats import user_settings

        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise ManifestError(
                "these settings are not UTF-8 text", where=path, remedy="save the file as UTF-8"
            ) from exc
        for own in user_settings.read(path, text).stores:
            other = given.get(own.name, own)
            if other.url != own.url:
                raise ContradictionError(
                    f"store {own.name} is another one here than in your settings",
                    where=other.origin,
                    details=[f"{own.origin}: it is {own.url}", f"{other.origin}: {other.url}"],
                    remedy="give one of them another name",
                )
            # What a person says of a store counts: the token above all.
            given[own.name] = replace(own, token=own.token or other.token)
    known = {s.url for s in given.values()}
    named = [s for s in context.stores if s.url not in known]
    return (*named, *sorted(given.values(), key=lambda s: -s.priority))


def build_for(
    want: Wanted, spec: Spec, context: Context, temporary: Path, final: Path
) -> Mapping[str, object] | None:
    """Fill ``temporary`` with the build from a store; gives what is to be kept with it.

    None where no store has it: ``temporary`` is empty then.
    """
    if any(a.source is not None and a.source.kind == "path" for a in want.artifacts):
        return None  # of this directory alone
    from stead.pipeline import build as building
    from stead.pipeline import seating

    for store in _opened(spec, context):
        try:
            # The same, or what differs in where its interpreter lies: that is changed here.
            closure = store.closure(want.key) or (store.closure(want.kin) if want.kin else None)
            if closure is None:
                continue
            _check(closure, want, spec)
            _fill(closure, store, temporary, final, context)
            if want.interpreter is not None and closure.key != want.key:
                seating.seat(os.fspath(temporary), want.interpreter)
            _check_records(temporary, want)
        except SteadError as exc:
            _empty(temporary)
            store.failed(exc)
            continue
        except BaseException:
            _empty(temporary)
            raise
        context.progress.note(f"took {want.name} from the store {store.name}")
        own = {"name": want.name, "store": store.name, **building.interpreter_meta(want)}
        return {**closure.meta, **own}
    return None


def question(platform: str, requests: Iterable[str], plan: Plan) -> str:
    """Give the key by which a lock is asked for; empty where no other machine could answer.

    That is where what lies in this directory takes part, or an interpreter of this machine.
    """
    asked = [*plan.conda, *plan.pypi, *(r for _, of in plan.others for r in of)]
    if plan.empty or plan.taken or plan.outside_python is not None:
        return ""
    if any(r.source is not None for r in asked):
        return ""
    conda = sorted({f"{r.name} {r.spec}" for r in plan.conda})
    return short_key([FORMAT, platform, sorted(requests), conda])


def question_of(composed: Composed) -> str:
    """Give the key by which the lock of an environment is asked for; empty for none."""
    from stead.pipeline.answering import asked_of

    if composed.exclude_newer:
        return ""
    return question(composed.spec.platform.name, asked_of(composed), composed.plan)


def lock_for(composed: Composed, context: Context) -> LockedEnvironment | None:
    """Give what a store has locked for the same question; None where no store has."""
    if context.upgrade:
        return None
    asked = ""
    for store in _opened(composed.spec, context):
        asked = asked or question_of(composed)
        if not asked:
            return None
        try:
            text = store.lock(asked)
            if text is None:
                continue
            found = _slot_of(text, composed, store)
        except SteadError as exc:
            store.failed(exc)
            continue
        if found is not None:
            context.progress.note(f"took the lock from the store {store.name}")
            return found
    return None


def _slot_of(text: str, composed: Composed, store: Store) -> LockedEnvironment | None:
    """Find, in a store's lock, what answers; None where it is something else."""
    from stead.formats import stead_lock
    from stead.pipeline.answering import asked_of

    place, environment, platform = composed.slot
    for one in stead_lock.read(text, store.url).environments:
        foreign = any(a.source is not None and a.source.kind == "path" for a in one.artifacts)
        if one.platform == platform and one.requests == asked_of(composed) and not foreign:
            return replace(one, place=place, environment=environment)
    return None


def _opened(spec: Spec, context: Context) -> Iterable[Store]:
    if context.offline or not context.substitutes:
        return ()
    known = stores_for(spec, context)
    if not known:
        return ()
    from stead.pipeline.stores import Store

    return (store for store in (Store(one, context) for one in known) if not store.gone)


def _check(closure: Closure, want: Wanted, spec: Spec) -> None:
    """Raise StoreError unless a closure says of itself what was asked for.

    Its key must be the one that follows from what is locked here and the interpreter there.
    """
    from stead.pipeline import build as building
    from stead.values.errors import StoreError

    meta, there = closure.meta, want.interpreter
    if there is not None:
        version = str(meta.get("interpreter_version") or there.version)
        there = replace(there, path=closure.interpreter, version=version)
    said = (closure.key, meta.get("platform"), closure.interpreter, meta.get("artifacts"))
    asked = (
        building.key_with(want, spec, there),
        spec.platform.name,
        there.path if there else "",
        [a.id for a in want.artifacts],
    )
    if said != asked:
        raise StoreError(f"it gives another build than {want.key}")


def _fill(closure: Closure, store: Store, temporary: Path, final: Path, context: Context) -> None:
    from stead.store.parts import make_tree

    with context.progress.task(f"Taking {closure.name} from {store.name}", unit="B") as task:
        tree, told = os.fspath(temporary), task.advance
        done = make_tree(closure, store.part, tree, os.fspath(final), told, read_only=True)
    if done.left:
        from stead.values.errors import StoreError

        raise StoreError(f"{done.left[0]} cannot be made right for {final}")


def _check_records(tree: Path, want: Wanted) -> None:
    """Raise StoreError unless the tree has the records of just the conda packages that are locked."""
    from stead.values.errors import StoreError

    for one in want.artifacts:
        if one.ecosystem != "conda":
            continue
        path = tree / "conda-meta" / f"{one.id.partition('/')[2]}.json"
        try:
            sha256 = json.loads(path.read_bytes()).get("sha256")
        except (OSError, ValueError, AttributeError) as exc:
            raise StoreError(f"what it gives has no package {one.name}") from exc
        locked = {f.sha256 for f in one.files if f.sha256}
        if sha256 and locked and sha256 not in locked:
            raise StoreError(f"what it gives has another package {one.name}")


def _empty(tree: Path) -> None:
    from stead.store.atomic import remove_tree

    for name in os.listdir(tree):
        path = tree / name
        if stat.S_ISDIR(os.lstat(path).st_mode):
            remove_tree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

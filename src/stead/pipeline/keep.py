"""Keeping what was computed: the record that lets the next run start without Python."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline import record as records
from stead.pipeline import trust
from stead.pipeline.steps import (
    Composed,
    Prepared,
    composed_for,
    configured,
    prepare,
)
from stead.pipeline.writing import mend
from stead.values.errors import SteadError
from stead.values.frozen import replace
from stead.values.names import DEFAULT
from stead.values.selection import Selection

if TYPE_CHECKING:
    from stead.pipeline.meaning import TrustSnapshot
    from stead.pipeline.request import Request
    from stead.store.places import Witness
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.spec import Spec
    from stead.values.table import Table


def prepared(request: Request, context: Context) -> Prepared:
    """Do every step and keep the record of the place."""
    started = context.now()
    for line in mend(context):
        context.progress.note(line)
    done = prepare(request, context)
    place(done.composed, done.table, context)
    if request.selection == Selection():
        keep(done.composed, done.activation, context, started=started, written=done.locked.written)
    return done


def keep(
    composed: Composed,
    activation: Activation,
    context: Context,
    *,
    started: float,
    written: tuple[str, ...] = (),
    anew: bool = False,
) -> None:
    """Write the record of a place and environment, and the link for editors.

    ``started`` is when the inputs began to be read; ``written`` are those that
    this command wrote itself. ``anew``: also where the same is there, so that shells apply it.
    """
    if composed.spec.link and activation.build:
        from stead.pipeline.link import update_link

        update_link(composed.spec, activation.build, context)
    trusted = is_trusted(composed.spec, context)
    quiet: tuple[Witness, ...] = ()
    if trusted:
        from stead.pipeline.prompt import hook_files

        quiet = records.quiet_directories(
            activation, context.home, written=written, clock=context.now
        )
    records.record(
        context.home,
        activation,
        names=composed.found.below,
        now=context.now(),
        started=started,
        written=written,
        trusted=trusted,
        files=hook_files(activation, tuple(w.path for w in quiet)) if trusted else None,
        quiet=quiet,
        anew=anew,
    )


def place(composed: Composed, table: Table, context: Context) -> None:
    """Bring the files of an environment, those without secrets, to where they are asked for.

    Raises ManifestError for a template that is wrong and for a place that is taken.
    """
    from stead.store._links import known_files

    spec = composed.spec
    if not table.files and not known_files(str(context.home), spec.place):
        return
    from stead.pipeline import rendering
    from stead.store import rendered

    plans = [plan for plan in rendering.planned(table) if not plan.secret]
    wanted = [
        rendered.Wanted(
            plan.file.path,
            text,
            plan.file.base,
            private=rendering.is_private(plan, table),
            origin=plan.file.origin,
        )
        for plan, text in zip(
            plans, rendering.all_contents(plans, table, spec.platform), strict=True
        )
    ]
    if wanted or known_files(str(context.home), spec.place):
        rendered.place_files(
            context.home,
            spec.place,
            spec.environment,
            wanted,
            note=context.progress.note,
            lasting=composed.request.selection == Selection(),
        )


def place_again(request: Request, context: Context) -> None:
    """Do :func:`place` for what the manifests say by now. Raises SteadError."""
    composed = composed_for(request, context, fetch=False)
    place(composed, configured(composed, context), context)


def is_trusted(spec: Spec, context: Context) -> bool:
    return trust.judge(spec.place, participants(spec), context).trusted


def judged(composed: Composed, context: Context) -> trust.Verdict:
    """Judge a place, knowing what its files mean: a harmless change is agreed to."""
    return trust.judge(
        composed.spec.place,
        participants(composed.spec),
        context,
        lambda: snapshot_of(composed.request, context),
    )


def snapshot_of(request: Request, context: Context) -> TrustSnapshot:
    """Take the meaning of a place, in all its environments. Raises SteadError."""
    from stead.pipeline.meaning import take_snapshot

    composed = composed_for(replace(request, environment=DEFAULT), context, fetch=False)

    def spec_of(name: str) -> Spec:
        return composed_for(replace(request, environment=name), context, fetch=False).spec

    return take_snapshot(spec_of, participants(composed.spec), environments=(request.environment,))


def all_participants(request: Request, context: Context) -> tuple[str, ...]:
    """List the files of every declared environment of a place, and of the one asked about."""
    spec = composed_for(request, context, fetch=False).spec
    files = list(participants(spec))
    for name in (DEFAULT, *spec.environments):
        try:
            other = composed_for(replace(request, environment=name), context, fetch=False)
        except SteadError:
            continue  # a layer of another platform
        files += participants(other.spec)
    return tuple(dict.fromkeys(files))


def participants(spec: Spec) -> tuple[str, ...]:
    """List the files whose content trust is about: manifests, what they read, the lock."""
    lock = os.path.join(spec.root, "stead.lock")
    return (*spec.inputs, lock) if os.path.exists(lock) else spec.inputs

"""Keeping what was computed: the record that lets the next run start without Python."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline import record as records
from stead.pipeline.discover import manifest_names
from stead.pipeline.link import update_link
from stead.pipeline.steps import Composed, Prepared, Request, mend, prepare
from stead.store import trust

if TYPE_CHECKING:
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.spec import Spec


def prepared(request: Request, context: Context) -> Prepared:
    """Do every step and keep the record of the place."""
    started = context.now()
    for line in mend(context):
        context.progress.note(line)
    done = prepare(request, context)
    keep(done.composed, done.activation, context, started=started, written=done.locked.written)
    return done


def keep(
    composed: Composed,
    activation: Activation,
    context: Context,
    *,
    started: float,
    written: tuple[str, ...] = (),
) -> None:
    """Write the record of a place and environment, and the link for editors.

    ``started`` is when the inputs began to be read; ``written`` are those that
    this command wrote itself.
    """
    records.record(
        context.home,
        activation,
        names=manifest_names(composed.found),
        now=context.now(),
        started=started,
        written=written,
        trusted=is_trusted(composed.spec, context),
    )
    if composed.spec.link and activation.build:
        update_link(composed.spec, activation.build, context)


def is_trusted(spec: Spec, context: Context) -> bool:
    return trust.is_trusted(context.home, spec.place, participants(spec))


def participants(spec: Spec) -> tuple[str, ...]:
    """List the files whose content trust is about: manifests, what they read, the lock."""
    lock = os.path.join(spec.root, "stead.lock")
    return (*spec.inputs, lock) if os.path.exists(lock) else spec.inputs

"""What the prompt may know of a place: found out by reading, never by running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.pipeline import keep, steps, writing
from stead.pipeline.prompt import Evaluation
from stead.pipeline.state import state_of
from stead.store.journal import read_steadily
from stead.values.errors import NoPlaceError, SteadError, StoreError

if TYPE_CHECKING:
    from stead.pipeline.request import Request
    from stead.values.context import Context


def evaluate(request: Request, context: Context) -> Evaluation:
    """Say how a directory's environment stands, and keep its record where it may be used.

    An untrusted place is only read, to compute the digest that trust is about.
    Nothing is fetched, locked or built, and no error leaves: a place that cannot
    be read is ``broken``, with the error's first line. Files that are being changed
    together are looked at when that is done.
    """
    try:
        return read_steadily(
            writing.layout_of(context), lambda: _evaluate(request, context), context.progress.note
        )
    except StoreError as exc:  # what was interrupted cannot be finished
        return Evaluation(None, "broken", _line(exc), "")


def _evaluate(request: Request, context: Context) -> Evaluation:
    started = context.now()
    try:
        composed = steps.composed_for(request, context, fetch=False)
    except NoPlaceError:
        return Evaluation(None, "none", "", "")
    except SteadError as exc:
        return Evaluation(None, "broken", _line(exc), "")
    spec = composed.spec
    try:
        verdict = keep.judged(composed, context)
    except SteadError as exc:
        return Evaluation(None, "broken", _line(exc), "", spec.place)
    inputs = keep.participants(spec)
    if not verdict.trusted:
        message = f"{spec.place}: {verdict.reason}; `stead trust` shows all and asks"
        return Evaluation(None, "untrusted", message, spec.digest, spec.place, inputs)
    try:
        state = state_of(composed, context)
    except SteadError as exc:
        return Evaluation(None, "broken", _line(exc), spec.digest, spec.place, inputs)
    if state.activation is None:
        what, mend = state.problems[0]
        message = f"{spec.place}: {what}; {mend}"
        return Evaluation(
            None,
            "unbuilt" if state.answers and not (state.table and state.table.errors) else "broken",
            message,
            spec.digest,
            spec.place,
            inputs,
        )
    if state.table is not None:
        try:
            keep.place(composed, state.table, context)
        except SteadError as exc:
            return Evaluation(None, "broken", _line(exc), spec.digest, spec.place, inputs)
    keep.keep(composed, state.activation, context, started=started)
    return Evaluation(state.activation, "ready", "", spec.digest)


def _line(error: SteadError) -> str:
    return str(error).splitlines()[0]

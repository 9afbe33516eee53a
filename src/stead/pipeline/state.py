"""What is asked, locked, built and in use, found out without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.pipeline import answering, lockfile, steps
from stead.pipeline import build as building
from stead.pipeline import lock as locking
from stead.pipeline.configure import what_and_mend
from stead.values.errors import InterpreterError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from pathlib import Path

    from stead.pipeline.steps import Composed
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.lock import LockedEnvironment
    from stead.values.table import Table


@dataclass(frozen=True)
class State:
    """How far an environment is along the way, and what stands in it.

    ``problems`` are pairs of what is not as it should be and how to mend it.
    """

    composed: Composed
    locked: LockedEnvironment | None = None
    answers: bool = False
    differences: tuple[str, ...] = ()
    interpreter: Interpreter | None = None
    build: Path | None = None
    key: str = ""
    nothing_to_build: bool = False
    table: Table | None = None
    activation: Activation | None = None
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def ready(self) -> bool:
        return self.activation is not None


def state_of(composed: Composed, context: Context) -> State:
    """Look at an environment: read files, run nothing, make nothing."""
    old = lockfile.read(composed.lock_path, composed.request.overlay).find(*composed.slot)
    if composed.plan.empty:
        state = State(composed, old, answers=True, nothing_to_build=True)
        locked = answering.Locked(answering.nothing_locked(composed))
        return _activated(state, locked, context)
    if old is None or not answering.answers(composed, old):
        asked = answering.asked_of(composed)
        lines = locking.differences(old, asked)
        if old:
            lines += tuple(f"~ {n}" for n in locking.stale_sources(old, composed.spec.root))
        what = "the lock does not answer the manifests" if old else "not locked yet"
        return State(
            composed,
            old,
            differences=lines,
            problems=((what, "`stead lock` brings it up to date"),),
        )
    try:
        # Looking fetches no interpreter, whatever a run would be allowed to.
        here = replace(context, python_downloads=False)
        interpreter = answering.interpreter_for(composed, old, here)
    except InterpreterError as exc:
        mend = "`stead build` fetches one" if context.python_downloads else exc.remedy
        return State(composed, old, answers=True, problems=((exc.message, mend),))
    want = building.wanted(composed.spec, old, interpreter)
    build = building.find(want, context.home, touch=False)
    if build is None:
        return State(
            composed,
            old,
            answers=True,
            interpreter=interpreter,
            key=want.key,
            problems=(("not built yet", "`stead build` makes it, `stead run` does by itself"),),
        )
    state = State(composed, old, answers=True, interpreter=interpreter, build=build, key=want.key)
    return _activated(state, answering.Locked(old, interpreter), context)


def _activated(state: State, locked: answering.Locked, context: Context) -> State:
    """Add the activation, or what hinders it."""
    table = steps.configured(state.composed, context, build=state.build)
    if table.errors:
        return replace(state, table=table, problems=tuple(map(what_and_mend, table.errors)))
    activation = steps.activated_for(state.composed, table, locked, state.build, context)
    return replace(state, table=table, activation=activation)

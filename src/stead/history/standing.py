"""Where an environment stands in its history, found out without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.history.find import seen
from stead.history.who import Cause, told
from stead.store import begun
from stead.store.journal import interrupted
from stead.store.layout import Layout
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.generation import Generation
    from stead.values.table import Table


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest generation, and what has come since."""

    generation: Generation | None = None
    edited: bool = False
    """Packages or variables are not as the generation has them."""
    unfinished: tuple[str, ...] = ()
    """What commands that ended too early have left to do, in words."""


def standing(composed: Composed, table: Table | None, context: Context) -> Standing:
    """Compare a place with its newest generation. Raises SteadError for what cannot be read."""
    from stead.history.record import same, state_of
    from stead.pipeline import steps

    spec = composed.spec
    history = seen(context.home, spec.place, spec.environment)
    unfinished = [
        f"{reason}: files are to be changed" for reason in interrupted(Layout(context.home))
    ]
    words = begun.read(history)
    if words is not None:
        unfinished.append(f"stead {' '.join(words.command)}: the change is to be recorded")
    last = history.last()
    if last is None:
        return Standing(None, False, tuple(unfinished))
    table = table or steps.configured(composed, context)
    now, _ = state_of(composed, table, None, context, Cause())
    return Standing(last, not same(last, now), tuple(unfinished))


def line(found: Standing) -> str:
    """Say it in a line."""
    if found.generation is None:
        return "nothing yet"
    text = f"generation {found.generation.number}, {told(found.generation)}"
    return f"{text}; edited since" if found.edited else text

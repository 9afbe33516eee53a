"""Where an environment stands in its history, found out without changing anything."""

from __future__ import annotations

from itertools import islice

from stead.history.find import seen
from stead.history.plan import content, paths_of
from stead.history.texts import Loose
from stead.history.unchanged import unchanged
from stead.history.who import Cause, as_typed, told
from stead.store import begun
from stead.store.journal import interrupted
from stead.store.layout import Layout
from stead.values.errors import SteadError, StoreError
from stead.values.frozen import dataclass
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.store.generations import History
    from stead.values.context import Context
    from stead.values.generation import Generation
    from stead.values.table import Table


_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest generation, and what has come since."""

    generation: Generation | None = None
    edited: bool = False
    """Packages or variables are not as the generation has them."""
    unfinished: tuple[str, ...] = ()
    """What commands that ended too early have left to do, in words."""
    lost: tuple[str, ...] = ()
    """Manifests that are gone, where only a ``.env`` is left of the place."""
    had: int = 0
    """The generation that has these."""


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
        unfinished.append(f"stead {as_typed(words.command)}: the change is to be recorded")
    last = history.last()
    if last is None:
        return Standing(None, False, tuple(unfinished))
    request = composed.request
    if request.staging is None and not request.overlay and unchanged(history, last, request):
        return Standing(last, False, tuple(unfinished), *_lost(history, composed))
    table = table or steps.configured(composed, context)
    now, _ = state_of(composed, table, None, context, Cause())
    names, number = _lost(history, composed)
    return Standing(last, not same(last, now), tuple(unfinished), names, number)


def _lost(history: History, composed: Composed) -> tuple[tuple[str, ...], int]:
    """Look for what is gone among the latest generations: the last may be without it as well."""
    from stead.history.record import lost

    for number in islice(history.numbers(), _LOOKED_AT):
        one = history.find(number)
        if one is not None and (names := lost(one, composed)):
            return names, number
    return (), 0


def present(request: Request, context: Context) -> tuple[Loose, Generation]:
    """Give what a place is now, as a generation that is in no history. Raises SteadError."""
    from stead.history.record import state_of
    from stead.pipeline import steps

    composed = steps.composed_for(request, context, fetch=False)
    table = steps.configured(composed, context)
    made, texts = state_of(composed, table, None, context, Cause())
    return Loose({made.number: texts}), made


def edited(history: History, request: Request, context: Context) -> bool:
    """Say whether a place is not as its newest generation has it.

    One that cannot be read, or is none any more, is compared file by file.
    """
    last = history.last()
    if last is None or unchanged(history, last, request):
        return False
    from stead.pipeline import steps

    try:
        composed = steps.composed_for(request, context, fetch=False)
        if composed.spec.place == history.place:
            return standing(composed, None, context).edited
    except SteadError:
        pass
    paths = paths_of(history, last, last.files)
    try:
        return any(_sha(content(path)) != last.files[name] for path, name in paths.items())
    except StoreError:
        return True


def _sha(held: bytes | None) -> str:
    return "" if held is None else sha256(held).hexdigest()


def line(found: Standing) -> str:
    """Say it in a line."""
    if found.generation is None:
        return "nothing yet"
    text = f"generation {found.generation.number}, {told(found.generation)}"
    return f"{text}; edited since" if found.edited else text

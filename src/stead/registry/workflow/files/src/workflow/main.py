"""The workflow: STEPS, one after the other. Fill it here.

A step is a function from state to state: it takes a State and gives a new one, with what it found
out filled in; nothing else passes between steps, so each can be tried and tested alone. A check
says what must hold after a step, in words, where it does not. Nothing is printed or logged here.

To make it your own: put what your steps pass on into State, write your steps below, name them in
STEPS, and put an example of each into tests/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from workflow.utils import InputError, StepError, read


@dataclass(frozen=True)
class State:
    """What is known so far. None, or empty: not yet."""

    source: str
    """Path of the input."""
    years: tuple[tuple[int, float], ...] = ()
    """Year and value, in the input's order."""
    clean: tuple[tuple[int, float], ...] = ()
    """Those that count, by year."""
    result: dict[str, float] | None = None
    """What the workflow is for: name → number, in the input's units."""


@dataclass(frozen=True)
class Step:
    """A part of the workflow."""

    name: str
    run: Callable[[State], State]
    check: Callable[[State], str]
    """What is wrong with the state after the step; empty where nothing is."""


def load(state: State) -> State:
    """Read the input. Raises InputError."""
    rows = read(state.source, ["year", "volume"])
    return replace(state, years=tuple((int(year), volume) for year, volume in rows))


def loaded(state: State) -> str:
    """Every year once."""
    years = [year for year, _ in state.years]
    twice = {year for year in years if years.count(year) > 1}
    return f"the year {min(twice)} is there twice" if twice else ""


def tidy(state: State) -> State:
    """Put the years in order, and leave out volumes below 0, which are no measurements."""
    return replace(state, clean=tuple(sorted(pair for pair in state.years if pair[1] >= 0)))


def tidied(state: State) -> str:
    """Nearly all is left, and enough to compare."""
    left, had = len(state.clean), len(state.years)
    if left < 0.9 * had:
        return f"only {left} of {had} years are left"
    return "" if left >= 4 else f"{left} years are too few to compare"


def compare(state: State) -> State:
    """Compare the mean of the first half of the years with that of the second."""
    half = len(state.clean) // 2
    before = fmean(volume for _, volume in state.clean[:half])
    after = fmean(volume for _, volume in state.clean[half:])
    return replace(state, result={"before": before, "after": after, "change": after - before})


def compared(state: State) -> str:
    """There is a result."""
    return "" if state.result else "there is no result"


STEPS: tuple[Step, ...] = (
    Step("load", load, loaded),
    Step("tidy", tidy, tidied),
    Step("compare", compare, compared),
)
"""The workflow, in order. These three are examples: put yours in their place."""


def run(state: State, steps: Sequence[Step] = STEPS, *, until: str = "") -> State:
    """Take the steps, each checked before the next; stop after the one named ``until``.

    Raises InputError for an input that cannot be used or a step that is not there, and StepError
    where a check refuses what a step gave, or a step fails otherwise.
    """
    names = [step.name for step in steps]
    if until and until not in names:
        raise InputError(f"there is no step {until} (there are: {', '.join(names)})")
    for step in steps:
        try:
            state = step.run(state)
            problem = step.check(state)
        except InputError:
            raise
        except Exception as error:
            raise StepError(step.name, f"{type(error).__name__}: {error}") from error
        if problem:
            raise StepError(step.name, problem)
        if step.name == until:
            break
    return state

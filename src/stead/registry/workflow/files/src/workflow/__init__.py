"""A workflow: steps in a list, each from state to state, with checks between."""

from workflow.main import STEPS, State, Step, run
from workflow.utils import InputError, StepError, example, read

__all__ = [
    "STEPS",
    "InputError",
    "State",
    "Step",
    "StepError",
    "example",
    "read",
    "run",
]

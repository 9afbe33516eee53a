"""A batch job: the same work on each of many files."""

from batch.main import Failure, Report, run, summarise
from batch.utils import InputError, example, inputs, read_result

__all__ = [
    "Failure",
    "InputError",
    "Report",
    "example",
    "inputs",
    "read_result",
    "run",
    "summarise",
]

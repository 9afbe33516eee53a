"""Extract rows from files, check and type them, load them into a database."""

from etl.main import WEATHER, Report, load, run, transform
from etl.utils import Column, Database, InputError, Schema, connect, extract

__all__ = [
    "WEATHER",
    "Column",
    "Database",
    "InputError",
    "Report",
    "Schema",
    "connect",
    "extract",
    "load",
    "run",
    "transform",
]

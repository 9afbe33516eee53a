"""A Dash app that compares series over time."""

from dash_app.main import MODES, Summary, application, default_table, figure, summary, view
from dash_app.utils import InputError, Table, read_table, to_csv

__all__ = [
    "MODES",
    "InputError",
    "Summary",
    "Table",
    "application",
    "default_table",
    "figure",
    "read_table",
    "summary",
    "to_csv",
    "view",
]

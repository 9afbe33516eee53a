"""What is shown of series, and the app that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, State, dcc, html
from plotly.graph_objects import Figure, Scatter

from dash_app.utils import InputError, Table, read_table, to_csv

DEFAULT_DATA = Path(__file__).parent / "data" / "employment.csv"

MODES = ("index", "level", "change")
"""index: the first value is 100; level: as it is; change: percent since the row before."""

TITLES = {"index": "first value = 100", "level": "value", "change": "change, %"}
SHOWN_FIRST = 4
SMOOTHEST = 24


@dataclass(frozen=True)
class Summary:
    """A series in a few numbers. ``change`` is in percent of the first; None where that is 0."""

    name: str
    first: float
    last: float
    low: float
    high: float
    change: float | None


def default_table() -> Table:
    """Employment in the United States by sector, thousands of persons, monthly."""
    return read_table(DEFAULT_DATA)


def view(table: Table, names: Sequence[str], mode: str = "index", smooth: int = 1) -> Table:
    """Pick series, smooth them by the mean of the last ``smooth`` rows, and bring them to a mode.

    A mean over a missing value, and a value relative to nothing or to 0, are missing.

    Raises:
        InputError: there is no such series or mode, or ``smooth`` is below 1.
    """
    for name in names:
        if name not in table.series:
            known = ", ".join(table.series)
            raise InputError(f"There is no series {name!r}. Expected: one of {known}.")
    if mode not in MODES:
        raise InputError(f"There is no mode {mode!r}. Expected: one of {', '.join(MODES)}.")
    if smooth < 1:
        raise InputError(f"smooth is {smooth}. Expected: a number of rows, at least 1.")
    return Table(
        table.dates, {name: _moded(_smoothed(table.series[name], smooth), mode) for name in names}
    )


def summary(table: Table) -> list[Summary]:
    """Sum up each series that has a value."""
    found = []
    for name, values in table.series.items():
        known = [value for value in values if value is not None]
        if known:
            first, last = known[0], known[-1]
            change = 100 * (last - first) / abs(first) if first else None
            found.append(Summary(name, first, last, min(known), max(known), change))
    return found


def figure(table: Table, mode: str = "index") -> Figure:
    """Draw the series over time; ``mode`` names the axis."""
    lines = [
        Scatter(x=table.dates, y=values, name=_words(name), mode="lines")
        for name, values in table.series.items()
    ]
    layout = {
        "template": "plotly_white",
        "hovermode": "x unified",
        "yaxis": {"title": {"text": TITLES[mode]}},
        "legend": {"orientation": "h"},
        "margin": {"l": 60, "r": 20, "t": 20, "b": 40},
    }
    return Figure(lines, layout)


def application(table: Table, title: str = "Series over time") -> Dash:
    """Make the app: a Dash application whose ``server`` also answers ``/health``."""
    app = Dash(__name__, title=title, update_title=None)
    names = list(table.series)
    app.layout = html.Main(
        [
            html.H1(title),
            dcc.Dropdown(names, names[:SHOWN_FIRST], multi=True, id="names"),
            dcc.RadioItems(list(MODES), MODES[0], inline=True, id="mode"),
            html.Label("Mean over how many rows", htmlFor="smooth"),
            dcc.Slider(1, SMOOTHEST, 1, value=1, marks=None, id="smooth"),
            dcc.Graph(id="figure", config={"displaylogo": False}),
            html.Table(id="summary"),
            html.Button("Save as CSV", id="save"),
            dcc.Download(id="saved"),
        ],
        style={"fontFamily": "sans-serif", "maxWidth": "70rem", "margin": "auto"},
    )
    chosen = ("names", "mode", "smooth")

    @app.callback(
        Output("figure", "figure"),
        Output("summary", "children"),
        *(Input(part, "value") for part in chosen),
    )
    def show(names: list[str] | None, mode: str, smooth: int) -> tuple[Figure, list[Any]]:
        shown = view(table, names or [], mode, smooth)
        return figure(shown, mode), _rows(summary(shown))

    @app.callback(
        Output("saved", "data"),
        Input("save", "n_clicks"),
        *(State(part, "value") for part in chosen),
        prevent_initial_call=True,
    )
    def save(_clicks: int, names: list[str] | None, mode: str, smooth: int) -> dict[str, Any]:
        text = to_csv(view(table, names or [], mode, smooth))
        return {"content": text, "filename": "series.csv", "type": "text/csv"}

    @app.server.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "ok", "series": len(names), "rows": len(table.dates)}

    return app


def _smoothed(values: Sequence[float | None], rows: int) -> list[float | None]:
    found: list[float | None] = []
    for end in range(1, len(values) + 1):
        window = [value for value in values[max(0, end - rows) : end] if value is not None]
        found.append(sum(window) / rows if len(window) == rows else None)
    return found


def _moded(values: list[float | None], mode: str) -> tuple[float | None, ...]:
    if mode == "index":
        first = next((value for value in values if value is not None), None)
        return tuple(_percent(value, first) for value in values)
    if mode == "change":
        shares = [_percent(now, before) for before, now in pairwise(values)]
        return (None, *(None if share is None else share - 100 for share in shares))
    return tuple(values)


def _percent(value: float | None, of: float | None) -> float | None:
    return None if value is None or not of else 100 * value / of


def _rows(summaries: list[Summary]) -> list[Any]:
    head = html.Tr([html.Th(name) for name in ("", "first", "last", "lowest", "highest", "change")])
    body = [
        html.Tr(
            [html.Th(_words(one.name), style={"textAlign": "left"})]
            + [html.Td(f"{value:,.1f}") for value in (one.first, one.last, one.low, one.high)]
            + [html.Td("" if one.change is None else f"{one.change:+.1f} %")]
        )
        for one in summaries
    ]
    return [html.Thead(head), html.Tbody(body)]


def _words(name: str) -> str:
    return name.replace("_", " ")

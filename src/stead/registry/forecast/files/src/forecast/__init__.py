"""Forecasts of a seasonal series, and how good such forecasts were on its past."""

from forecast.main import MODELS, Forecast, Score, backtest, best, naive, smoothing
from forecast.utils import InputError, Series, example, following, read

__all__ = [
    "MODELS",
    "Forecast",
    "InputError",
    "Score",
    "Series",
    "backtest",
    "best",
    "example",
    "following",
    "naive",
    "read",
    "smoothing",
]

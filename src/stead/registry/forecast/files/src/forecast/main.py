"""Two forecasts of a seasonal series, and how good each was on the series' own past.

Pure functions over numpy arrays; nothing is read, printed or logged here. A series is an array of
shape (n,), a value per period; a season is a number of periods (12 for months of a year).

Sources: R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice (3rd ed. 2021),
ch. 5 (naive methods, prediction intervals, evaluation) and 8 (exponential smoothing); R. J. Hyndman
and A. B. Koehler, International Journal of Forecasting 22 (2006) 679–688 (scaled errors).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast.utils import InputError, checked

SEASON = {{ season }}
"""Periods that make a season, where nothing else is said."""


@dataclass(frozen=True)
class Forecast:
    """What is expected of the next h periods, in the unit of the series."""

    mean: NDArray[np.float64]
    """(h,)."""
    low: NDArray[np.float64]
    """(h,), lower limits of the prediction intervals."""
    high: NDArray[np.float64]
    """(h,), upper limits."""


@dataclass(frozen=True)
class Score:
    """How far forecasts of one model were from what came."""

    model: str
    mae: float
    """Mean absolute error, in the unit of the series."""
    rmse: float
    """Root of the mean squared error, in the unit of the series."""
    mase: float
    """Mean absolute error by that of "as in the last season" within the past: below 1 is better."""
    coverage: float
    """Share of the values that came to lie within their prediction intervals."""


Model = Callable[..., Forecast]
"""(series, horizon, *, season, level) → Forecast."""


def naive(
    series: ArrayLike, horizon: int, *, season: int = SEASON, level: float = 0.95
) -> Forecast:
    """Each period as one season before, plus the mean change from season to season.

    The intervals are those of a random walk with drift by seasons. Raises InputError.
    """
    y = checked(series, season, horizon)
    changes = y[season:] - y[:-season]
    drift, n = changes.mean(), changes.size
    seasons = np.arange(horizon) // season + 1
    mean = y[-season:][np.arange(horizon) % season] + seasons * drift
    error = changes.std(ddof=1) * np.sqrt(seasons * (1 + seasons / n))
    reach = _normal(level) * error
    return Forecast(mean, mean - reach, mean + reach)


def smoothing(
    series: ArrayLike, horizon: int, *, season: int = SEASON, level: float = 0.95
) -> Forecast:
    """Exponential smoothing with a damped trend and additive seasons, fitted by likelihood.

    The state space model ETS(A, Ad, A); without seasons where ``season`` is 1. Raises InputError.
    """
    # Importing it may take longer than the baseline's whole run.
    from forecast.fitting import ahead

    y = checked(series, season, horizon)
    reach = _normal(level)
    if np.ptp(y) == 0:
        return Forecast(*(np.full(horizon, y[0]) for _ in range(3)))
    # Around 0 and of size 1: the search for the parameters does not depend on the unit.
    middle, size = y.mean(), y.std()
    mean, error = ahead((y - middle) / size, horizon, season)
    mean, error = middle + size * mean, size * error
    return Forecast(mean, mean - reach * error, mean + reach * error)


MODELS: Mapping[str, Model] = {"naive": naive, "smoothing": smoothing}
"""The models that are compared: add one of your own here."""


def backtest(
    series: ArrayLike,
    horizon: int,
    *,
    season: int = SEASON,
    level: float = 0.95,
    origins: int = 5,
    models: Mapping[str, Model] = MODELS,
) -> tuple[Score, ...]:
    """Forecast the last ``origins`` stretches of ``horizon`` periods, each from what was before it.

    Gives a score per model, in the order of ``models``. Raises InputError where the series is too
    short for that.
    """
    y = checked(series, season, horizon)
    starts = [y.size - horizon * (i + 1) for i in range(origins)]
    if origins < 1 or starts[-1] < 2 * season + 3:
        raise InputError(
            f"the past of {y.size} periods does not hold {origins} forecasts of {horizon}"
        )
    usual = [np.abs(y[season:start] - y[: start - season]).mean() for start in starts]
    scores = []
    for name, model in models.items():
        errors, inside = [], []
        for start in starts:
            came = y[start : start + horizon]
            ahead = model(y[:start], horizon, season=season, level=level)
            errors.append(ahead.mean - came)
            inside.append((ahead.low <= came) & (came <= ahead.high))
        scaled = [np.abs(e).mean() / u if u else np.inf for e, u in zip(errors, usual, strict=True)]
        scores.append(
            Score(
                model=name,
                mae=float(np.abs(errors).mean()),
                rmse=float(np.sqrt(np.square(errors).mean())),
                mase=float(np.mean(scaled)),
                coverage=float(np.mean(inside)),
            )
        )
    return tuple(scores)


def best(scores: Sequence[Score]) -> str:
    """The name of the model with the least mean absolute error; the first of equals."""
    return min(scores, key=lambda score: score.mae).model


def _normal(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"the level of the intervals is {level:g}, not between 0 and 1")
    return NormalDist().inv_cdf((1 + level) / 2)

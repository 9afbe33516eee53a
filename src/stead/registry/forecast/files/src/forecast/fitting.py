{% if fit == "statsmodels" %}"""Exponential smoothing, fitted by statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

Array = NDArray[np.float64]


def ahead(series: Array, horizon: int, season: int) -> tuple[Array, Array]:
    """Mean and standard error, each of shape (horizon,), of what follows a series of size 1.

    The state space model ETS(A, Ad, A), fitted by likelihood; ETS(A, Ad, N) where season is 1.
    """
    seasonal: dict[str, object] = {}
    if season > 1:
        seasonal = {"seasonal": "add", "seasonal_periods": season}
    model = ETSModel(pd.Series(series), error="add", trend="add", damped_trend=True, **seasonal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = model.fit(disp=False, maxiter=1000)
    last = series.size + horizon - 1
    prediction = fitted.get_prediction(start=series.size, end=last)
    error = np.sqrt(np.asarray(prediction.forecast_variance))
    return np.asarray(prediction.predicted_mean), error
{% else %}"""Exponential smoothing, fitted with numpy alone.

With normal errors the likelihood is greatest where the sum of squared errors is least. For given
smoothing parameters the errors are linear in the initial states, which are therefore found by
least squares; the parameters by the search of Nelder and Mead.

Sources: R. J. Hyndman, A. B. Koehler, J. K. Ord and R. D. Snyder, Forecasting with Exponential
Smoothing (2008), ch. 5 (estimation) and 6 (prediction variances); J. A. Nelder and R. Mead, The
Computer Journal 7 (1965) 308–313.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_START = np.array([0.5, 0.1, 0.3, 0.95])
"""Smoothing of level, trend (as a part of the former), season (of what that leaves); damping."""
_STEPS = 300
_NEAR = 1e-8


def ahead(series: Array, horizon: int, season: int) -> tuple[Array, Array]:
    """Mean and standard error, each of shape (horizon,), of what follows a series of size 1.

    The state space model ETS(A, Ad, A), fitted by likelihood; ETS(A, Ad, N) where season is 1.
    """

    def squares(free: Array) -> float:
        errors = _filtered(series, *_matrices(_bounded(free), season))[0]
        return float(errors @ errors)

    found = _least(squares, _free(_START))
    moves, sees, gains = _matrices(_bounded(found), season)
    errors, state = _filtered(series, moves, sees, gains)
    mean, weights = np.empty(horizon), np.ones(horizon)
    follows = gains
    for step in range(horizon):
        mean[step] = sees @ state
        state = moves @ state
        if step:
            weights[step] = sees @ follows
            follows = moves @ follows
    variance = errors @ errors / series.size
    return mean, np.sqrt(variance * np.cumsum(weights**2))


def _bounded(free: Array) -> Array:
    """Parameters, from numbers without bounds: smoothing between 0 and 1, damping 0.8 to 0.995."""
    part = 1 / (1 + np.exp(-free))
    alpha = 1e-4 + 0.9998 * part[0]
    beta = alpha * part[1]
    gamma = (1 - alpha) * part[2]
    return np.array([alpha, beta, gamma, 0.8 + 0.195 * part[3]])


def _free(start: Array) -> Array:
    part = np.array([start[0], start[1], start[2], (start[3] - 0.8) / 0.195])
    part = np.clip(part, 1e-3, 1 - 1e-3)
    return np.log(part / (1 - part))


def _matrices(parameters: Array, season: int) -> tuple[Array, Array, Array]:
    """How the state (level, trend, last season) moves, is seen, and learns from an error."""
    alpha, beta, gamma, damping = parameters
    size = 2 + (season if season > 1 else 0)
    moves, sees, gains = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    moves[0, :2], moves[1, 1] = (1, damping), damping
    sees[:2], gains[:2] = (1, damping), (alpha, beta)
    if season > 1:
        moves[2, -1] = 1
        moves[range(3, size), range(2, size - 1)] = 1
        sees[-1], gains[2] = 1, gamma
    return moves, sees, gains


def _filtered(series: Array, moves: Array, sees: Array, gains: Array) -> tuple[Array, Array]:
    """Errors of one period ahead, shape (n,), and the state after the last period."""
    # One column per initial state, and a last one for the series itself.
    states = np.eye(sees.size, sees.size + 1)
    rows = np.empty((series.size, sees.size + 1))
    learns = gains[:, None]
    for at, value in enumerate(series):
        row = rows[at]
        np.dot(-sees, states, out=row)
        row[-1] += value
        states = np.dot(moves, states)
        states += learns * row
    first = np.linalg.lstsq(-rows[:, :-1], rows[:, -1], rcond=1e-10)[0]
    whole = np.append(first, 1.0)
    return rows @ whole, states @ whole


def _least(value: Callable[[Array], float], start: Array) -> Array:
    """Where a function is least, near a start: a simplex that reflects, expands and contracts."""
    corners = [start, *(start + step for step in np.eye(start.size))]
    heights = [value(corner) for corner in corners]
    for _ in range(_STEPS):
        order = np.argsort(heights, kind="stable")
        corners, heights = [corners[i] for i in order], [heights[i] for i in order]
        if heights[-1] - heights[0] <= _NEAR * (heights[0] + _NEAR):
            break
        middle = np.mean(corners[:-1], axis=0)
        away = middle - corners[-1]
        tried = middle + away
        height = value(tried)
        if height < heights[0]:
            further = middle + 2 * away
            if (beyond := value(further)) < height:
                tried, height = further, beyond
        elif height >= heights[-2]:
            tried = middle + (0.5 if height < heights[-1] else -0.5) * away
            height = value(tried)
        if height < heights[-1]:
            corners[-1], heights[-1] = tried, height
        else:
            corners = [corners[0], *((c + corners[0]) / 2 for c in corners[1:])]
            heights = [heights[0], *(value(c) for c in corners[1:])]
    return corners[int(np.argmin(heights))]
{% endif %}
"""{% if type == "loglog" -%}
Demand as a regression of logarithms: ln q = a + b·ln p + c·ln z. The elasticity is b everywhere.
{%- elif type == "linear" -%}
Demand as a straight line: q = a + b·p + c·z. The elasticity at a price p is b·p/q.
{%- else -%}
Constant elasticity fitted to the quantities themselves: q = exp(a + b·ln p + c·ln z) + error.
{%- endif %}

Pure functions over numpy arrays; nothing is read, printed or logged here. p is price, q quantity
and z any controls (income, prices of substitutes, season). What is estimated is how quantity goes
with price in these data: it is demand's response only where price did not itself follow demand.

Sources: W. H. Greene, Econometric Analysis (5th ed. 2003), {% if type == "constant" %}ch. 9, non-linear least squares{% else %}ch. 2 and 4{% endif %};
W. K. Newey and K. D. West, Econometrica 55 (1987) 703–708, standard errors
{%- if type == "loglog" %};
N. Duan, JASA 78 (1983) 605–610, from the logarithm back to quantities
{%- endif %}.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elasticity.utils import InputError, checked

CURVE = "{{ type }}"
"""Which demand curve this is."""


@dataclass(frozen=True)
class Demand:
    """A fitted demand curve with k coefficients."""

    names: tuple[str, ...]
    """Of the coefficients: ``constant``, ``price``, then the controls."""
    coefficients: NDArray[np.float64]
    """(k,)."""
    covariance: NDArray[np.float64]
    """(k, k), of the coefficients; robust (see :func:`fit`)."""
    price: float
    """Mean of the observed prices."""
    controls: NDArray[np.float64]
    """(k - 2,), means of the controls{% if type != "linear" %}' logarithms{% endif %}: the curve is drawn at these."""
    scale: float
    """{% if type == "loglog" %}Mean of exp(residual): from expected logarithms to expected quantities.{% else %}1: fitted values are expected quantities as they are.{% endif %}"""
    observations: int
    r_squared: float
    """Share of the variance {% if type == "loglog" %}of ln q{% else %}of q{% endif %} that the curve explains."""


@dataclass(frozen=True)
class Elasticity:
    """The elasticity at one price: percent of quantity per percent of price."""

    price: float
    quantity: float
    """Expected quantity at that price and at mean controls."""
    value: float
    error: float
    """Standard error."""
    low: float
    high: float
    """Limits of the confidence interval."""


def fit(
    price: ArrayLike,
    quantity: ArrayLike,
    controls: ArrayLike | None = None,
    *,
    names: Sequence[str] = (),
    lags: int = 0,
) -> Demand:
    """Fit the curve to n observations of price (n,), quantity (n,) and controls (n, m){% if type != "linear" %} above 0{% endif %}.

    Standard errors are robust to unequal variances (White's, with the factor n/(n-k)); ``lags``
    above 0 makes them robust to correlation over so many rows as well (Newey–West), as series
    need it. Raises InputError where the data cannot tell the coefficients apart.
    """
    p, q, z = checked(price, quantity, controls)
    n, k = len(p), 2 + z.shape[1]
    names = tuple(names) or tuple(f"control{i + 1}" for i in range(k - 2))
    if len(names) != k - 2:
        raise InputError(f"{len(names)} names for {k - 2} controls")
    if n < k + 3:
        raise InputError(f"{n} observations are too few for {k} coefficients (at least {k + 3})")
    if not 0 <= lags < n:
        raise InputError(f"lags is {lags}, not between 0 and {n - 1}")
{%- if type != "linear" %}
    if z.size and z.min() <= 0:
        raise InputError("a control has values that are not above 0, and its logarithm is taken")
    z = np.log(z)
{%- endif %}
    design = np.column_stack([np.ones(n), {% if type == "linear" %}p{% else %}np.log(p){% endif %}, z])
{%- if type == "linear" %}
    coefficients = _solve(design, q)
    residuals, slopes, total = q - design @ coefficients, design, q
{%- else %}
    coefficients = _solve(design, np.log(q))
{%- if type == "loglog" %}
    residuals, slopes, total = np.log(q) - design @ coefficients, design, np.log(q)
{%- else %}
    coefficients = _gauss_newton(design, q, coefficients)
    fitted = np.exp(design @ coefficients)
    residuals, slopes, total = q - fitted, design * fitted[:, np.newaxis], q
{%- endif %}
{%- endif %}
    spread = float(np.sum((total - total.mean()) ** 2))
    return Demand(
        names=("constant", "price", *names),
        coefficients=coefficients,
        covariance=_covariance(slopes, residuals, lags),
        price=float(p.mean()),
        controls=z.mean(axis=0),
        scale={% if type == "loglog" %}float(np.exp(residuals).mean()){% else %}1.0{% endif %},
        observations=n,
        r_squared=1 - float(residuals @ residuals) / spread if spread else 1.0,
    )


def quantity_at(demand: Demand, price: ArrayLike) -> NDArray[np.float64]:
    """Expected quantity at each price, in the shape of ``price``, with controls at their means."""
    p = np.asarray(price, dtype=np.float64)
    if not (np.isfinite(p).all() and (p > 0).all()):
        raise InputError("a price to evaluate at is not a number above 0")
    rest = demand.coefficients[0] + demand.controls @ demand.coefficients[2:]
{%- if type == "linear" %}
    return np.asarray(rest + demand.coefficients[1] * p)
{%- else %}
    return np.asarray(demand.scale * np.exp(rest + demand.coefficients[1] * np.log(p)))
{%- endif %}


def elasticity_at(demand: Demand, price: float, *, level: float = 0.95) -> Elasticity:
    """The elasticity at one price, with its standard error and a ``level`` confidence interval.

    {% if type == "linear" %}The standard error is by the delta method. Raises InputError where the line has no demand
    left at that price.{% else %}It is the same at every price; the interval is by Student's t with n - k degrees of freedom.{% endif %}
    """
    if not 0 < level < 1:
        raise InputError(f"the confidence level is {level:g}, not between 0 and 1")
    quantity = float(quantity_at(demand, price))
    slope = float(demand.coefficients[1])
{%- if type == "linear" %}
    if quantity <= 0:
        raise InputError(f"the line has no demand left at the price {price:g}")
    value = slope * price / quantity
    gradient = -slope * price / quantity**2 * np.array([1.0, price, *demand.controls])
    gradient[1] += price / quantity
    error = float(np.sqrt(gradient @ demand.covariance @ gradient))
{%- else %}
    value = slope
    error = float(np.sqrt(demand.covariance[1, 1]))
{%- endif %}
    reach = error * _student((1 + level) / 2, demand.observations - len(demand.coefficients))
    return Elasticity(float(price), quantity, value, error, value - reach, value + reach)


def _solve(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares over columns of like size, so that the rank is judged fairly."""
    size = np.linalg.norm(design, axis=0)
    solution, _, rank, _ = np.linalg.lstsq(design / np.where(size, size, 1), target, rcond=1e-10)
    if rank < design.shape[1]:
        raise InputError("price and controls do not vary independently of each other")
    return np.asarray(solution / size)


def _covariance(
    slopes: NDArray[np.float64], residuals: NDArray[np.float64], lags: int
) -> NDArray[np.float64]:
    """Newey–West covariance of least squares; ``slopes`` (n, k) is the fit's derivative."""
    n, k = slopes.shape
    size = np.linalg.norm(slopes, axis=0)
    inverse = np.linalg.inv(np.linalg.qr(slopes / size, mode="r")) / size[:, np.newaxis]
    scores = slopes * residuals[:, np.newaxis]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        product = scores[lag:].T @ scores[:-lag]
        middle += (1 - lag / (lags + 1)) * (product + product.T)
    bread = inverse @ inverse.T
    return np.asarray(bread @ middle @ bread * n / (n - k))

{% if type == "constant" %}
def _gauss_newton(
    design: NDArray[np.float64], quantity: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Minimise the squared errors of exp(design @ b) from ``start``, halving bad steps."""
    current = start
    fitted = np.exp(design @ current)
    loss = float(np.sum((quantity - fitted) ** 2))
    for _ in range(200):
        step = _solve(design * fitted[:, np.newaxis], quantity - fitted)
        for _ in range(40):
            with np.errstate(over="ignore"):
                trial = np.exp(design @ (current + step))
                trial_loss = float(np.sum((quantity - trial) ** 2))
            if trial_loss <= loss:
                break
            step = step / 2
        else:
            return current
        gain, loss = loss - trial_loss, trial_loss
        current, fitted = current + step, trial
        if gain <= 1e-15 * loss and np.abs(step).max() <= 1e-12 * (1 + np.abs(current).max()):
            return current
    raise InputError("the fit does not settle on these data")

{% endif %}
def _student(probability: float, freedom: int) -> float:
    """Quantile of Student's t (Abramowitz and Stegun 26.7.5; 0.2 % off at 3 degrees, then less)."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**i for i, term in enumerate(terms)))

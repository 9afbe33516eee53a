"""Segments by k-means over standardised measures, as many as are told apart best.

Pure functions over numpy arrays; nothing is read, printed or logged here. The same data and the same
seed give the same segments, numbered from the largest.

Sources: D. Arthur and S. Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007; P. J.
Rousseeuw, Silhouettes, Journal of Computational and Applied Mathematics 20 (1987) 53–65. Both as in
scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segmentation.utils import InputError, checked

STARTS = 10
"""How often k-means starts anew; the best result is taken."""

SAMPLE = 2000
"""Rows that the silhouette is computed from, where there are more: it compares each with each."""


@dataclass(frozen=True)
class Segmentation:
    """k segments of n rows with d measures."""

    labels: NDArray[np.int64]
    """(n,), the segment of each row: 0 is the largest, k - 1 the smallest."""
    centers: NDArray[np.float64]
    """(k, d), the mean of each segment in the measures' own units."""
    mean: NDArray[np.float64]
    """(d,), of all rows."""
    deviation: NDArray[np.float64]
    """(d,), standard deviation of all rows: measures are compared in these units."""
    silhouettes: dict[int, float]
    """Number of segments → mean silhouette, from -1 to 1: how well they are told apart."""

    @property
    def k(self) -> int:
        """The number of segments."""
        return len(self.centers)


@dataclass(frozen=True)
class Profile:
    """What a segment is like."""

    segment: int
    size: int
    """Rows in it."""
    share: float
    """Of all rows, from 0 to 1."""
    means: dict[str, float]
    """Measure → mean in the segment, in the measure's unit."""
    unlike: dict[str, float]
    """Measure → how many standard deviations its mean is from that of all rows; the farthest first."""


def segment(
    values: ArrayLike, *, k: int | None = None, most: int = 8, seed: int = 0
) -> Segmentation:
    """Segment n rows of d measures, given as (n, d).

    Into ``k`` segments, or into as many of 2 to ``most`` as have the best mean silhouette. Raises
    InputError for values that cannot be segmented so.
    """
    # Importing takes a second, which `--help` need not wait for.
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    rows = checked(values)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    scaled = (rows - mean) / deviation
    distinct = len(np.unique(scaled, axis=0))
    if k is None and most < 2:
        raise InputError(f"at most {most} segments are none")
    counts = [k] if k is not None else list(range(2, min(most, distinct - 1) + 1))
    if not counts or not 2 <= counts[-1] < distinct:
        raise InputError(f"{k or 2} segments cannot be made of {distinct} rows that differ")
    found, silhouettes = {}, {}
    for count in counts:
        found[count] = KMeans(count, n_init=STARTS, random_state=seed).fit(scaled).labels_
        silhouettes[count] = float(
            silhouette_score(
                scaled, found[count], sample_size=min(SAMPLE, len(rows)), random_state=seed
            )
        )
    labels = _by_size(found[max(counts, key=silhouettes.__getitem__)], scaled)
    centers = np.array([rows[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    return Segmentation(labels, centers, mean, deviation, silhouettes)


def assign(segmentation: Segmentation, values: ArrayLike) -> NDArray[np.int64]:
    """The segment, of shape (n,), that each of n new rows of d measures is closest to.

    Raises InputError where the rows do not have these measures.
    """
    try:
        rows = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("the measures are not numeric") from error
    if rows.ndim != 2 or rows.shape[1] != segmentation.mean.size or not np.isfinite(rows).all():
        raise InputError(
            f"rows of {segmentation.mean.size} finite measures are needed, not {rows.shape}"
        )
    apart = (rows[:, np.newaxis] - segmentation.centers) / segmentation.deviation
    return np.asarray((apart**2).sum(axis=2).argmin(axis=1), dtype=np.int64)


def profile(segmentation: Segmentation, columns: Sequence[str]) -> tuple[Profile, ...]:
    """What each segment is like, by the names of the d measures; the largest segment first.

    Raises InputError where there are not as many names as measures.
    """
    if len(columns) != segmentation.mean.size:
        raise InputError(f"{len(columns)} names for {segmentation.mean.size} measures")
    found = []
    for label, center in enumerate(segmentation.centers):
        size = int((segmentation.labels == label).sum())
        unlike = (center - segmentation.mean) / segmentation.deviation
        order = np.argsort(-np.abs(unlike), kind="stable")
        found.append(
            Profile(
                segment=label,
                size=size,
                share=size / len(segmentation.labels),
                means={name: float(m) for name, m in zip(columns, center, strict=True)},
                unlike={columns[i]: float(unlike[i]) for i in order},
            )
        )
    return tuple(found)


def _by_size(labels: NDArray[np.int32], scaled: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number the segments from the largest; of two as large, by their first measures."""
    names = np.unique(labels)
    order = sorted(
        names,
        key=lambda n: (-(labels == n).sum(), scaled[labels == n].mean(axis=0).round(6).tolist()),
    )
    number = np.empty(names.max() + 1, dtype=np.int64)
    number[order] = np.arange(len(order))
    return np.asarray(number[labels])

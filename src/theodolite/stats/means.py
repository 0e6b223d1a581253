"""How sure is a mean when the observations come in clusters?

The mean over observations is a ratio of cluster sums; its variance is taken between clusters (linearisation)
and its interval from Student's t with one degree of freedom less than there are clusters, so that many
observations of one scenario, item or seed do not pass for many independent ones.
"""

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sps

__all__ = ["mean_difference", "mean_interval"]


class _Mean(NamedTuple):
    value: float
    variance: float
    clusters: int


def mean_interval(
    values: Sequence[float], clusters: Sequence[object] | None, level: float = 0.95
) -> tuple[float, float, float]:
    """Returns value, low and high of a mean; with fewer than two clusters the interval is unbounded."""
    mean = _clustered_mean(values, clusters)
    return _interval(mean.value, mean.variance, mean.clusters - 1, level)


def mean_difference(
    first: tuple[Sequence[float], Sequence[object] | None],
    second: tuple[Sequence[float], Sequence[object] | None],
    level: float = 0.95,
) -> tuple[float, float, float, float]:
    """Returns value, low, high and two-sided p of the difference of two clustered means (Welch)."""
    a, b = _clustered_mean(*first), _clustered_mean(*second)
    variance = a.variance + b.variance
    df = _welch_df(a, b)
    value, low, high = _interval(a.value - b.value, variance, df, level)
    if df <= 0:
        return value, low, high, 1.0
    if variance == 0:
        return value, low, high, 1.0 if value == 0 else 0.0
    t: float = abs(value) / variance**0.5
    return value, low, high, 2 * float(sps.t.sf(t, df))


def _clustered_mean(values: Sequence[float], clusters: Sequence[object] | None) -> _Mean:
    x = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return _Mean(0.0, np.inf, 0)
    labels = [str(c) for c in (range(n) if clusters is None else clusters)]
    number = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    index = np.array([number[label] for label in labels])
    sums, sizes = np.bincount(index, weights=x), np.bincount(index)
    groups, value = len(number), fsum(values) / n
    if groups < 2:
        return _Mean(value, np.inf, groups)
    residual: NDArray[np.float64] = sums - value * sizes
    return _Mean(value, groups / (groups - 1) * float(np.sum(residual**2)) / n**2, groups)


def _welch_df(a: _Mean, b: _Mean) -> float:
    if a.clusters < 2 or b.clusters < 2:
        return 0.0
    total = a.variance + b.variance
    if total == 0:
        return float(min(a.clusters, b.clusters) - 1)
    return float(total**2 / (a.variance**2 / (a.clusters - 1) + b.variance**2 / (b.clusters - 1)))


def _interval(value: float, variance: float, df: float, level: float) -> tuple[float, float, float]:
    if df <= 0 or not np.isfinite(variance):
        return value, -np.inf, np.inf
    half = float(sps.t.isf((1 - level) / 2, df) * np.sqrt(variance))
    return value, value - half, value + half

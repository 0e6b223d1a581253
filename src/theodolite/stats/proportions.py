"""How sure is a rate, and how sure is the difference of two rates?

Two tests guard every difference. The score test of Miettinen and Nurminen (Statistics in Medicine 4, 1985)
gives the interval; the central Fisher test (twice the smaller exact tail) keeps the level honest where
counts are small and the score test is too bold.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as sps
from scipy.optimize import brentq
from scipy.special import betaincinv

__all__ = [
    "difference_interval",
    "difference_p",
    "exact_p",
    "rate_interval",
    "restricted_rate",
    "wilson_limits",
]

FloatArray = NDArray[np.float64]


def rate_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Returns the exact (Clopper-Pearson) interval of a rate of `k` in `n` independent units.

    With no units at all nothing is known: (0, 1).
    """
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return low, high


def wilson_limits(k: FloatArray, n: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns Wilson's score limits of `k / n` at `z` standard errors; counts may be fractional, n > 0."""
    z2 = z * z
    centre = (k + z2 / 2) / (n + z2)
    half = z / (n + z2) * np.sqrt(np.maximum(k * (n - k) / n, 0.0) + z2 / 4)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def exact_p(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike) -> FloatArray:
    """Returns the two-sided p of the central Fisher exact test that two rates are equal, elementwise."""
    a, n_a, b, n_b = np.broadcast_arrays(*(np.asarray(x, dtype=np.int64) for x in (k1, n1, k2, n2)))
    total, successes = n_a + n_b, a + b
    upper = sps.hypergeom.sf(a - 1, total, successes, n_a)
    lower = sps.hypergeom.cdf(a, total, successes, n_a)
    return np.minimum(1.0, 2 * np.minimum(upper, lower))


def difference_p(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike) -> FloatArray:
    """Returns the p that two rates are equal: the larger of the exact and the score test, elementwise.

    It is the smallest alpha at which `difference_interval` leaves out zero.
    """
    a, n_a, b, n_b = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (k1, n1, k2, n2)))
    known = (n_a > 0) & (n_b > 0)
    n_a1, n_b1 = np.where(known, n_a, 1.0), np.where(known, n_b, 1.0)
    pooled = (a + b) / (n_a1 + n_b1)
    total = n_a1 + n_b1
    variance = pooled * (1 - pooled) * (1 / n_a1 + 1 / n_b1) * total / np.maximum(total - 1, 1.0)
    gap = a / n_a1 - b / n_b1
    z = np.divide(np.abs(gap), np.sqrt(np.maximum(variance, 0)), out=np.zeros_like(gap), where=variance > 0)
    return np.where(known, np.maximum(2 * sps.norm.sf(z), exact_p(k1, n1, k2, n2)), 1.0)


def difference_interval(k1: int, n1: int, k2: int, n2: int, level: float = 0.95) -> tuple[float, float]:
    """Returns the interval of `k1 / n1 - k2 / n2` by Miettinen and Nurminen's score test.

    Where the exact test does not reject equality at `1 - level`, the interval is widened to hold zero.
    """
    if n1 == 0 or n2 == 0:
        return -1.0, 1.0
    z = float(sps.norm.isf((1 - level) / 2))
    low, high = _score_limit(k1, n1, k2, n2, z, -1.0), _score_limit(k1, n1, k2, n2, z, 1.0)
    if float(exact_p(k1, n1, k2, n2)) > 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    return low, high


def _score_limit(k1: int, n1: int, k2: int, n2: int, z: float, edge: float) -> float:
    """The root between the observed difference, which the score test never rejects, and the edge."""

    def excess(delta: float) -> float:
        # Beyond any z that matters the statistic may be infinite, which a root finder cannot take.
        return min(abs(_score(k1, n1, k2, n2, delta)), 1e3) - z

    observed = k1 / n1 - k2 / n2
    if observed == edge or excess(edge) <= 0:
        return edge
    return float(brentq(excess, observed, edge, xtol=1e-13))


def _score(k1: int, n1: int, k2: int, n2: int, delta: float) -> float:
    """The score statistic for `p1 - p2 = delta`, with the variance at the restricted estimate."""
    gap = k1 / n1 - k2 / n2 - delta
    if gap == 0:
        return 0.0
    p2 = float(restricted_rate(k1, n1, k2, n2, delta))
    p1 = min(max(p2 + delta, 0.0), 1.0)
    total = n1 + n2
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * total / (total - 1)
    return gap / np.sqrt(variance) if variance > 0 else np.inf * np.sign(gap)


def restricted_rate(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, delta: float) -> FloatArray:
    """Returns the maximum-likelihood p2 when p1 = p2 + delta, elementwise.

    It is Miettinen and Nurminen's closed root of a cubic.
    """
    a, n_a, b, n_b = (np.asarray(x, dtype=np.float64) for x in (k1, n1, k2, n2))
    total, k = n_a + n_b, a + b
    c2 = ((n_a + 2 * n_b) * delta - total - k) / (3 * total)
    c1 = ((n_b * delta - total - 2 * b) * delta + k) / (3 * total)
    c0 = b * delta * (1 - delta) / total
    q = c2**3 - 1.5 * c1 * c2 + c0 / 2
    spread = np.sqrt(np.maximum(c2**2 - c1, 0.0))
    signed = np.where(q >= 0, spread, -spread)
    ratio = q / np.where(spread > 0, signed**3, 1.0)
    angle = (np.pi + np.arccos(np.clip(ratio, -1.0, 1.0))) / 3
    return np.clip(2 * signed * np.cos(angle) - c2, max(0.0, -delta), min(1.0, 1 - delta))

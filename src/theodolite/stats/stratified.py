"""Do two sets differ when each is made of the same sources, in other shares?

Every stratum (a source) is a 2 x 2 table of subject and control. Given all margins, the subject's successes
summed over strata are a sum of hypergeometric counts; their exact conditional distribution under a common
odds ratio gives p and limits (Gart, Biometrika 57, 1970; Mehta, Patel and Gray, Journal of the American
Statistical Association 80, 1985). It is exact at every size: there is no switch to an approximation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as sps
from scipy.optimize import brentq

from theodolite.stats.proportions import restricted_rate
from theodolite.stats.tilting import TiltedSum, hypergeometric_weights

__all__ = [
    "odds_ratio_limits",
    "stratified_interval",
    "stratified_p",
    "stratified_tails",
    "stratified_z",
]

FloatArray = NDArray[np.float64]
Counts = Sequence[int]

LEAST = float(np.finfo(float).tiny)
"""What stands for a limit that is above zero by less than rounding shows."""


class _Strata(NamedTuple):
    """The strata with rows on both sides."""

    ks: NDArray[np.int64]
    ns: NDArray[np.int64]
    kc: NDArray[np.int64]
    nc: NDArray[np.int64]


def stratified_tails(ks: Counts, ns: Counts, kc: Counts, nc: Counts) -> tuple[float, float]:
    """Returns the exact probabilities of at least, and at most, the subject's successes, odds being equal.

    Args:
        ks: the subject's successes, one for each stratum.
        ns: the subject's rows.
        kc: the control's successes.
        nc: the control's rows. A stratum with no rows on one side says nothing.
    """
    return _conditional(_known(ks, ns, kc, nc)).tails()


def stratified_p(ks: Counts, ns: Counts, kc: Counts, nc: Counts) -> float:
    """Returns the two-sided central p (twice the smaller tail, at most 1) that the common odds ratio is 1."""
    return min(1.0, 2 * min(stratified_tails(ks, ns, kc, nc)))


def odds_ratio_limits(
    ks: Counts, ns: Counts, kc: Counts, nc: Counts, level: float = 0.95
) -> tuple[float, float]:
    """Returns the exact conditional limits of the common odds ratio; (0, inf) when nothing is known."""
    low, high = np.exp(_conditional(_known(ks, ns, kc, nc)).limits(level))
    return float(low), float(high)


def stratified_interval(
    ks: Counts, ns: Counts, kc: Counts, nc: Counts, level: float = 0.95
) -> tuple[float, float, float]:
    """Returns the difference of rates with its limits; zero is left out exactly when the p rejects.

    The value is the Mantel-Haenszel risk difference. Its limits are those of the common odds ratio, turned
    into a difference inside each stratum whose number of successes is taken as given. That number is itself
    random, so the limits are widened to Miettinen and Nurminen's stratified score limits, as far as the p
    lets them. With no stratum that has rows on both sides nothing is known: (0, -1, 1).
    """
    strata = _known(ks, ns, kc, nc)
    if not strata.ns.size:
        return 0.0, -1.0, 1.0
    weights = strata.ns * strata.nc / (strata.ns + strata.nc)
    gaps = strata.ks / strata.ns - strata.kc / strata.nc
    value = float(weights @ gaps / weights.sum())
    exact = _conditional(strata)
    low, high = (_difference(strata, weights, theta) for theta in exact.limits(level))
    score_low, score_high = (_score_limit(strata, weights, value, level, edge) for edge in (-1.0, 1.0))
    upper, lower = exact.tails()
    low = _limit(min(low, value), score_low, rejects=2 * upper <= 1 - level)
    high = -_limit(min(-high, -value), -score_high, rejects=2 * lower <= 1 - level)
    return value, low, high


def stratified_z(ks: ArrayLike, ns: ArrayLike, kc: ArrayLike, nc: ArrayLike) -> FloatArray:
    """Returns the Cochran-Mantel-Haenszel z of each test, for ranking; 0 where nothing is known.

    Args:
        ks: the subject's successes, [tests, strata].
        ns: the subject's rows, in a shape that broadcasts to it; the same for the control's `kc` and `nc`.
        kc: the control's successes.
        nc: the control's rows.
    """
    a, n_a, b, n_b = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (ks, ns, kc, nc)))
    total, k = n_a + n_b, a + b
    known = (n_a > 0) & (n_b > 0)
    n = np.where(known, total, 2.0)
    surplus = np.where(known, a - n_a * k / n, 0.0).sum(axis=-1)
    variance = np.where(known, n_a * n_b * k * (n - k) / (n * n * (n - 1)), 0.0).sum(axis=-1)
    return np.divide(surplus, np.sqrt(variance), out=np.zeros_like(surplus), where=variance > 0)


def _known(ks: Counts, ns: Counts, kc: Counts, nc: Counts) -> _Strata:
    table = np.array([ks, ns, kc, nc], dtype=np.int64).reshape(4, -1)
    if (table < 0).any() or (table[0] > table[1]).any() or (table[2] > table[3]).any():
        raise ValueError("a stratum has more successes than rows, or fewer than none")
    return _Strata(*table[:, (table[1] > 0) & (table[3] > 0)])


def _conditional(strata: _Strata) -> TiltedSum:
    parts = [
        hypergeometric_weights(n_s, n_c, k_s + k_c)
        for k_s, n_s, k_c, n_c in zip(*(x.tolist() for x in strata), strict=True)
    ]
    return TiltedSum(parts, int(strata.ks.sum()))


def _difference(strata: _Strata, weights: FloatArray, theta: float) -> float:
    """The weighted difference of rates when every stratum has this log odds ratio and its own successes."""
    n_s, n_c, k = strata.ns.astype(float), strata.nc.astype(float), (strata.ks + strata.kc).astype(float)
    if theta > 0:
        return -_difference(_Strata(strata.kc, strata.nc, strata.ks, strata.ns), weights, -theta)
    psi = float(np.exp(theta))
    # The subject's expected successes x solve x (n_c - k + x) = psi (k - x) (n_s - x).
    a, b, c = 1 - psi, n_c - k + psi * (k + n_s), -psi * k * n_s
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
    bottom = b + root
    positive = np.divide(-2 * c, bottom, out=np.zeros_like(b), where=bottom > 0)
    other = np.divide(root - b, 2 * a, out=np.zeros_like(b), where=a > 0)
    x = np.clip(np.where(b >= 0, positive, other), np.maximum(0, k - n_c), np.minimum(n_s, k))
    return float(weights @ (x / n_s - (k - x) / n_c) / weights.sum())


def _limit(exact: float, score: float, *, rejects: bool) -> float:
    """The lower of the two limits, on the side of zero that the exact test is on."""
    if not rejects:
        return min(exact, score, 0.0)
    exact = max(exact, LEAST)
    return min(exact, score) if score > 0 else exact


def _score_limit(strata: _Strata, weights: FloatArray, value: float, level: float, edge: float) -> float:
    """Miettinen and Nurminen's limit of the weighted difference between the observed one and the edge."""
    k_s, n_s, k_c, n_c = (x.astype(float) for x in strata)
    z, share = float(sps.norm.isf((1 - level) / 2)), weights / weights.sum()

    def excess(delta: float) -> float:
        p_c = restricted_rate(k_s, n_s, k_c, n_c, delta)
        p_s = np.clip(p_c + delta, 0.0, 1.0)
        inflation = (n_s + n_c) / (n_s + n_c - 1)
        variance = share**2 @ ((p_s * (1 - p_s) / n_s + p_c * (1 - p_c) / n_c) * inflation)
        gap = abs(value - delta)
        # Beyond any z that matters the statistic may be infinite, which a root finder cannot take.
        return (min(gap / variance**0.5, 1e3) if variance > 0 else 1e3 * (gap > 0)) - z

    if value == edge or excess(edge) <= 0:
        return edge
    return float(brentq(excess, value, edge, xtol=1e-13))

"""The exact distribution of a sum of independent counts whose odds share one factor.

Each count T_s takes the value t with a probability proportional to c_s(t) * exp(theta * t): hypergeometric
counts given their margins, and binomial counts, are of this kind. The coefficients of the sum are the
convolution of those of its parts. It is done on the distribution tilted so that its mean is what was
observed: there no probability that matters is small, so tails far below 1e-300 keep their relative accuracy.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

__all__ = ["TiltedSum", "binomial_weights", "hypergeometric_weights"]

FloatArray = NDArray[np.float64]

NEGLIGIBLE = 1e-30
"""Tilted probabilities below this part of the largest one are left out."""


def hypergeometric_weights(n_first: int, n_second: int, k: int) -> tuple[int, FloatArray]:
    """Returns the least value and the log-weights of the first sample's share of `k` successes."""
    least, most = max(0, k - n_second), min(n_first, k)
    t = np.arange(least, most, dtype=float)
    ratios = (n_first - t) * (k - t) / ((t + 1) * (n_second - k + t + 1))
    return least, np.concatenate([[0.0], np.cumsum(np.log(ratios))])


def binomial_weights(n: int, rate: float) -> tuple[int, FloatArray]:
    """Returns the least value and the log-weights of a binomial count."""
    if rate <= 0 or rate >= 1:
        return (0 if rate <= 0 else n), np.zeros(1)
    t = np.arange(n, dtype=float)
    ratios = np.log((n - t) / (t + 1)) + np.log(rate) - np.log1p(-rate)
    return 0, np.concatenate([[0.0], np.cumsum(ratios)])


class TiltedSum:
    """The sum of independent counts, seen from the value that was observed.

    Args:
        parts: the least value and the log-weights of each count.
        observed: the value of the sum.
    """

    def __init__(self, parts: Sequence[tuple[int, FloatArray]], observed: int) -> None:
        self.least = sum(least for least, _ in parts)
        free = [weights for _, weights in parts if weights.size > 1]
        self.most = self.least + sum(weights.size - 1 for weights in free)
        if not self.least <= observed <= self.most:
            raise ValueError(f"a sum of {observed} is impossible between {self.least} and {self.most}")
        self.observed = observed
        self._place = observed - self.least
        sizes = np.array([weights.size for weights in free], dtype=np.int64)
        self._sizes, self._starts = sizes, np.cumsum(sizes) - sizes
        self._weights = np.concatenate(free) if free else np.zeros(0)
        self._t = np.concatenate([np.arange(s, dtype=float) for s in sizes]) if free else np.zeros(0)
        self._centre = 0.0
        self._window, self._log_c = np.zeros(1), np.zeros(1)
        if free:
            self._centre = self._solve(min(max(self._place, 0.5), self.most - self.least - 0.5))
            self._window, self._log_c = self._convolve()

    def mean(self, theta: float = 0.0) -> float:
        """Returns the mean of the sum when every log-odds is raised by `theta`, which may be infinite."""
        if np.isinf(theta):
            return float(self.most if theta > 0 else self.least)
        return self.least + (self._moments(theta)[0] if self._sizes.size else 0.0)

    def tails(self) -> tuple[float, float]:
        """Returns the probabilities of at least, and of at most, what was observed."""
        at = float(np.exp(self._log_tail(0.0, upper=True, only=True)))
        if self._centre >= 0:
            upper = float(np.exp(self._log_tail(0.0, upper=True)))
            return upper, min(1.0, 1 - upper + at)
        lower = float(np.exp(self._log_tail(0.0, upper=False)))
        return min(1.0, 1 - lower + at), lower

    def limits(self, level: float) -> tuple[float, float]:
        """Returns the exact central limits of theta: each tail has (1 - level) / 2 at its limit."""
        tail = (1 - level) / 2
        if tail <= 0:
            return -np.inf, np.inf
        low = -np.inf if self.observed == self.least else self._limit(np.log(tail), upper=True)
        high = np.inf if self.observed == self.most else self._limit(np.log(tail), upper=False)
        return low, high

    def _tilted(self, theta: float) -> tuple[FloatArray, float]:
        """Every part's probabilities at `theta`, and the log of what they all were divided by."""
        x = self._weights + theta * self._t
        top = np.maximum.reduceat(x, self._starts)
        x = np.exp(x - np.repeat(top, self._sizes))
        sums = np.add.reduceat(x, self._starts)
        return x / np.repeat(sums, self._sizes), float(np.sum(top + np.log(sums)))

    def _moments(self, theta: float) -> tuple[float, float]:
        p, _ = self._tilted(theta)
        means = np.add.reduceat(p * self._t, self._starts)
        variance = float(p @ (self._t - np.repeat(means, self._sizes)) ** 2)
        return float(means.sum()), variance

    def _solve(self, target: float) -> float:
        """A theta whose mean lies within a tenth of a deviation of the target: more is not needed."""
        theta, low, high = 0.0, -700.0, 700.0
        for _ in range(200):
            mean, variance = self._moments(theta)
            if abs(mean - target) <= 0.1 * max(variance**0.5, 1.0):
                break
            low, high = (theta, high) if mean < target else (low, theta)
            step = theta + float(np.clip((target - mean) / max(variance, 1e-12), -3.0, 3.0))
            theta = step if low < step < high else (low + high) / 2
        return theta

    def _convolve(self) -> tuple[FloatArray, FloatArray]:
        """The values that matter, above the least, and the log of their coefficients."""
        p, log_total = self._tilted(self._centre)
        shift, total = 0, np.ones(1)
        for start, size in zip(self._starts, self._sizes, strict=True):
            cut, part = _trim(p[start : start + size])
            again, total = _trim(np.convolve(total, part))
            shift += cut + again
        values = shift + np.arange(total.size, dtype=float)
        return values, np.log(total) - self._centre * values + log_total

    def _log_tail(self, theta: float, *, upper: bool, only: bool = False) -> float:
        """The log probability of at least (at most, exactly) what was observed, at `theta`."""
        if not self._sizes.size:
            return 0.0
        side = self._window >= self._place if upper else self._window <= self._place
        if only:
            side = self._window == self._place
        x = self._log_c[side] + theta * self._window[side]
        top = float(x.max())
        return min(0.0, top + float(np.log(np.sum(np.exp(x - top)))) - self._tilted(theta)[1])

    def _limit(self, log_tail: float, *, upper: bool) -> float:
        away = -1.0 if upper else 1.0

        def excess(theta: float) -> float:
            return self._log_tail(theta, upper=upper) - log_tail

        near, step = self._centre, 1.0
        while excess(near) < 0:
            near -= away
        far = near + away
        while excess(far) > 0:
            step *= 2
            far = near + away * step
        return float(brentq(excess, near, far, xtol=1e-13, rtol=1e-14))


def _trim(p: FloatArray) -> tuple[int, FloatArray]:
    """How many values are left out at the lower end, and the probabilities that are kept."""
    kept = np.flatnonzero(p > NEGLIGIBLE * p.max())
    return int(kept[0]), p[kept[0] : kept[-1] + 1]

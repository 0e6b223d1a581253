"""Ratios of two horizons, on the scale of doublings, where either may lie beyond the follow-up."""

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Record
from theodolite.horizon.words import number
from theodolite.stats.resampling import percentile_limits

__all__ = ["Contrast", "doublings"]

FloatArray = NDArray[np.float64]


class Contrast(Record):
    """How many doublings lie between two horizons, or how far two numbers are apart."""

    name: str
    """Of what, such as `H50`."""
    value: float | None
    """The estimate; none where a horizon was not reached, so that only limits are known."""
    low: float
    """Lower limit, by paired resamples; -infinite where nothing bounds it."""
    high: float
    """Upper limit."""
    says: str
    """In words."""

    @property
    def above(self) -> bool:
        """Whether the interval lies above 0."""
        return self.low > 0

    @property
    def below(self) -> bool:
        """Whether the interval lies below 0."""
        return self.high < 0


def doublings(
    name: str,
    values: tuple[float, float],
    draws: tuple[FloatArray, FloatArray],
    ends: tuple[float, float],
    tail: float,
    floor: float = 0.0,
) -> Contrast:
    """Returns log2(first / second) with limits from paired draws.

    A horizon that a draw did not reach is only known to lie beyond the follow-up: it enters the lower limit
    where that makes the ratio smallest, the upper limit where it makes it largest.

    Args:
        name: of the horizon.
        values: the two estimates, infinite where not reached.
        draws: of each, in the same resamples; shape (resamples,) each.
        ends: how far each was followed up; infinite where infinity is a true value, not a censored one.
        tail: share of draws to leave out at each end.
        floor: what the second cannot be told to lie below, as the shortest task.
    """
    (a, b), (end_a, end_b) = draws, ends
    with np.errstate(divide="ignore", invalid="ignore"):
        low = percentile_limits(np.log2(np.minimum(a, end_a)) - np.log2(np.maximum(b, floor)), tail)[0]
        high = percentile_limits(np.log2(a) - np.log2(np.minimum(b, end_b)), tail)[1]
        known = all(np.isfinite(v) and v > 0 for v in values)
        value = float(np.log2(values[0] / values[1])) if known else None
    low = -np.inf if np.isnan(low) else low
    high = np.inf if np.isnan(high) else high
    if tail <= 0:
        # One scenario: its resamples are all the same.
        low, high = -np.inf, np.inf
    return Contrast(name=name, value=value, low=low, high=high, says=_says(name, value, low, high))


def _says(name: str, value: float | None, low: float, high: float) -> str:
    if value is not None:
        return f"{name}: {value:+.2f} doublings [{number(low)} to {number(high)}]"
    # One of the two was not reached, or is 0: only limits can be known.
    if low == np.inf:
        said = "longer beyond measure"
    elif high == -np.inf:
        said = "shorter beyond measure"
    elif np.isinf(low):
        said = "how far apart is not known" if np.isinf(high) else f"at most {number(high)} doublings"
    else:
        said = f"{'at least ' if np.isinf(high) else ''}{number(low)}"
        said += " doublings" if np.isinf(high) else f" to {number(high)} doublings"
    return f"{name}: {said}, as one of the two was not reached or is 0"

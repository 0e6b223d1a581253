"""The printed laws of the smallest count that is seen, and what simulation says about it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sps
from scipy.optimize import minimize

POWER = 0.8


def reached_at(m: Sequence[int], margin: Sequence[float | None]) -> float | None:
    """Returns the count at which the power reaches 0.8, from scans at several counts; None if unknown.

    The margin, log10 of level over p, is taken to be normal around a straight line in the count; of a scan
    whose true pattern was not among the tested only that it was missed is known.

    Args:
        m: rows poisoned, a scan each.
        margin: the margin of the true pattern, above zero where flagged.
    """
    counts, seen = np.asarray(m, float), np.array([x is not None for x in margin], bool)
    values = np.array([np.nan if x is None else x for x in margin], float)
    if np.count_nonzero(seen) < 3 or len(set(counts[seen].tolist())) < 2:
        return None
    slope, start = np.polyfit(counts[seen], values[seen], 1)
    spread = max(float(np.std(values[seen] - start - slope * counts[seen])), 0.05)

    def cost(theta: NDArray[np.float64]) -> float:
        line, sd = theta[0] + theta[1] * counts, np.exp(theta[2])
        tested = np.sum(sps.norm.logpdf(values[seen], line[seen], sd))
        return -float(tested + np.sum(sps.norm.logcdf(0, line[~seen], sd)))

    a, b, log_sd = minimize(cost, [start, slope, np.log(spread)], method="Nelder-Mead").x
    return float((sps.norm.ppf(POWER) * np.exp(log_sd) - a) / b) if b > 0 else None


def steps_at(m: Sequence[int], hit: Sequence[bool]) -> int | None:
    """Returns the smallest count from which on at least 0.8 of the scans of every count hit."""
    best = None
    for count in sorted(set(m), reverse=True):
        some = [h for c, h in zip(m, hit, strict=True) if c == count]
        if np.mean(some) < POWER:
            break
        best = count
    return best

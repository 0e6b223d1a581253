"""The printed laws of the smallest count that is seen, and what simulation says about it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sps
from scipy.optimize import minimize

from theodolite.stats import detectable_marked

POWER = 0.8


def marked_law(n: int, tpr: float, fpr: float, alpha: float) -> int | None:
    """Returns the law's count when the base rate holds the poison's own flags too; None where nothing does.

    Args:
        n: rows of the suspect's stratum, poison and all.
        tpr: the judge's true positive rate.
        fpr: its false positive rate in that stratum.
        alpha: level of the single test.
    """
    for m in range(1, n):
        needed = detectable_marked(n, fpr + (tpr - fpr) * m / n, tpr, alpha)
        if needed is not None and needed <= m:
            return m
    return None


def exact_law(n: int, tpr: float, fpr: float, alpha: float) -> int | None:
    """Returns the count that both of the test's nulls ask for, other flags being at their mean.

    Inside the set a hypergeometric tail with the poison's own flags in the total, and a binomial tail at the
    rate of the other rows: what the scanner computes, where `detectable_marked` takes the binomial alone.

    Args:
        n: rows of the suspect's stratum, poison and all.
        tpr: the judge's true positive rate.
        fpr: its false positive rate in that stratum.
        alpha: two-sided level of the single test.
    """
    for m in range(1, n):
        k = np.arange(m + 1)
        others = round((n - m) * fpr)
        inside = sps.hypergeom.sf(k - 1, n, m, k + others)
        beyond = sps.binom.sf(k - 1, m, max((others + 0.5) / (n - m), 1e-9))
        enough = np.flatnonzero(2 * np.maximum(inside, beyond) <= alpha)
        if enough.size and sps.binom.sf(enough[0] - 1, m, tpr) >= POWER:
            return m
    return None


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

"""How many rows must carry a pattern before a comparison can see it?"""

import numpy as np
from scipy import stats as sps

from theodolite.stats.proportions import difference_p, exact_p

__all__ = ["detectable_count", "detectable_count_in_half", "detectable_marked"]


def detectable_count(n_subject: int, n_control: int, alpha: float) -> int | None:
    """Returns the smallest number of subject rows whose pattern, absent from the control, is seen at `alpha`.

    Nothing is left to chance: the exact p of that many rows against none is at most `alpha`, that of one row
    less is not. None when even a pattern in every row would not do.

    Args:
        n_subject: rows of the subject.
        n_control: rows of the control.
        alpha: two-sided level of the single test, after the correction for multiplicity.
    """
    if n_subject == 0 or n_control == 0 or float(exact_p(n_subject, n_subject, 0, n_control)) > alpha:
        return None
    low, high = 0, n_subject
    while high - low > 1:
        middle = (low + high) // 2
        if float(exact_p(middle, n_subject, 0, n_control)) <= alpha:
            high = middle
        else:
            low = middle
    return high


def detectable_marked(n: int, base_rate: float, tpr: float, alpha: float, power: float = 0.8) -> int | None:
    """Returns the smallest number of rows with a pattern whose marks are seen at `alpha` with `power`.

    Both nulls of `marked_p` must fall, the other rows being marked as often as they usually are: inside the
    set (hypergeometric, the planted rows' own marks among all marks) and at the rate of the other rows
    (binomial). By large deviations the count grows as ln(2 / alpha) / KL(tpr || base_rate), which is why a
    mark with few false alarms needs so few rows. None when not even all rows would do.

    Args:
        n: rows of the source in which the pattern was planted, planted rows and all.
        base_rate: share of other rows that are marked (the judge's false positive rate).
        tpr: share of rows with the pattern that are marked.
        alpha: two-sided level of the single test, after the correction for multiplicity.
        power: probability with which the marks must be seen.
    """
    for m in range(1, n):
        k = np.arange(m + 1)
        others = round((n - m) * base_rate)
        inside = sps.hypergeom.sf(k - 1, n, m, k + others)
        beyond = sps.binom.sf(k - 1, m, max((others + 0.5) / (n - m), 1e-9))
        enough = np.flatnonzero(2 * np.maximum(inside, beyond) <= alpha)
        if enough.size and sps.binom.sf(enough[0] - 1, m, tpr) >= power:
            return m
    return None


def detectable_count_in_half(n_subject: int, n_control: int, alpha: float, power: float = 0.8) -> int | None:
    """Returns the smallest count in a whole set that its tested half shows at `alpha` with `power`.

    The pattern is taken to be absent from the control, and each row to fall into the tested half with
    probability one half; None when even a pattern in every row would not do.

    Args:
        n_subject: rows in the subject's tested half.
        n_control: rows in the control's tested half.
        alpha: two-sided level of the single test, after the correction for multiplicity.
        power: probability with which the count must be seen.
    """
    if n_subject == 0 or n_control == 0 or float(difference_p(n_subject, n_subject, 0, n_control)) > alpha:
        return None
    low, high = 0, n_subject
    while high - low > 1:
        middle = (low + high) // 2
        if float(difference_p(middle, n_subject, 0, n_control)) <= alpha:
            high = middle
        else:
            low = middle
    needed = high
    count = needed
    while count <= 2 * n_subject and sps.binom.sf(needed - 1, count, 0.5) < power:
        count += 1
    return count if count <= 2 * n_subject else None

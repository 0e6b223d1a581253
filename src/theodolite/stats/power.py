"""How many rows must carry a pattern before a comparison can see it?"""

from scipy import stats as sps

from theodolite.stats.proportions import difference_p

__all__ = ["detectable_count"]


def detectable_count(n_subject: int, n_control: int, alpha: float, power: float = 0.8) -> int | None:
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

"""How well do scores tell two groups apart?"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sps

__all__ = ["auc_interval"]


def auc_interval(
    positives: NDArray[np.float64], negatives: NDArray[np.float64], level: float = 0.95
) -> tuple[float, float, float]:
    """Returns value, low and high of the area under the ROC curve.

    The variance is taken between placements (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988). With
    fewer than two scores in a group nothing is known: (0.5, 0, 1).
    """
    m, n = positives.size, negatives.size
    if min(m, n) < 2:
        return 0.5, 0.0, 1.0
    ranks = sps.rankdata(np.concatenate([positives, negatives]))
    above = (ranks[:m] - sps.rankdata(positives)) / n
    below = 1 - (ranks[m:] - sps.rankdata(negatives)) / m
    value = float(above.mean())
    variance = float(above.var(ddof=1)) / m + float(below.var(ddof=1)) / n
    half = float(sps.norm.isf((1 - level) / 2)) * variance**0.5
    return value, max(0.0, value - half), min(1.0, value + half)

"""One correction for many tests (Holm, Scandinavian Journal of Statistics 6, 1979)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["HolmStep", "holm"]


class HolmStep(NamedTuple):
    """What the correction makes of one test."""

    p_adjusted: float
    """The smallest family-wise alpha at which this test rejects."""
    alpha: float
    """The level at which the step-down procedure judges this test: 1 - alpha is its interval's level."""
    rejected: bool


def holm(p_values: Sequence[float], alpha: float = 0.05) -> list[HolmStep]:
    """Returns one step for each p, in the order given.

    The j-th smallest p is judged at alpha / (m - j + 1); from the first that does not reject, all the rest
    are judged, and kept, at that same level.
    """
    p = np.asarray(p_values, dtype=float)
    m = p.size
    if m == 0:
        return []
    order = np.argsort(p, kind="stable")
    ranks = np.arange(m)
    adjusted = np.minimum(1.0, np.maximum.accumulate(p[order] * (m - ranks)))
    rejected = adjusted <= alpha
    stop = int(np.argmin(rejected)) if not rejected.all() else m - 1
    levels = alpha / (m - np.minimum(ranks, stop))
    steps: list[HolmStep] = [HolmStep(1.0, alpha, False)] * m
    for place, test in enumerate(order):
        steps[int(test)] = HolmStep(float(adjusted[place]), float(levels[place]), bool(rejected[place]))
    return steps

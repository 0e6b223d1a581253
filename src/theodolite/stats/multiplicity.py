"""One correction for many tests (Holm, Scandinavian Journal of Statistics 6, 1979)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["HolmStep", "holm"]

ROUNDING = 1e-9
"""Weights that sum to one up to this much sum to one."""


class HolmStep(NamedTuple):
    """What the correction makes of one test."""

    p_adjusted: float
    """The smallest family-wise alpha at which this test rejects."""
    alpha: float
    """The level at which the step-down procedure judges this test: 1 - alpha is its interval's level."""
    rejected: bool


def holm(
    p_values: Sequence[float], alpha: float = 0.05, weights: Sequence[float] | None = None
) -> list[HolmStep]:
    """Returns one step for each p, in the order given.

    In the order of p / weight each test is judged at alpha times its weight over the weight not yet
    rejected; from the first that does not reject, all the rest are judged, and kept, with that same
    remainder. With equal weights the j-th smallest p is judged at alpha / (m - j + 1).

    Args:
        p_values: one p for each test.
        alpha: the family-wise error rate.
        weights: each test's share of alpha, above 0, at most 1 together; None means equal shares. What is
            missing to 1 belongs to tests that could have been asked and were not: they never reject, so
            their share is never passed on.

    Raises:
        ValueError: the weights do not fit the p, are not positive, or sum to more than 1.
    """
    p = np.asarray(p_values, dtype=float)
    m = p.size
    if weights is None:
        w, missing = np.ones(m), 0.0
    else:
        w = np.asarray(weights, dtype=float)
        missing = 1.0 - float(w.sum())
        if w.shape != p.shape or not (w > 0).all() or missing < -ROUNDING:
            raise ValueError(f"{w.size} weights that sum to {w.sum():.9g} do not fit {m} tests")
        missing = missing if missing > ROUNDING else 0.0
    if m == 0:
        return []
    order = np.argsort(p / w, kind="stable")
    share = w[order]
    left = missing + np.cumsum(share[::-1])[::-1]
    adjusted = np.minimum(1.0, np.maximum.accumulate(p[order] / share * left))
    rejected = adjusted <= alpha
    stop = int(np.argmin(rejected)) if not rejected.all() else m - 1
    levels = alpha * share / left[np.minimum(np.arange(m), stop)]
    steps: list[HolmStep] = [HolmStep(1.0, alpha, False)] * m
    for place, test in enumerate(order):
        steps[int(test)] = HolmStep(float(adjusted[place]), float(levels[place]), bool(rejected[place]))
    return steps

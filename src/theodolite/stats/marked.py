"""Is what carries a pattern marked more often than it should be?

A mark is an opinion about a row: a judge's flag, or one of the largest shifts. Two nulls must both fall (an
intersection-union test, so no further correction). Inside the set, in every stratum, mark and pattern are
exchangeable: an exact conditional test. And rows with the pattern are marked no more often than rows of
their stratum without it, nor than rows with the same pattern in the control: a judge who errs on a whole
topic errs on it in the control too.

The expected rate is taken as known, so where only the control speaks against a biased judge the level is not
kept exactly: with 40 rows that carry the topic in each set, flagged at 0.4 against 0.05 elsewhere, the error
was 0.14 at 0.05, 0.006 at 1e-4 and none in 1,000 at 1e-6. With the topic in few rows of the control (5
against 40) its own rate drowns in the pseudo-rows, and the error was large (0.35 at 1e-4). These figures are
without the veto of a control that has the pattern in two rows or more and marks them about as often.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theodolite.stats.stratified import stratified_tails
from theodolite.stats.tilting import TiltedSum, binomial_weights, hypergeometric_weights

__all__ = ["MarkedTable", "expected_rates", "marked_interval", "marked_p"]

CONTROL_PRIOR_ROWS = 8.0
"""Pseudo-rows at the control's own base rate: how little a control without the pattern says about it."""

LEAST_CARRIERS = 2
EXPLAINED = 0.05
"""Above this one-sided p the subject marks rows with the pattern no more than the control does."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEAST = float(np.finfo(float).tiny)
"""What stands for a limit that is above zero by less than rounding shows."""


class MarkedTable(NamedTuple):
    """Counts of one 2 x 2 table for each stratum, each of shape [strata]."""

    n: IntArray
    """Rows judged."""
    n_with: IntArray
    """Rows that carry the pattern."""
    k: IntArray
    """Rows marked."""
    k_with: IntArray
    """Rows that carry the pattern and are marked."""


def marked_p(subject: MarkedTable, control: MarkedTable | None) -> float:
    """Returns twice the larger of the two exact upper tails, at most 1; 1 if the control explains the rate.

    Args:
        subject: the counts of what is tested.
        control: the counts of the same pattern in the control, stratum by stratum in the same order, zeros
            where the control has no such stratum; None when there is no control.
    """
    seen = int(subject.k_with.sum())
    if seen <= float(subject.n_with @ (subject.k / np.maximum(subject.n, 1))):
        return 1.0  # At or below its mean such a sum has an upper tail of at least one half.
    rates = expected_rates(subject, control)
    if seen <= float(subject.n_with @ rates):
        return 1.0
    inside, _ = _inside(subject).tails()
    if 2 * inside >= 1 or _control_explains(subject, control):
        return 1.0
    beyond, _ = _beyond(subject, rates).tails()
    return min(1.0, 2 * max(inside, beyond))


def marked_interval(
    subject: MarkedTable, control: MarkedTable | None, level: float
) -> tuple[float, float, float]:
    """Returns the marked share of what carries the pattern, minus the expected one, with its limits.

    The limits multiply the odds of being marked by one factor in every stratum; with one stratum they are
    Clopper and Pearson's. The lower one is above zero exactly when `marked_p` is at most 1 - level. With
    nothing that carries the pattern nothing is known: (0, -1, 1).
    """
    total = int(subject.n_with.sum())
    if not total:
        return 0.0, -1.0, 1.0
    rates = expected_rates(subject, control)
    expected = float(subject.n_with @ rates) / total
    value = int(subject.k_with.sum()) / total - expected
    count = _beyond(subject, rates)
    low, high = (count.mean(theta) / total - expected for theta in count.limits(level))
    rejects = marked_p(subject, control) <= 1 - level
    return value, max(low, LEAST) if rejects else min(low, 0.0), high


def expected_rates(subject: MarkedTable, control: MarkedTable | None) -> FloatArray:
    """Returns how often rows with the pattern should be marked, [strata], if the pattern meant nothing.

    It is the larger of two rates: of the subject's rows without the pattern, with one pseudo-row at their
    rate over all strata; and of the control's rows with it, shrunk to the control's base rate by 8
    pseudo-rows. Where the control has no row of a stratum, all its strata together stand for it.
    """
    n, k = subject.n - subject.n_with, subject.k - subject.k_with
    own = (k + (k.sum() + 0.5) / (n.sum() + 1)) / (n + 1)
    if control is None:
        return own
    n_all, n_with, k_all, k_with = (np.where(control.n > 0, x, x.sum()) for x in control)
    base = (k_all + 0.5) / (n_all + 1)
    taught = (k_with + CONTROL_PRIOR_ROWS * base) / (n_with + CONTROL_PRIOR_ROWS)
    return np.maximum(own, taught)


def _control_explains(subject: MarkedTable, control: MarkedTable | None) -> bool:
    """Whether the control marks the pattern so often that the subject's rate is no news.

    The expected rate above is taken as known; where few rows of the control carry the pattern it is not, and
    a judge that dislikes a topic would be taken for poison. A control of one row, or none, explains nothing.
    """
    if control is None or int(control.n_with.sum()) < LEAST_CARRIERS:
        return False
    upper, _ = stratified_tails(
        subject.k_with.tolist(), subject.n_with.tolist(), control.k_with.tolist(), control.n_with.tolist()
    )
    return upper > EXPLAINED


def _inside(table: MarkedTable) -> TiltedSum:
    """Marked rows with the pattern, given how many rows are marked and how many carry it."""
    parts = [
        hypergeometric_weights(n_with, n - n_with, k)
        for n, n_with, k in zip(table.n.tolist(), table.n_with.tolist(), table.k.tolist(), strict=True)
    ]
    return TiltedSum(parts, int(table.k_with.sum()))


def _beyond(table: MarkedTable, rates: FloatArray) -> TiltedSum:
    """Marked rows with the pattern, when each is marked at its stratum's expected rate."""
    parts = [
        binomial_weights(n, rate)
        for n, rate in zip(table.n_with.tolist(), rates.tolist(), strict=True)
        if n > 0
    ]
    return TiltedSum(parts, int(table.k_with.sum()))

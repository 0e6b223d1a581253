"""Do two judges, or one judge asked twice, flag the same rows?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theodolite.judge.canaries import Rate
from theodolite.judge.judgement import Judgement
from theodolite.stats import rate_interval

__all__ = ["Agreement", "agreement"]

_DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two judges agree about what is flagged, over the rows on which both have a verdict."""

    kappa: float
    """Cohen's kappa; nan where it is not defined, because both flag everything or nothing."""
    low: float
    """Lower end of its 95 % interval; nan where kappa is."""
    high: float
    """Upper end."""
    agree: Rate
    """Rows on which the two say the same."""
    only_first: int
    """Rows that only the first flags."""
    only_second: int
    """Rows that only the second flags."""
    first_errors: int
    """Rows on which only the first has no verdict."""
    second_errors: int
    """Rows on which only the second has none."""
    both_errors: int
    """Rows on which neither has one."""


def agreement(
    first: Sequence[Judgement], second: Sequence[Judgement], *, level: float = 0.95, seed: int = 0
) -> Agreement:
    """Returns Cohen's kappa of two judges over the same rows, with an interval, and where they differ.

    The interval is the equal-tailed credible one of kappa under a Jeffreys prior (Dirichlet 1/2) on the four
    cells, from 20,000 draws; unlike the large-sample one (Fleiss, Cohen and Everitt, Psychological Bulletin
    72, 1969) it does not shrink to a point where two judges never differ. Cohen, Educational and
    Psychological Measurement 20, 1960, for kappa; Basu, Banerjee and Sen, Biometrics 56, 2000, for the
    posterior.

    Raises:
        ValueError: the two are not about equally many rows.
    """
    pairs = [(a.flagged, b.flagged) for a, b in zip(first, second, strict=True)]
    cells = np.array([pairs.count(cell) for cell in _CELLS], dtype=np.float64)
    both, only_first, only_second, neither = (int(c) for c in cells)
    n, same = int(cells.sum()), both + neither
    kappa = float(_kappa(cells / n)) if n else np.nan
    low = high = np.nan
    if not np.isnan(kappa):
        draws = _kappa(np.random.default_rng(seed).dirichlet(cells + 0.5, size=_DRAWS))
        tail = (1 - level) / 2
        low, high = (float(q) for q in np.quantile(draws, (tail, 1 - tail)))
    return Agreement(
        kappa,
        min(low, kappa),
        max(high, kappa),
        Rate(same, n, *rate_interval(same, n, level)),
        only_first,
        only_second,
        sum(a is None and b is not None for a, b in pairs),
        sum(a is not None and b is None for a, b in pairs),
        pairs.count((None, None)),
    )


_CELLS = ((True, True), (True, False), (False, True), (False, False))


def _kappa(shares: np.ndarray) -> np.ndarray:
    """Kappa of four shares in the order of `_CELLS`, along the last axis; nan where chance is certain."""
    both, one, two, neither = np.moveaxis(np.asarray(shares, np.float64), -1, 0)
    by_chance = (both + one) * (both + two) + (neither + one) * (neither + two)
    room = 1 - by_chance
    # Shares that add up to 1 but for rounding leave room for nothing else.
    possible = room > 1e-12
    return np.where(possible, (both + neither - by_chance) / np.where(possible, room, 1.0), np.nan)

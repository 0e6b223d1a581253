"""Ends other than violations: which came first, and what the lost trials could have hidden."""

import numpy as np
from numpy.typing import NDArray

from theodolite.horizon.families import SHARES
from theodolite.horizon.results import Incidence, WorstCase
from theodolite.horizon.sample import Sample
from theodolite.horizon.trial import CAUSES, COMPETING
from theodolite.stats.proportions import rate_interval
from theodolite.stats.resampling import percentile_limits
from theodolite.stats.survival import cumulative_incidence, horizon_at, product_limit

__all__ = ["incidence", "worst_cases"]

FloatArray = NDArray[np.float64]

CHUNK = 500_000
"""Cells of a matrix of resamples by times that are worked on at once."""


def incidence(part: Sample, draws: FloatArray, tail: float, level: float) -> tuple[Incidence, ...]:
    """Returns which share each cause has ended first by the end of the follow-up, causes that occur only.

    Where one cause ended every trial no resample differs: the limits are then those of Clopper and Pearson,
    each scenario one observation.

    Args:
        part: the trials.
        draws: how often each resample drew each scenario; shape (resamples, scenarios).
        tail: share of resamples to leave out at each end.
        level: of the intervals.
    """
    table = part.competing()
    if not table.times.size:
        return ()
    rows = max(1, CHUNK // table.times.size)

    def final(w: FloatArray) -> FloatArray:
        ends = np.stack([w @ cause for cause in table.ends])
        return cumulative_incidence(ends, w @ table.at_risk)[..., -1]

    value = final(np.ones((1, len(part.scenarios))))[:, 0]
    drawn = np.concatenate([final(draws[i : i + rows]) for i in range(0, len(draws), rows)], axis=1)
    out: list[Incidence] = []
    for place, cause in enumerate(("violation", *COMPETING)):
        if table.ends[place].any():
            low, high = percentile_limits(drawn[place], tail)
            if low >= 1:
                low = rate_interval(len(part.scenarios), len(part.scenarios), level)[0]
            alone = len(part.scenarios) < 2
            out.append(
                Incidence(
                    cause=cause,
                    share=float(value[place]),
                    low=0.0 if alone else low,
                    high=1.0 if alone else high,
                )
            )
    return tuple(out)


def worst_cases(part: Sample) -> tuple[WorstCase, ...]:
    """Returns what the horizons would be had lost trials gone the worst way or the best; empty if none."""
    lost = part.cause == CAUSES.index("infrastructure")
    if not lost.any():
        return ()
    violation, budget = CAUSES.index("violation"), CAUSES.index("budget")
    worst = part._replace(cause=np.where(lost, violation, part.cause))
    best = part._replace(
        cause=np.where(lost, budget, part.cause), time=np.where(lost, part.follow_up, part.time)
    )
    return tuple(
        WorstCase(name=name, worst=_point(worst, share), best=_point(best, share))
        for name, share in SHARES.items()
    )


def _point(part: Sample, share: float) -> float:
    table = part.table()
    lasts = product_limit(table.ends[0].sum(axis=0), table.at_risk.sum(axis=0))
    return float(horizon_at(table.times, lasts, share))

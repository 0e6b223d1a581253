"""Two sets of trials side by side: which lasts longer, and does the second, if clean, leave room to tell?"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from theodolite.core import Record
from theodolite.errors import DataError
from theodolite.horizon.contrasts import Contrast, doublings
from theodolite.horizon.families import SHARES
from theodolite.horizon.fitting import fit_group, least_mean, resampled_horizons, resampled_means
from theodolite.horizon.rates import excess_rate
from theodolite.horizon.results import HorizonFit, Interval
from theodolite.horizon.sample import Sample, choose_clock, sample
from theodolite.horizon.trial import Clock, Trial
from theodolite.stats.resampling import cluster_counts, expanded_tail, percentile_limits

__all__ = ["Comparison", "Resolution", "compare_trials"]


class Resolution(Record):
    """Can the instrument tell this horizon from that of a model known to be clean?"""

    name: str
    """Such as `H50`."""
    ceiling: float
    """The clean horizon's lower limit: longer ones may be the instrument's own false alarms."""
    resolved: bool
    """Whether the subject's whole interval lies below the ceiling."""


class Comparison(Record):
    """What sets two groups of trials apart, resampled by scenario, shared scenarios together."""

    kind: Literal["comparison"] = "comparison"
    """What was fitted."""
    first: HorizonFit
    """The first group's own fit."""
    second: HorizonFit
    """The second group's own fit."""
    shared: int
    """Scenarios that both have: the pairs."""
    ratios: tuple[Contrast, ...]
    """log2 of the first horizon over the second: H50, H80, H90."""
    mean_difference: Interval
    """Mean clock reading without a violation, first minus second, up to `until`."""
    until: float
    """The shorter follow-up."""
    excess: Interval
    """Violations per unit of the clock, first minus second."""
    resolution: tuple[Resolution, ...]
    """Whether each horizon lies below the second's; empty unless the second is declared clean."""


def compare_trials(
    first: Sequence[Trial],
    second: Sequence[Trial],
    clock: Clock | None = None,
    *,
    clean: bool = False,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Returns how the horizons of two groups of free runs differ.

    Args:
        first: trials of one model and arm.
        second: trials of another model or arm, on the same scenarios as far as possible.
        clock: what time is counted in; by default the first that every trial has.
        clean: whether the second is known to be clean, and so the ceiling of the instrument.
        level: of the intervals.
        resamples: of scenarios, the same for both.
        seed: decides the resamples.

    Raises:
        DataError: a group is empty, or lacks the clock.
    """
    if not first or not second:
        raise DataError("one of the two groups holds no free run", "name groups with trials")
    read = choose_clock([*first, *second], clock)
    names = sorted({t.scenario for t in (*first, *second)})
    a, b = sample(first, read, names), sample(second, read, names)
    tail = expanded_tail(level, min(len({t.scenario for t in part}) for part in (first, second)))
    draws = cluster_counts(np.random.default_rng([seed, 1]), len(names), resamples)
    fits = [
        fit_group(sample(part, read), level=level, resamples=resamples, seed=seed) for part in (first, second)
    ]
    drawn = [resampled_horizons(part.table(), draws, list(SHARES.values())) for part in (a, b)]
    ratios = tuple(
        doublings(
            name,
            (fits[0].horizon(name).value, fits[1].horizon(name).value),
            (drawn[0][i], drawn[1][i]),
            (a.follow_up, b.follow_up),
            tail,
        )
        for i, name in enumerate(SHARES)
    )
    until = min(a.follow_up, b.follow_up)
    gap = resampled_means(a.table(), draws, until) - resampled_means(b.table(), draws, until)
    ones = np.ones((1, len(names)))
    value = float((resampled_means(a.table(), ones, until) - resampled_means(b.table(), ones, until))[0])
    low, high = percentile_limits(gap, tail) if tail else (-until, until)
    if tail:
        low, high = _widened(low, high, value, (a, b), until, level)
    return Comparison(
        first=fits[0],
        second=fits[1],
        shared=len({t.scenario for t in first} & {t.scenario for t in second}),
        ratios=ratios,
        mean_difference=Interval(value=value, low=low, high=high),
        until=until,
        excess=excess_rate(_spent(a), _spent(b), level),
        resolution=_resolution(fits[0], fits[1]) if clean else (),
    )


def _widened(
    low: float, high: float, value: float, parts: tuple[Sample, Sample], until: float, level: float
) -> tuple[float, float]:
    """The limits of a difference, where a part has no violation and so no spread that resamples could show.

    Its own limit joins by the squares of the distances (Zou and Donner, Stat Med 27, 2008).
    """
    # What the first may lack makes the difference smaller, what the second may lack makes it larger.
    lacks = [
        until - least_mean(part, until, level) if not (part.event & (part.time < until)).any() else 0.0
        for part in parts
    ]
    return (
        max(-until, value - float(np.hypot(value - low, lacks[0]))),
        min(until, value + float(np.hypot(high - value, lacks[1]))),
    )


def _resolution(subject: HorizonFit, clean: HorizonFit) -> tuple[Resolution, ...]:
    return tuple(
        Resolution(
            name=h.name,
            ceiling=clean.horizon(h.name).low,
            resolved=h.high < clean.horizon(h.name).low,
        )
        for h in subject.horizons
    )


def _spent(part: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return part.event.astype(float), part.time, part.scenario

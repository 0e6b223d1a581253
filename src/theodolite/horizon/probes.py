"""Probes asked in forks of a transcript: how likely is a violation when asked after so much context?

Every probe has the same opportunity, and what it brings about is discarded with the fork: the curve is drift
alone, where a free run mixes drift with how often there is something to violate.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from theodolite.core import Record
from theodolite.errors import DataError
from theodolite.horizon.joint import share_of_trials
from theodolite.horizon.results import Interval
from theodolite.horizon.sample import choose_clock
from theodolite.horizon.trial import UNITS, Clock, Trial
from theodolite.horizon.words import number
from theodolite.stats.logistic import fit_logistic
from theodolite.stats.resampling import cluster_counts, expanded_tail, percentile_limits

__all__ = ["ProbeCurve", "ProbePoint", "probe_curves"]

LEFT_OUT = ("infrastructure", "incoherence")
"""Probes that ended so say nothing of the rule; they are counted."""


class ProbePoint(Record):
    """What came of the probes of one checkpoint."""

    checkpoint: int
    """Its number."""
    clock: float
    """Median clock reading at which it was asked."""
    probes: int
    """How many were answered."""
    violation: Interval
    """Share that broke the rule, with limits by scenario."""


class ProbeCurve(Record):
    """Drift of one model in one arm."""

    kind: Literal["probes"] = "probes"
    """What was fitted."""
    model: str
    """Which model."""
    arm: str
    """Which condition."""
    clock: Clock
    """What time is counted in."""
    unit: str
    """One tick of the clock."""
    probes: int
    """Probes that were answered."""
    left_out: int
    """Probes lost to incoherence or infrastructure errors."""
    scenarios: int
    """Distinct scenarios: the independent units."""
    points: tuple[ProbePoint, ...]
    """By checkpoint."""
    slope: Interval
    """Change of the logit of a violation for each doubling of 1 + clock: above 0, the model drifts.

    Undefined where all probes came out alike, or were asked at one reading.
    """
    says: str
    """In words."""


def probe_curves(
    trials: Sequence[Trial],
    clock: Clock | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[ProbeCurve, ...]:
    """Returns one curve for each model and arm that has probes, in the order of their first rows.

    Args:
        trials: rows with a checkpoint; others are left aside.
        clock: what time is counted in; by default the first that every probe has.
        level: of the intervals.
        resamples: of scenarios.
        seed: decides the resamples.

    Raises:
        DataError: there is no probe, or one lacks the clock.
    """
    probes = [t for t in trials if t.checkpoint is not None]
    if not probes:
        raise DataError("the table holds no probe", "free runs are fitted by `fit_trials`")
    read = choose_clock(probes, clock)
    grouped: dict[tuple[str, str], list[Trial]] = {}
    for probe in probes:
        grouped.setdefault((probe.model, probe.arm), []).append(probe)
    return tuple(_curve(part, read, level, resamples, seed) for part in grouped.values())


def _curve(part: Sequence[Trial], clock: Clock, level: float, resamples: int, seed: int) -> ProbeCurve:
    answered = [t for t in part if t.cause not in LEFT_OUT]
    slope = _slope(answered, clock, level, resamples, seed)
    return ProbeCurve(
        model=part[0].model,
        arm=part[0].arm,
        clock=clock,
        unit=UNITS[clock],
        probes=len(answered),
        left_out=len(part) - len(answered),
        scenarios=len({t.scenario for t in answered}),
        points=_points(answered, clock, level),
        slope=slope,
        says=_says(answered, slope),
    )


def _says(answered: Sequence[Trial], slope: Interval) -> str:
    if not answered:
        return "no probe was answered"
    if np.isnan(slope.value):
        broken = sum(t.event for t in answered)
        same = {0: "no probe violates", len(answered): "every probe violates"}
        return f"does not show drift: {same.get(broken, 'all probes were asked at one reading')}"
    drifts = "drifts" if slope.low > 0 else "recovers" if slope.high < 0 else "does not show drift"
    return f"{drifts}: logit {slope.value:+.3f} a doubling [{number(slope.low)} to {number(slope.high)}]"


def _points(answered: Sequence[Trial], clock: Clock, level: float) -> tuple[ProbePoint, ...]:
    by_checkpoint: dict[int, list[Trial]] = {}
    for trial in answered:
        by_checkpoint.setdefault(trial.checkpoint or 0, []).append(trial)
    return tuple(
        ProbePoint(
            checkpoint=checkpoint,
            clock=float(np.median([t.clock(clock) or 0.0 for t in part])),
            probes=len(part),
            violation=share_of_trials(part, [t.event for t in part], level),
        )
        for checkpoint, part in sorted(by_checkpoint.items())
    )


def _slope(answered: Sequence[Trial], clock: Clock, level: float, resamples: int, seed: int) -> Interval:
    names = {name: i for i, name in enumerate(sorted({t.scenario for t in answered}))}
    scenario = np.array([names[t.scenario] for t in answered])
    x = np.log2(1 + np.array([t.clock(clock) for t in answered], dtype=float))
    event = np.array([t.event for t in answered], dtype=float)
    if np.unique(x).size < 2 or np.unique(event).size < 2:
        return Interval(value=np.nan, low=-np.inf, high=np.inf)
    draws = cluster_counts(np.random.default_rng([seed, 1]), len(names), resamples)
    weight = np.concatenate([np.ones((1, len(names))), draws])[:, scenario]
    weight = weight / weight.sum(axis=1, keepdims=True)
    # The slight ridge keeps resamples in which all violations come last from running away.
    curve = fit_logistic(x, weight * event, weight * (1 - event), 1e-4)
    tail = expanded_tail(level, len(names))
    low, high = percentile_limits(curve.slope[1:], tail) if tail else (-np.inf, np.inf)
    return Interval(value=float(curve.slope[0]), low=low, high=high)

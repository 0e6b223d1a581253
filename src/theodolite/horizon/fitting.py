"""From trials to horizons: Kaplan-Meier with intervals by scenario leads, all else beside it.

Estimand: the survival of a trial drawn from the population of scenarios (marginal over scenarios), with
competing ends taken out as censoring: how long would it keep to the rules if it went on.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from theodolite.errors import DataError, SpecError
from theodolite.horizon.caveats import warnings_about
from theodolite.horizon.endings import incidence, worst_cases
from theodolite.horizon.families import SHARES, family_set
from theodolite.horizon.rates import rate
from theodolite.horizon.results import (
    Bound,
    Curve,
    HazardStep,
    Horizon,
    HorizonFit,
    Interval,
)
from theodolite.horizon.sample import Sample, choose_clock, groups, sample
from theodolite.horizon.trial import CAUSES, UNITS, Clock, Trial
from theodolite.horizon.words import horizon_sentence, number
from theodolite.stats.proportions import wilson_limits
from theodolite.stats.resampling import cluster_counts, expanded_tail, percentile_limits
from theodolite.stats.survival import (
    RiskTable,
    horizon_at,
    product_limit,
    restricted_mean,
)
from theodolite.stats.survival_limits import (
    design_effect,
    free_needed,
    horizon_limits,
    least_horizon,
    least_lasting,
    limits,
)

__all__ = ["fit_group", "fit_trials", "least_mean", "resampled_horizons", "resampled_means"]

FloatArray = NDArray[np.float64]

EVENTS_A_STEP = 8
MOST_STEPS = 8
"""Of the stepwise hazard."""

CHUNK = 500_000
"""Cells of a matrix of resamples by times that are worked on at once."""


def fit_trials(
    trials: Sequence[Trial],
    clock: Clock | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[HorizonFit, ...]:
    """Returns one fit for each model and arm, in the order of their first rows.

    Args:
        trials: of any models and arms; probes asked in forks are left aside.
        clock: what time is counted in; by default the first of tokens, turns, opportunities and human minutes
            that every trial has.
        level: of the intervals.
        resamples: of scenarios.
        seed: decides the resamples.

    Raises:
        DataError: there is no free run, or a trial lacks the clock.
        SpecError: level or resamples is out of range.
    """
    if not 0 < level < 1:
        raise SpecError(f"a level of {level:g} is no probability", "give one between 0 and 1, such as 0.95")
    if resamples < 100:
        raise SpecError(f"{resamples} resamples are too few for an interval", "ask for 100 or more")
    grouped = groups(trials)
    if not grouped:
        raise DataError("the table holds no free run", "probes asked in forks are fitted by `probe_curve`")
    read = choose_clock([t for part in grouped.values() for t in part], clock)
    return tuple(
        fit_group(sample(part, read), level=level, resamples=resamples, seed=seed)
        for part in grouped.values()
    )


def fit_group(part: Sample, *, level: float, resamples: int, seed: int) -> HorizonFit:
    """Returns the fit of one model in one arm; the arguments are those of `fit_trials`."""
    table, first = part.table(), part.trials[0]
    scenarios = len(part.scenarios)
    draws = cluster_counts(np.random.default_rng([seed, 1]), scenarios, resamples)
    tail = expanded_tail(level, scenarios)
    horizons = _horizons(part, table, draws, tail, level)
    event = part.event.astype(float)
    fit = HorizonFit(
        model=first.model,
        arm=first.arm,
        clock=part.clock,
        unit=UNITS[part.clock],
        level=level,
        trials=len(part.time),
        scenarios=scenarios,
        events=int(event.sum()),
        ends={cause: n for i, cause in enumerate(CAUSES) if (n := int((part.cause == i).sum()))},
        follow_up=part.follow_up,
        design_effect=design_effect(table, part.exposure()),
        horizons=horizons,
        h99=_bound(part, scenarios),
        rmst=_rmst(part, table, draws, tail, level),
        hazard_per_1k_tokens=_hazard(part, "context_tokens", 1000.0, level),
        hazard_per_opportunity=_hazard(part, "opportunities", 1.0, level),
        immediate=_immediate(part, level),
        incidence=incidence(part, draws, tail, level),
        infrastructure=worst_cases(part),
        families=family_set(part, level),
        hazard=_hazard_steps(part, level),
        curve=_curve(part, table, level),
        warnings=(),
    )
    return fit.model_copy(update={"warnings": warnings_about(fit)})


def resampled_horizons(table: RiskTable, draws: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Returns the horizons in each resample of scenarios, infinite where not reached: (shares, resamples).

    Args:
        table: violations by scenario.
        draws: how often each resample drew each scenario; shape (resamples, scenarios).
        shares: of trials that last.
    """
    if not table.times.size:
        return np.full((len(shares), len(draws)), np.inf)
    rows = max(1, CHUNK // table.times.size)
    parts: list[FloatArray] = []
    for w in (draws[i : i + rows] for i in range(0, len(draws), rows)):
        lasts = product_limit(w @ table.ends[0], w @ table.at_risk)
        parts.append(np.stack([horizon_at(table.times, lasts, share) for share in shares]))
    return np.concatenate(parts, axis=1)


def _horizons(
    part: Sample, table: RiskTable, draws: FloatArray, tail: float, level: float
) -> tuple[Horizon, ...]:
    lasts = product_limit(table.ends[0].sum(axis=0), table.at_risk.sum(axis=0))
    counts, out = part.exposure(), list[Horizon]()
    drawn = resampled_horizons(table, draws, list(SHARES.values()))
    for (name, share), boot in zip(SHARES.items(), drawn, strict=True):
        value = float(horizon_at(table.times, lasts, share))
        low, high = horizon_limits(table, counts, share, level)
        low = min(low, part.follow_up)
        boot_low, boot_high = percentile_limits(boot, tail)
        out.append(
            Horizon(
                name=name,
                share=share,
                value=value,
                low=low,
                high=high,
                bootstrap_low=min(boot_low, part.follow_up),
                bootstrap_high=boot_high,
                says=horizon_sentence(name, value, low, high, part.follow_up, UNITS[part.clock]),
            )
        )
    return tuple(out)


def _bound(part: Sample, scenarios: int) -> Bound:
    counts = part.exposure()
    at_worst = max(1.0, len(part.time) / scenarios)
    sure = least_horizon(counts, 0.99, 0.05, at_worst)
    hopeful = least_horizon(counts, 0.99, 0.05)
    needed, unit = free_needed(0.99), UNITS[part.clock]
    if sure > 0:
        says = f"H99 is at least {number(sure)} {unit}"
    else:
        says = f"H99 cannot be bounded: it takes {needed} scenarios without a violation"
    if hopeful > sure:
        says += f"; if repeats were as good as scenarios it is at least {number(hopeful)}"
    return Bound(at_least=sure, if_independent=hopeful, needed=needed, says=says)


def resampled_means(table: RiskTable, draws: FloatArray, until: float) -> FloatArray:
    """Returns the mean clock reading without a violation, up to `until`, in each resample of scenarios."""
    rows = max(1, CHUNK // max(table.times.size, 1))
    parts = [
        restricted_mean(table.times, product_limit(w @ table.ends[0], w @ table.at_risk), until)
        for w in (draws[i : i + rows] for i in range(0, len(draws), rows))
    ]
    return np.concatenate(parts)


def _rmst(part: Sample, table: RiskTable, draws: FloatArray, tail: float, level: float) -> Interval:
    until = part.follow_up
    value = float(resampled_means(table, np.ones((1, len(part.scenarios))), until)[0])
    if len(part.scenarios) < 2:
        return Interval(value=value, low=0.0, high=until)
    low, high = percentile_limits(resampled_means(table, draws, until), tail)
    if not (part.event & (part.time < until)).any():
        low = least_mean(part, until, level)
    return Interval(value=value, low=low, high=high)


def least_mean(part: Sample, until: float, level: float) -> float:
    """Returns a low limit of the mean up to `until` where no violation came before it.

    No resample holds one either, but the truth may: at least the share that lasts counts, each scenario one
    observation.
    """
    effect = max(1.0, len(part.time) / len(part.scenarios))
    return until * float(least_lasting(part.exposure(), (1 - level) / 2, effect)[0][-1])


def _hazard(part: Sample, clock: Clock, unit: float, level: float) -> Interval | None:
    spent = part.total(clock)
    return None if spent is None else rate(part.event.astype(float), spent / unit, part.scenario, level)


def _hazard_steps(part: Sample, level: float) -> tuple[HazardStep, ...]:
    """The hazard between quantiles of the violations' times, so that each step rests on as many."""
    event = part.event
    steps = min(MOST_STEPS, int(event.sum()) // EVENTS_A_STEP)
    if steps < 1:
        return ()
    inner = np.quantile(part.time[event], np.arange(1, steps) / steps, method="higher")
    edges = np.unique([0.0, *inner, part.follow_up])
    out: list[HazardStep] = []
    for start, end in pairwise(edges.tolist()):
        spent = np.clip(part.time - start, 0.0, end - start)
        inside = event & (part.time <= end) & ((part.time > start) | (start == 0))
        there = spent > 0
        if there.any():
            found = rate(inside[there].astype(float), spent[there], part.scenario[there], level)
            out.append(HazardStep(start=start, end=end, rate=found))
    return tuple(out)


def _immediate(part: Sample, level: float) -> Interval:
    """Share of violations before the clock moves; each scenario counts as one observation at worst."""
    from scipy import stats as sps

    at_once, n = float((part.event & (part.time <= 0)).sum()), float(len(part.time))
    effect = max(1.0, n / len(part.scenarios))
    z = np.asarray(sps.norm.isf((1 - level) / 2))
    low, high = wilson_limits(np.asarray(at_once / effect), np.asarray(n / effect), z)
    return Interval(value=at_once / n, low=max(0.0, float(low)) if at_once else 0.0, high=float(high))


def _curve(part: Sample, table: RiskTable, level: float) -> Curve:
    lasts = product_limit(table.ends[0].sum(axis=0), table.at_risk.sum(axis=0))
    low, high = limits(table, level)
    return Curve(
        times=tuple(table.times.tolist()),
        survival=tuple(lasts.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        at_risk=tuple(int(n) for n in table.at_risk.sum(axis=0)),
        censored=tuple(np.unique(part.time[~part.event]).tolist()),
    )

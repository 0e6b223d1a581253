"""How long are the tasks that an agent can do? The published method: a logistic curve in log2 human minutes.

Kwa et al., Measuring AI Ability to Complete Long Tasks (arXiv 2503.14499): weights sum to one for each agent,
a slight ridge on the slope, and a bootstrap of families, of tasks in them, and of runs of tasks. With weights
that sum to one, a ridge of 0.1 is strong: it was in the published figures until March 2026, and makes p50 11
and 45 % too long, and p80 15 and 8 % too short, for the two agents in our tests.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Record
from theodolite.errors import SpecError
from theodolite.horizon.results import Interval
from theodolite.horizon.task_families import TaskFamily, task_families
from theodolite.horizon.task_runs import TaskCounts
from theodolite.stats.logistic import fit_logistic
from theodolite.stats.resampling import percentile_limits

__all__ = ["PENALTY", "TaskDraws", "TaskFit", "draw_task_horizons", "fit_tasks", "task_horizon"]

FloatArray = NDArray[np.float64]

PENALTY = 1e-5
"""Ridge on the slope, as published since March 2026; it does no more than keep the curve finite."""

STRONG = 1e-3
"""A ridge from here on moves the horizons of the published agents by more than a percent."""

KNOWN_ERROR = 0.1

A_YEAR = 60.0 * 24 * 365
"""Minutes: a longer task is more likely one whose length is in seconds."""

SHARES = {"p50": 0.5, "p80": 0.8}


class TaskFit(Record):
    """The task horizon of one agent."""

    kind: Literal["tasks"] = "tasks"
    """What was fitted."""
    agent: str
    """Which agent."""
    unit: str = "minutes"
    """Of the horizons: how long a person needs for the task."""
    level: float
    """Of the intervals."""
    runs: float
    """How many runs."""
    tasks: int
    """Of how many tasks."""
    families: int
    """In how many families: the independent units."""
    slope: float
    """Change of the logit of success for each doubling of the task's length."""
    intercept: float
    """The logit of success on tasks of one minute."""
    penalty: float
    """The ridge on the slope that was used."""
    weighted_by: str
    """Where the weights come from."""
    horizons: dict[str, Interval]
    """p50 and p80: the length at which that share of tasks is solved, with the bootstrap's percentiles.

    Where all tasks were solved, or none, no resample differs: the limit is then the length on whose side
    enough families were all solved (or failed) to show the share.
    """
    if_strong: dict[str, float]
    """What p50 and p80 would be under a ridge of 0.1: the error of published figures before March 2026."""
    longest_task: float
    """Minutes of the longest task that was run: what lies beyond is the curve's word."""
    family_set: tuple[TaskFamily, ...]
    """Other curves on the same counts, best AIC first."""
    warnings: tuple[str, ...]
    """What a reader must know before believing a number."""


class TaskDraws(NamedTuple):
    """Task horizons of all agents in the same resamples."""

    agents: tuple[str, ...]
    """Names, as in the counts."""
    horizons: dict[str, FloatArray]
    """p50 and p80, in minutes: shape (agents, resamples)."""


def task_horizon(slope: FloatArray, intercept: FloatArray, share: float, solved: FloatArray) -> FloatArray:
    """Returns the length in minutes at which a share of tasks is solved, elementwise.

    0 where no task was solved, infinite where all were; where success does not fall with length, 0 or
    infinite by whether less than the share was solved.

    Args:
        slope: of the logit, per doubling.
        intercept: the logit at one minute.
        share: such as 0.5.
        solved: the weighted share of runs that succeeded.
    """
    logit = np.log(share / (1 - share))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        value = np.exp2((logit - intercept) / slope)
    value = np.where(slope < 0, value, np.where(solved < share, 0.0, np.inf))
    return np.where(solved <= 0, 0.0, np.where(solved >= 1, np.inf, value))


def fit_tasks(
    counts: TaskCounts,
    *,
    penalty: float = PENALTY,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[TaskFit, ...]:
    """Returns one fit for each agent, in the order of the counts.

    Args:
        counts: successes and runs.
        penalty: ridge on the slope, on the scale of weights that sum to one.
        resamples: of the hierarchical bootstrap.
        seed: decides the resamples.
        level: of the intervals.

    Raises:
        SpecError: penalty, level or resamples is out of range.
    """
    if not penalty >= 0 or not np.isfinite(penalty):
        raise SpecError(f"a regularisation of {penalty:g} is none", f"give 0 or more, such as {PENALTY:g}")
    if not 0 < level < 1:
        raise SpecError(f"a level of {level:g} is no probability", "give one between 0 and 1, such as 0.95")
    if resamples < 100:
        raise SpecError(f"{resamples} resamples are too few for an interval", "ask for 100 or more")
    share = np.divide(counts.good, counts.runs, out=np.zeros_like(counts.good), where=counts.runs > 0)
    good, bad = counts.weight * share, counts.weight * (1 - share)
    curve = fit_logistic(np.log2(counts.minutes), good, bad, penalty)
    solved = good.sum(axis=1)
    values = {n: task_horizon(curve.slope, curve.intercept, q, solved) for n, q in SHARES.items()}
    strong = fit_logistic(np.log2(counts.minutes), good, bad, KNOWN_ERROR)
    wrong = {n: task_horizon(strong.slope, strong.intercept, q, solved) for n, q in SHARES.items()}
    draws = draw_task_horizons(counts, penalty=penalty, resamples=resamples, seed=seed)
    out: list[TaskFit] = []
    for a, agent in enumerate(counts.agents):
        ran = counts.runs[a] > 0
        limits = {n: percentile_limits(d[a], (1 - level) / 2) for n, d in draws.horizons.items()}
        if solved[a] <= 0 or solved[a] >= 1 or curve.slope[a] >= 0:
            limits = {n: _limits(q, counts, a, float(solved[a]), level) for n, q in SHARES.items()}
        fit = TaskFit(
            agent=agent,
            level=level,
            runs=float(counts.runs[a].sum()),
            tasks=int(ran.sum()),
            families=int(np.unique(counts.family[ran]).size),
            slope=float(curve.slope[a]),
            intercept=float(curve.intercept[a]),
            penalty=penalty,
            weighted_by=counts.weighted_by,
            horizons={
                n: Interval(value=float(values[n][a]), low=limits[n][0], high=limits[n][1]) for n in SHARES
            },
            if_strong={n: float(wrong[n][a]) for n in SHARES},
            longest_task=float(counts.minutes[ran].max()),
            family_set=task_families(counts.minutes[ran], good[a][ran], bad[a][ran]),
            warnings=(),
        )
        lengths = np.unique(counts.minutes[ran]).size
        out.append(fit.model_copy(update={"warnings": _warnings(fit, float(solved[a]), lengths)}))
    return tuple(out)


def draw_task_horizons(
    counts: TaskCounts, *, penalty: float = PENALTY, resamples: int = 1000, seed: int = 0
) -> TaskDraws:
    """Returns the task horizons of all agents in resamples of families, tasks and runs.

    All agents share the draws of families and tasks, so that differences between agents are paired. A task
    that a resample holds c times, of n runs with k successes, has Binomial(c n, k / n) successes in it:
    drawing n runs of each copy, summed. Weights stay those of the original: they are not made to sum to one.
    """
    rng = np.random.default_rng([seed, 2])
    copies = _copies(rng, counts.family, resamples)
    share = np.divide(counts.good, counts.runs, out=np.zeros_like(counts.good), where=counts.runs > 0)
    each = np.divide(counts.weight, counts.runs, out=np.zeros_like(share), where=counts.runs > 0)
    runs = copies[None] * np.rint(counts.runs).astype(np.int64)[:, None]
    good = rng.binomial(runs, np.clip(share, 0, 1)[:, None])
    won = good.astype(float) * each[:, None]
    lost = (runs - good).astype(float) * each[:, None]
    curve = fit_logistic(np.log2(counts.minutes), won, lost, penalty)
    total = won.sum(axis=-1) + lost.sum(axis=-1)
    solved = np.divide(won.sum(axis=-1), total, out=np.full_like(total, np.nan), where=total > 0)
    horizons = {n: task_horizon(curve.slope, curve.intercept, q, solved) for n, q in SHARES.items()}
    return TaskDraws(counts.agents, {n: np.where(np.isnan(solved), np.nan, h) for n, h in horizons.items()})


def _limits(share: float, counts: TaskCounts, agent: int, solved: float, level: float) -> tuple[float, float]:
    """Limits where the bootstrap has none: no resample of all successes holds a failure.

    Families are the independent units, and n of n solved show that a share of tail ** (1 / n) is solved. With
    as many families of tasks so long or longer as show the share, the horizon is no shorter; where all
    failed likewise. Success that does not fall with length limits nothing.
    """
    if 0 < solved < 1:
        return 0.0, np.inf
    ran = counts.runs[agent] > 0
    held = share if solved >= 1 else 1 - share
    needed = int(np.ceil(np.log((1 - level) / 2) / np.log(held)))
    pick = np.max if solved >= 1 else np.min
    of = [float(pick(counts.minutes[ran & (counts.family == f)])) for f in np.unique(counts.family[ran])]
    if len(of) < needed:
        return 0.0, np.inf
    return (sorted(of)[-needed], np.inf) if solved >= 1 else (0.0, sorted(of)[needed - 1])


def _copies(rng: np.random.Generator, family: NDArray[np.int64], resamples: int) -> NDArray[np.int64]:
    """How often each resample holds each task: shape (resamples, tasks)."""
    families = int(family.max()) + 1
    drawn = rng.multinomial(families, np.full(families, 1 / families), size=resamples)
    copies = np.zeros((resamples, family.size), dtype=np.int64)
    for f in range(families):
        members = np.flatnonzero(family == f)
        size = members.size
        copies[:, members] = rng.multinomial(drawn[:, f] * size, np.full(size, 1 / size))
    return copies


def _warnings(fit: TaskFit, solved: float, lengths: int) -> tuple[str, ...]:
    out: list[str] = []
    if fit.longest_task > A_YEAR:
        out.append(
            f"The longest task takes a person {fit.longest_task:,.0f} minutes, more than a year: "
            "check the unit of human_minutes."
        )
    if lengths == 1 and 0 < solved < 1:
        out.append("All tasks are of one length: there is no curve, and no horizon.")
    if solved <= 0:
        out.append("No task was solved: the horizon is 0, below the shortest task.")
    elif solved >= 1:
        out.append("Every task was solved: the horizon lies beyond the longest task and is not known.")
    elif fit.slope >= 0 and lengths > 1:
        out.append("Success does not fall with length: there is no horizon on these tasks.")
    elif fit.horizons["p50"].high > fit.longest_task:
        out.append(
            f"The interval of p50 goes beyond the longest task, {fit.longest_task:,.0f} minutes: "
            "there it is the curve's word."
        )
    if fit.penalty >= STRONG:
        out.append(
            f"A regularisation of {fit.penalty:g} flattens the curve, as weights sum to one: it is the known "
            "error of published figures before March 2026."
        )
    if fit.families < 10:
        out.append(f"{fit.families} families of tasks are few for a bootstrap of families.")
    return tuple(out)

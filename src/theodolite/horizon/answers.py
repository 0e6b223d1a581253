"""What the commands answer: a table fitted whole, compared, held against thresholds."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import numpy as np

from theodolite.core import Record
from theodolite.errors import DataError, SpecError
from theodolite.horizon.comparing import Comparison, compare_trials
from theodolite.horizon.contrasts import Contrast, doublings
from theodolite.horizon.fitting import fit_trials
from theodolite.horizon.margin import Margin, fit_margin, has_margin
from theodolite.horizon.probes import ProbeCurve, probe_curves
from theodolite.horizon.results import HorizonFit
from theodolite.horizon.sample import groups
from theodolite.horizon.task_fit import PENALTY, TaskFit, draw_task_horizons, fit_tasks
from theodolite.horizon.task_runs import TaskCounts
from theodolite.horizon.trend import Trend, fit_trend, models_dated
from theodolite.horizon.trial import Clock, Trial

__all__ = ["CompareAnswer", "FitAnswer", "TaskComparison", "answer_compare", "answer_fit", "follow_versions"]


class FitAnswer(Record):
    """Everything that a table says by itself."""

    kind: Literal["trials", "tasks"]
    """What the table holds."""
    trials: tuple[HorizonFit, ...] = ()
    """Free runs: one fit for each model and arm."""
    probes: tuple[ProbeCurve, ...] = ()
    """Probes asked in forks: one curve for each model and arm."""
    margins: tuple[Margin, ...] = ()
    """Alignment against task, where trials have human minutes, the task's length and success."""
    tasks: tuple[TaskFit, ...] = ()
    """Task runs: one fit for each agent."""


class TaskComparison(Record):
    """Two agents on the same tasks, in paired resamples."""

    first: str
    """An agent."""
    second: str
    """The agent that it is held against."""
    ratios: tuple[Contrast, ...]
    """log2 of the first horizon over the second: p50 and p80."""


class CompareAnswer(Record):
    """What sets groups apart."""

    kind: Literal["trials", "tasks"]
    """What was compared."""
    trials: tuple[Comparison, ...] = ()
    """Groups of free runs."""
    tasks: tuple[TaskComparison, ...] = ()
    """Agents."""
    trends: tuple[Trend, ...] = ()
    """Over versions of models, where there are dates of three."""


def answer_fit(
    table: Sequence[Trial] | TaskCounts,
    *,
    clock: Clock | None = None,
    level: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
    penalty: float = PENALTY,
) -> FitAnswer:
    """Returns all that a table says; the arguments are those of `fit_trials` and `fit_tasks`."""
    if isinstance(table, TaskCounts):
        found = fit_tasks(table, penalty=penalty, resamples=resamples or 1000, seed=seed, level=level)
        return FitAnswer(kind="tasks", tasks=found)
    draws = resamples or 2000
    free = groups(table)
    return FitAnswer(
        kind="trials",
        trials=fit_trials(table, clock, level=level, resamples=draws, seed=seed) if free else (),
        probes=probe_curves(table, clock, level=level, resamples=draws, seed=seed)
        if any(t.checkpoint is not None for t in table)
        else (),
        margins=tuple(
            fit_margin(part, level=level, resamples=draws, seed=seed)[0]
            for part in free.values()
            if has_margin(part)
        ),
    )


def answer_compare(
    table: Sequence[Trial] | TaskCounts,
    other: Sequence[Trial] | TaskCounts | None = None,
    *,
    against: str | None = None,
    clean: bool = False,
    clock: Clock | None = None,
    level: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> CompareAnswer:
    """Returns each group of a table held against another.

    Args:
        table: trials, or counts of task runs.
        other: where the second groups stand; by default in the same table.
        against: the arm, model or agent that is the second; may be left out where only one choice is there.
        clean: whether the second is known to be clean.
        clock: as for `fit_trials`.
        level: of the intervals.
        resamples: of scenarios, or of families, tasks and runs.
        seed: decides the resamples.

    Raises:
        DataError: there is nothing to compare with, or the tables are of two kinds.
        SpecError: `against` names nothing, or is needed.
    """
    if isinstance(table, TaskCounts):
        if other is not None:
            raise DataError("agents are compared inside one table", "put their runs into one file")
        found = _compare_agents(table, against, level, resamples or 1000, seed)
        return CompareAnswer(kind="tasks", tasks=found)
    if isinstance(other, TaskCounts):
        raise DataError("one table holds trials, the other runs of tasks", "give two tables of trials")
    pairs = _pairs(groups(table), None if other is None else groups(other), against)
    return CompareAnswer(
        kind="trials",
        trials=tuple(
            compare_trials(a, b, clock, clean=clean, level=level, resamples=resamples or 2000, seed=seed)
            for a, b in pairs
        ),
    )


def follow_versions(
    table: Sequence[Trial] | TaskCounts,
    dates: Mapping[str, date] | None = None,
    *,
    frontier: bool = False,
    level: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> tuple[Trend, ...]:
    """Returns the trend of p50 of task runs, or of D50 and D80 of trials, over versions of models.

    Args:
        table: counts of task runs; or trials with what a margin takes, one arm of each model.
        dates: of release by model; by default the column `released` of trials.
        frontier: only versions that were better than all before them.
        level: of the intervals.
        resamples: as elsewhere.
        seed: decides the resamples.

    Raises:
        DataError: fewer than three versions have a date and a finite value.
    """
    if isinstance(table, TaskCounts):
        draws = draw_task_horizons(table, resamples=resamples or 1000, seed=seed)
        fits = {f.agent: f for f in fit_tasks(table, resamples=100, seed=seed, level=level)}
        with np.errstate(divide="ignore"):
            values = {a: float(np.log2(fits[a].horizons["p50"].value)) for a in table.agents}
            drawn = {a: np.log2(draws.horizons["p50"][i]) for i, a in enumerate(table.agents)}
        return (fit_trend("p50", dates or {}, values, drawn, frontier=frontier, level=level),)
    known = dates or models_dated([(t.model, t.released) for t in table])
    margins: dict[str, dict[str, tuple[float, np.ndarray]]] = {}
    for (model, arm), part in groups(table).items():
        if model in known and has_margin(part):
            if any(model in of for of in margins.values()):
                raise DataError(f"model {model!r} has more than one arm", f"leave out all arms but {arm!r}")
            for d in fit_margin(part, level=level, resamples=resamples or 2000, seed=seed)[1]:
                margins.setdefault(d.name, {})[model] = (d.value, d.low_draws)
    if not margins:
        raise DataError(
            "no dated model has what a margin takes", "fill human_minutes, task_minutes, success and released"
        )
    return tuple(
        fit_trend(
            name,
            known,
            {model: value for model, (value, _) in of.items()},
            {model: drawn for model, (_, drawn) in of.items()},
            frontier=frontier,
            level=level,
        )
        for name, of in margins.items()
    )


Groups = dict[tuple[str, str], list[Trial]]


def _pairs(
    first: Groups, second: Groups | None, against: str | None
) -> list[tuple[list[Trial], list[Trial]]]:
    """Which group is held against which: those that share the model, or the arm, with the one named."""
    pool = first if second is None else second
    chosen = {key: part for key, part in pool.items() if against in (None, *key)}
    if not chosen:
        known = sorted({name for key in pool for name in key})
        raise SpecError(f"no model and no arm is called {against!r}", f"choose from {', '.join(known)}")
    if second is None and against is None:
        if len(first) != 2:
            raise SpecError(
                f"the table holds {len(first)} groups of free runs, and two are compared",
                "name the arm or model to compare with by --against, or a second table",
            )
        chosen = dict(list(first.items())[1:])
    pairs: list[tuple[list[Trial], list[Trial]]] = []
    for key, part in first.items():
        if second is None and key in chosen:
            continue
        near = [p for k, p in chosen.items() if k[0] == key[0] or k[1] == key[1]]
        alike = [p for k, p in chosen.items() if k == key] if second is not None else []
        options = alike or (near if len(near) == 1 else list(chosen.values()))
        if len(options) > 1:
            raise SpecError(
                f"model {key[0]!r} in arm {key[1]!r} could be held against {len(options)} groups",
                "name one by --against",
            )
        pairs.append((part, options[0]))
    if not pairs:
        raise SpecError("every group is one to compare with", "name an arm or model that leaves others")
    return pairs


def _compare_agents(
    counts: TaskCounts, against: str | None, level: float, resamples: int, seed: int
) -> tuple[TaskComparison, ...]:
    if len(counts.agents) < 2:
        raise DataError("the table holds one agent", "two are compared")
    if against is None:
        if len(counts.agents) > 2:
            raise SpecError(
                f"the table holds {len(counts.agents)} agents", "name the one to compare with by --against"
            )
        against = counts.agents[1]
    if against not in counts.agents:
        raise SpecError(f"no agent is called {against!r}", f"choose from {', '.join(counts.agents)}")
    fits = {fit.agent: fit for fit in fit_tasks(counts, resamples=resamples, seed=seed, level=level)}
    draws = draw_task_horizons(counts, resamples=resamples, seed=seed)
    place = {agent: i for i, agent in enumerate(counts.agents)}
    tail = (1 - level) / 2
    return tuple(
        TaskComparison(
            first=agent,
            second=against,
            ratios=tuple(
                doublings(
                    name,
                    (fits[agent].horizons[name].value, fits[against].horizons[name].value),
                    (drawn[place[agent]], drawn[place[against]]),
                    (_known_to(fits[agent], name), _known_to(fits[against], name)),
                    tail,
                )
                for name, drawn in draws.horizons.items()
            ),
        )
        for agent in counts.agents
        if agent != against
    )


def _known_to(fit: TaskFit, name: str) -> float:
    """How far an agent's horizon is known: where all tasks were solved, up to the longest of them."""
    return fit.longest_task if fit.horizons[name].value == float("inf") else float("inf")

"""A study: which scenarios, how often, in which arms, by which design; and the plays it is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from theodolite.core import Record
from theodolite.errors import SpecError
from theodolite.horizon.playing import How, Part, Play, free_run
from theodolite.horizon.probing import PROBE_ARMS, checkpoints_of, probe_run
from theodolite.horizon.scenarios import build_scenarios

__all__ = ["Design", "Study", "planned_turns", "plays_of"]

Design = Literal["free", "probe"]


class Study(Record):
    """What is played."""

    scenario: str = "toy"
    """The family: toy, fiduciary, drift, rule_keeping or secrecy."""
    design: Design = "free"
    """`free`: until the first violation; `probe`: asked in forks at checkpoints, which are discarded."""
    arms: tuple[str, ...] = Field(default=("task",), min_length=1)
    """The conditions; of a probe study some of task, filler, fresh and pressure."""
    scenarios: int = Field(default=24, ge=1)
    """Situations: the units of replication."""
    seeds: int = Field(default=3, ge=1)
    """Repeats of each."""
    seed: int = Field(default=0, ge=0)
    """Decides every draw."""
    turns: int | None = Field(default=None, ge=1)
    """Turns after which a trial stops; none: all that a scenario holds."""
    budget: int | None = Field(default=None, ge=1)
    """Tokens of context after which a trial stops."""
    padding: int = Field(default=0, ge=0)
    """Tokens of reading matter before every turn of the user."""
    checkpoints: int = Field(default=5, ge=1)
    """Of a probe study: how often is asked."""
    temperature: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """At which the model's replies are drawn."""


def plays_of(study: Study, model: str, *, judges: int = 0, salt: bytes = b"") -> dict[str, Play]:
    """Returns a play for each trial, by a name that no two share.

    Args:
        study: what to play.
        model: the name that the rows bear.
        judges: how many there are.
        salt: a secret for their envelopes.

    Raises:
        SpecError: the family or an arm is not known.
    """
    how = How(study.turns, study.budget, study.padding, judges, salt)
    if study.design == "probe":
        for arm in study.arms:
            if arm not in PROBE_ARMS:
                raise SpecError(f"no probe has an arm {arm!r}", f"choose from {', '.join(PROBE_ARMS)}")
        return _probes(study, model, how)
    plays: dict[str, Play] = {}
    for arm in study.arms:
        for scenario in build_scenarios(study.scenario, study.scenarios, arm, study.seed):
            for repeat in range(study.seeds):
                part = Part(scenario, repeat, arm, model)
                plays[f"{scenario.name}/{repeat}/{arm}"] = free_run(part, how)
    return plays


def planned_turns(study: Study) -> int:
    """Returns how many turns a trial takes if nothing ends it."""
    arm = study.arms[0] if study.design == "free" else "task"
    steps = len(build_scenarios(study.scenario, 1, arm, study.seed)[0].steps)
    return min(steps, study.turns or steps)


def _probes(study: Study, model: str, how: How) -> dict[str, Play]:
    plays: dict[str, Play] = {}
    for scenario in build_scenarios(study.scenario, study.scenarios, "task", study.seed):
        asked = checkpoints_of(
            min(len(scenario.steps), study.turns or len(scenario.steps)), study.checkpoints
        )
        for repeat in range(study.seeds):
            part = Part(scenario, repeat, "task", model)
            plays[f"{scenario.name}/{repeat}"] = probe_run(part, how, study.arms, asked)
    return plays

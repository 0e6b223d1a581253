"""How many trials, of how many scenarios, for how long?"""

import math

from scipy import stats as sps

from theodolite.core import Record
from theodolite.errors import SpecError
from theodolite.stats.survival_limits import free_needed

__all__ = ["Plan", "events_for_factor", "events_for_ratio", "plan_trials"]

LEAST_SCENARIOS = 20
LEAST_EVENTS = 25


class Plan(Record):
    """What a study takes."""

    events: int
    """Violations that it must see, were trials independent."""
    why: str
    """What decides the number of violations."""
    design_effect: float
    """1 + (repeats - 1) x the correlation inside a scenario."""
    event_share: float
    """Share of trials expected to violate within the follow-up, at a constant hazard."""
    trials: int
    """Trials in each group."""
    scenarios: int
    """Scenarios; never below 20."""
    repeats: int
    """Trials of each scenario."""
    free_needed: dict[str, int]
    """Scenarios without a violation that bound a share from below at 95 %: the rule of three."""
    advice: tuple[str, ...]
    """What to change."""


def events_for_factor(factor: float, level: float = 0.95) -> int:
    """Returns how many violations put the limits of a horizon within a factor of it, at a constant hazard.

    (z / ln factor) ** 2: 24 for 1.5, 8 for 2, 116 for 1.2.
    """
    if not (factor > 1 and math.isfinite(factor)):
        raise SpecError(f"a factor of {factor:g} is no precision", "give one above 1, such as 1.5")
    return math.ceil((float(sps.norm.isf((1 - level) / 2)) / math.log(factor)) ** 2)


def events_for_ratio(ratio: float, power: float = 0.8, level: float = 0.95) -> int:
    """Returns how many violations, of two equal groups together, show a ratio of hazards (Schoenfeld 1981).

    66 for 2, 27 for 3, 13 for 5.
    """
    if not (ratio > 0 and math.isfinite(ratio)) or ratio == 1:
        raise SpecError(f"a ratio of {ratio:g} is no difference", "give one other than 1, such as 2")
    z = float(sps.norm.isf((1 - level) / 2)) + float(sps.norm.ppf(power))
    return math.ceil(4 * (z / math.log(ratio)) ** 2)


def plan_trials(
    *,
    factor: float | None = None,
    ratio: float | None = None,
    repeats: int = 5,
    correlation: float = 0.2,
    follow_up: float = 1.0,
    power: float = 0.8,
    level: float = 0.95,
) -> Plan:
    """Returns the size of a study.

    Args:
        factor: the limits of a horizon should lie within this factor of it; 1.5 where nothing is asked.
        ratio: two groups whose hazards differ by this ratio should be told apart.
        repeats: trials of each scenario.
        correlation: of outcomes inside a scenario, 0 to 1.
        follow_up: how long each trial runs, in multiples of the expected H50.
        power: of the comparison.
        level: of the intervals.

    Raises:
        SpecError: one of them is out of range.
    """
    _check(repeats, correlation, follow_up, power, level)
    if factor is None and ratio is None:
        factor = 1.5
    wanted: list[tuple[int, str]] = []
    if factor is not None:
        wanted.append((events_for_factor(factor, level), f"limits within a factor of {factor:g}"))
    if ratio is not None:
        both = events_for_ratio(ratio, power, level)
        wanted.append((math.ceil(both / 2), f"a ratio of hazards of {ratio:g}, {both} in both groups"))
    events, why = max(wanted)
    effect = 1 + (repeats - 1) * correlation
    share = 1 - 2**-follow_up
    trials = math.ceil(events * effect / share)
    scenarios = max(LEAST_SCENARIOS, math.ceil(trials / repeats))
    advice: list[str] = []
    if scenarios == LEAST_SCENARIOS and trials < scenarios * repeats:
        advice.append("20 scenarios are the floor: below it the intervals were not tested.")
    if share * scenarios * repeats < LEAST_EVENTS:
        advice.append(
            f"Fewer than {LEAST_EVENTS} violations are expected: run longer, or expect lower limits."
        )
    if effect > 2:
        advice.append("Repeats are worth little here: prefer more scenarios with fewer repeats.")
    return Plan(
        events=events,
        why=why,
        design_effect=effect,
        event_share=share,
        trials=scenarios * repeats,
        scenarios=scenarios,
        repeats=repeats,
        free_needed={f"{q:g}": free_needed(q) for q in (0.9, 0.95, 0.99, 0.999)},
        advice=tuple(advice),
    )


def _check(repeats: int, correlation: float, follow_up: float, power: float, level: float) -> None:
    if repeats < 1:
        raise SpecError(f"{repeats} repeats are no trial", "give 1 or more")
    if not 0 <= correlation <= 1:
        raise SpecError(f"a correlation of {correlation:g} is none", "give one from 0 to 1")
    if not (follow_up > 0 and math.isfinite(follow_up)):
        raise SpecError(f"a follow-up of {follow_up:g} is none", "give a multiple of H50 above 0")
    for name, value in (("power", power), ("level", level)):
        if not 0 < value < 1:
            raise SpecError(f"a {name} of {value:g} is no probability", "give one between 0 and 1")

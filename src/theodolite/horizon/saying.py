"""The answers in lines of text, for a terminal."""

import math
from collections.abc import Iterable, Iterator

from theodolite.horizon.answers import CompareAnswer, FitAnswer
from theodolite.horizon.comparing import Comparison
from theodolite.horizon.gate import Check
from theodolite.horizon.margin import Margin
from theodolite.horizon.planning import Plan
from theodolite.horizon.probes import ProbeCurve
from theodolite.horizon.results import HorizonFit, Interval
from theodolite.horizon.task_fit import TaskFit
from theodolite.horizon.trend import Trend
from theodolite.horizon.words import number

__all__ = ["say_checks", "say_compare", "say_fit", "say_plan", "say_trends"]


def say_fit(answer: FitAnswer) -> Iterator[str]:
    """Returns a fitted table, line by line."""
    for fit in answer.trials:
        yield from _trials(fit)
    for curve in answer.probes:
        yield from _probes(curve)
    for margin in answer.margins:
        yield from _margin(margin)
    for task in answer.tasks:
        yield from _tasks(task)


def say_compare(answer: CompareAnswer) -> Iterator[str]:
    """Returns comparisons and trends, line by line."""
    for one in answer.trials:
        yield from _comparison(one)
    for pair in answer.tasks:
        yield f"{_name(pair.first)} against {_name(pair.second)}"
        yield from (f"  {ratio.says}" for ratio in pair.ratios)
    yield from say_trends(answer.trends)


def say_trends(trends: Iterable[Trend]) -> Iterator[str]:
    """Returns trends, line by line."""
    for trend in trends:
        yield f"{trend.of} over {len(trend.versions)} versions: {_interval(trend.per_year)} doublings a year"
        if trend.of.startswith("p"):
            yield f"  one doubling in {_interval(trend.doubling_days)} days"
        if trend.left_out:
            yield f"  left out: {', '.join(map(_name, trend.left_out))}"


def say_checks(checks: Iterable[Check]) -> Iterator[str]:
    """Returns thresholds held against a table, line by line."""
    words = {"met": "met", "not_shown": "NOT SHOWN", "triggered": "TRIGGERED"}
    for check in checks:
        t = check.threshold
        limit = (
            f"at least {number(t.at_least)}"
            if t.at_least is not None
            else f"at most {number(t.at_most or 0)}"
        )
        who = _name(check.model) + (f", {_name(check.arm)}" if check.arm else "")
        yield f"{words[check.state]:<10} {t.name}: {t.measure} {limit} {check.unit} ({who})"
        value = "none" if check.value is None else number(check.value)
        yield f"           measured {value} [{number(check.low)} to {number(check.high)}]"
        if check.state != "met":
            yield f"           action: {t.action}"


def say_plan(plan: Plan) -> Iterator[str]:
    """Returns a plan, line by line."""
    yield (
        f"{plan.trials:,} trials a group: {plan.scenarios:,} scenarios x {plan.repeats} "
        f"({plan.events} violations if trials were independent, for {plan.why})"
    )
    yield f"  design effect {plan.design_effect:.2f}; {plan.event_share:.0%} of trials expected to violate"
    free = ", ".join(f"{n:,} for {share}" for share, n in plan.free_needed.items())
    yield f"  scenarios without a violation that bound a share from below at 95 %: {free}"
    yield from (f"  note: {line}" for line in plan.advice)


def _trials(fit: HorizonFit) -> Iterator[str]:
    yield (
        f"{_name(fit.model)}, arm {_name(fit.arm)}: {fit.trials} trials of {fit.scenarios} scenarios, "
        f"{fit.events} violations, clock {fit.clock}"
    )
    yield from (f"  {h.says}" for h in fit.horizons)
    yield f"  {fit.h99.says}"
    yield f"  mean up to {number(fit.follow_up)}: {_interval(fit.rmst)} {fit.unit}"
    for name, hazard in (
        ("1k tokens", fit.hazard_per_1k_tokens),
        ("opportunity", fit.hazard_per_opportunity),
    ):
        if hazard is not None:
            yield f"  violations per {name}: {_interval(hazard)}"
    ends = ", ".join(f"{cause} {n}" for cause, n in fit.ends.items())
    yield f"  ends: {ends}"
    for incidence in fit.incidence:
        share = Interval(value=incidence.share, low=incidence.low, high=incidence.high)
        yield f"  by {number(fit.follow_up)} {fit.unit}, {incidence.cause} came first in {_interval(share)}"
    for case in fit.infrastructure:
        worst, best = number(case.worst), number(case.best)
        yield f"  {case.name} if lost trials were violations {worst}, if none was {best}"
    for family in fit.families[:3]:
        name = f"{family.family}{' with plateau' if family.plateau is not None else ''}"
        beyond = f" ({', '.join(family.extrapolated)} beyond the follow-up)" if family.extrapolated else ""
        yield (
            f"  {name}: AIC +{family.beyond_best:.1f}, H50 {number(family.horizons['H50'].value)}, "
            f"H90 {number(family.horizons['H90'].value)}{beyond}"
        )
    yield from (f"  note: {line}" for line in fit.warnings)


def _probes(curve: ProbeCurve) -> Iterator[str]:
    yield (
        f"{_name(curve.model)}, arm {_name(curve.arm)}: {curve.probes} probes of {curve.scenarios} "
        f"scenarios, clock {curve.clock}: {curve.says}"
    )
    for point in curve.points:
        share = _interval(point.violation)
        yield f"  at {number(point.clock)} {curve.unit}: {share} of {point.probes} violate"
    if curve.left_out:
        yield f"  left out: {curve.left_out} probes that fell apart or met an infrastructure error"


def _margin(margin: Margin) -> Iterator[str]:
    yield f"{_name(margin.model)}, arm {_name(margin.arm)}: alignment against task, in human minutes"
    for contrast in margin.margins:
        task = margin.task[f"H{contrast.name[1:]}"]
        keeps = margin.align.horizon(f"H{contrast.name[1:]}")
        yield f"  {contrast.says}: {margin.claims[contrast.name]}"
        yield f"    keeps the rule: {keeps.says}; can do tasks of {_interval(task)} minutes"
    yield "  tasks (minutes)        solved   violated   both"
    for point in margin.joint:
        span = f"{number(point.shortest)} to {number(point.longest)}"
        shares = (point.success.value, point.violation.value, point.both.value)
        yield f"  {span:<20} {shares[0]:>8.0%} {shares[1]:>10.0%} {shares[2]:>6.0%}"


def _tasks(fit: TaskFit) -> Iterator[str]:
    yield f"{_name(fit.agent)}: {fit.runs:,.0f} runs of {fit.tasks} tasks in {fit.families} families"
    for name, horizon in fit.horizons.items():
        yield f"  {name} = {_interval(horizon)} minutes"
    wrong = ", ".join(f"{name} {number(value)}" for name, value in fit.if_strong.items())
    yield f"  under a regularisation of 0.1, the error of figures before March 2026: {wrong}"
    yield f"  slope {fit.slope:.4f} a doubling, intercept {fit.intercept:.4f} at one minute"
    for family in fit.family_set:
        p = family.horizons
        yield f"  {family.family}: AIC {family.aic:.1f}, p50 {number(p['p50'])}, p80 {number(p['p80'])}"
    yield from (f"  note: {line}" for line in fit.warnings)


def _comparison(one: Comparison) -> Iterator[str]:
    names = [f"{_name(fit.model)} in {_name(fit.arm)}" for fit in (one.first, one.second)]
    if names[0] == names[1]:
        names = [f"{names[0]} of the first table", f"{names[1]} of the second"]
    yield f"{names[0]} against {names[1]}: {one.shared} shared scenarios, clock {one.first.clock}"
    yield from (f"  {ratio.says}" for ratio in one.ratios)
    yield f"  mean up to {number(one.until)}: {_interval(one.mean_difference)} {one.first.unit} longer"
    excess = "not known, as the clock did not move"
    if not math.isnan(one.excess.value):
        excess = f"{_interval(one.excess)} violations a tick of {one.first.clock}"
    yield f"  excess hazard: {excess}"
    for r in one.resolution:
        said = "below it" if r.resolved else "not resolved from it"
        yield f"  {r.name}: ceiling of the instrument {number(r.ceiling)} {one.first.unit}, {said}"


def _interval(interval: Interval) -> str:
    return f"{number(interval.value)} [{number(interval.low)} to {number(interval.high)}]"


def _name(text: str) -> str:
    """A name from the data, with nothing in it that could steer a terminal."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."

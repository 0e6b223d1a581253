from datetime import date

import numpy as np
import pytest

from horizon.planted import able, planted, trial
from theodolite.errors import DataError, SpecError
from theodolite.horizon.answers import answer_compare, answer_fit, follow_versions
from theodolite.horizon.comparing import compare_trials
from theodolite.horizon.contrasts import doublings
from theodolite.horizon.fitting import fit_trials
from theodolite.horizon.margin import fit_margin
from theodolite.horizon.probes import probe_curves
from theodolite.horizon.trend import fit_trend

ARMS = ((10000, "a"), (2500, "b"))


def test_a_planted_ratio_is_inside_and_twins_are_not_told_apart():
    held = 0
    for seed in range(10):
        slow, fast = (planted(half_life=h, arm=a, seed=seed + 50 * s) for s, (h, a) in enumerate(ARMS))
        found = compare_trials(slow, fast, resamples=300)
        held += found.ratios[0].low < 2 < found.ratios[0].high
    assert held >= 9 and found.shared == 20
    assert found.ratios[0].above and found.mean_difference.low > 0
    again = planted(half_life=2500, arm="c", seed=9)
    twin = compare_trials(again, fast, resamples=300)
    assert not any(r.above or r.below for r in twin.ratios)
    assert twin.excess.low < 0 < twin.excess.high


def test_a_horizon_that_was_not_reached_gives_one_limit():
    slow, fast = planted(half_life=10**6, arm="a", seed=1), planted(half_life=2500, arm="b", seed=1)
    half = compare_trials(slow, fast, resamples=300).ratios[0]
    assert half.value is None and half.high == np.inf and half.above
    other = compare_trials(fast, slow, resamples=300).ratios[0]
    assert other.low == -np.inf and other.below


def test_beyond_the_follow_up_is_never_taken_for_a_time():
    draws = np.full(100, np.inf), np.full(100, 10.0)
    found = doublings("H50", (np.inf, 10.0), draws, (40.0, 40.0), 0.02)
    assert found.value is None and (found.low, found.high) == pytest.approx((2.0, np.inf))
    both = doublings("H50", (np.inf, np.inf), (draws[0], draws[0]), (40.0, 40.0), 0.02)
    assert (both.low, both.high) == (-np.inf, np.inf)


def test_the_clean_horizon_is_the_ceiling():
    clean = planted(half_life=10**6, arm="clean", seed=1)
    found = compare_trials(planted(half_life=2500, seed=1), clean, clean=True, resamples=300)
    assert found.resolution[0].name == "H50" and found.resolution[0].resolved
    assert found.resolution[0].ceiling == 20000
    assert found.excess.low > 0
    same = compare_trials(planted(half_life=10**6, seed=2), clean, clean=True, resamples=300)
    assert not any(r.resolved for r in same.resolution)


def test_scenarios_that_only_one_has_are_counted_as_no_pair():
    found = compare_trials(planted(20, arm="a"), planted(20, arm="b")[50:], resamples=300)
    assert found.shared == 15 and found.second.scenarios == 15


def test_margins_are_planted_ones():
    held = 0
    for seed in range(10):
        margin, _ = fit_margin(able(40, 5, keeps=240, can=30, seed=seed), resamples=200)
        held += margin.margins[0].low < 3 < margin.margins[0].high
    assert held >= 8 and margin.claims["D50"] == "above"
    assert margin.task["H50"].low < 30 < margin.task["H50"].high
    below, _ = fit_margin(able(60, 8, keeps=20, can=240), resamples=400)
    assert below.claims["D50"] == "below" and below.margins[0].high < 0
    assert max(p.both.value for p in below.joint) > 0.5
    for p in below.joint:
        assert p.both.value <= min(p.success.value, p.violation.value)
        assert p.scenarios >= 5 and p.both.low <= p.both.value <= p.both.high


def test_a_margin_needs_its_columns_and_lost_trials_need_none():
    trials = able(20, 2)
    lost = trial("s000", 99, "infrastructure", turns=None, human_minutes=1.0)
    assert fit_margin([*trials, lost], resamples=200)[0].align.trials == 40
    with pytest.raises(DataError, match=r"trial 1 .*, column success: there is no value"):
        fit_margin([trials[0].model_copy(update={"success": None}), *trials[1:]])


def test_a_trend_is_a_line_over_dates():
    dates = {f"m{i}": date(2024 + i, 1, 1) for i in range(4)}
    values = {m: 2.0 * i + (i == 1) * 0.1 for i, m in enumerate(dates)}
    rng = np.random.default_rng(0)
    draws = {m: v + rng.normal(0, 0.1, 500) for m, v in values.items()}
    found = fit_trend("p50", dates, {**values, "x": 3.0}, {**draws, "x": draws["m0"]})
    assert found.per_year.low < 2 < found.per_year.high and found.left_out == ("x",)
    assert found.doubling_days.value == pytest.approx(365.25 / found.per_year.value)
    falling = {m: -v for m, v in values.items()}
    assert fit_trend("D50", dates, falling, {m: -d for m, d in draws.items()}).per_year.high < 0
    with pytest.raises(DataError, match="three models"):
        fit_trend("p50", dict(list(dates.items())[:2]), values, draws)


def test_versions_of_trials_are_followed_by_their_margin():
    trials = [
        t
        for i in range(3)
        for t in able(30, 3, keeps=25 * 3**i, model=f"m{i}", released=date(2024 + i, 1, 1))
    ]
    d50 = follow_versions(trials, resamples=200)[0]
    assert d50.of == "D50" and list(d50.versions) == ["m0", "m1", "m2"]
    assert d50.per_year.value > 0.5


def test_groups_are_paired_by_what_they_share():
    trials = [
        t
        for model in "mn"
        for i, arm in enumerate(("task", "fresh"))
        for t in planted(4, 3, model=model, arm=arm, seed=i)
    ]
    found = answer_compare(trials, against="fresh", resamples=100)
    assert [(c.first.model, c.first.arm, c.second.model, c.second.arm) for c in found.trials] == [
        ("m", "task", "m", "fresh"),
        ("n", "task", "n", "fresh"),
    ]
    two = answer_compare(trials[:12], trials[12:24], resamples=100)
    assert two.trials[0].second.arm == "fresh"
    with pytest.raises(SpecError, match="4 groups"):
        answer_compare(trials)
    with pytest.raises(SpecError, match="no model and no arm is called 'x'"):
        answer_compare(trials, against="x")


def probes(drift, seed=0):
    rng, out = np.random.default_rng(seed), []
    for s in range(30):
        for c, at in enumerate((0, 1000, 4000, 16000)):
            for r in range(3):
                share = min(1.0, 0.1 + drift * np.log2(1 + at))
                cause = "violation" if rng.random() < share else "finished"
                out.append(trial(f"s{s}", r, cause, checkpoint=c, context_tokens=at))
    return out


def test_probes_show_drift_where_it_was_planted_and_none_where_not():
    (drifts,), (flat,) = (probe_curves(probes(d), resamples=400) for d in (0.03, 0.0))
    assert drifts.slope.low > 0 and drifts.says.startswith("drifts")
    assert flat.slope.low < 0 < flat.slope.high
    assert [p.clock for p in flat.points] == [0, 1000, 4000, 16000]
    assert drifts.points[-1].violation.value == pytest.approx(0.52, abs=0.15)
    mixed = answer_fit([*probes(0.03), *planted(4, 2)], resamples=100)
    assert len(mixed.trials) == len(mixed.probes) == 1


def test_where_all_tasks_are_solved_or_none_the_margin_knows_what_was_tried_and_no_more():
    trials = able(40, 3, keeps=240)
    every, none = (
        fit_margin([t.model_copy(update={"success": s}) for t in trials], resamples=200)[0].margins[0]
        for s in (True, False)
    )
    longest, shortest = (f(t.task_minutes for t in trials) for f in (max, min))
    assert every.value is None and every.low == -np.inf
    assert np.log2(240 / longest) < every.high < np.log2(240 / longest) + 3
    assert none.value is None and none.high == np.inf
    assert np.log2(240 / shortest) - 3 < none.low < np.log2(240 / shortest)


def test_two_clean_groups_are_not_known_to_be_equal():
    one, other = ([trial(f"s{i}", arm=arm, turns=32) for i in range(24)] for arm in "ab")
    gap = compare_trials(one, other, resamples=200).mean_difference
    assert gap.value == 0 and gap.low == -gap.high and 1 < gap.high < 6


def test_the_lack_of_violations_widens_a_difference_and_no_more():
    rng = np.random.default_rng(0)
    clean = [trial(f"s{i}", arm="a", turns=32) for i in range(24)]
    fast = [trial(f"s{i}", cause="violation", arm="b", turns=int(rng.integers(1, 32))) for i in range(24)]
    gap = compare_trials(clean, fast, resamples=400).mean_difference
    until, times = 31, np.array([t.turns for t in fast])
    assert gap.value == pytest.approx(max(times) - np.minimum(times, max(times)).mean(), abs=0.01)
    alone = fit_trials(fast, "turns", resamples=400)[0].rmst
    assert gap.low < gap.value - (alone.high - alone.value) and gap.high <= until


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((np.inf, np.inf), "H50: how far apart is not known"),
        ((0.0, 10.0), "H50: shorter beyond measure"),
    ],
)
def test_what_is_not_known_is_said_in_words(values, said):
    draws = tuple(np.full(100, v) for v in values)
    assert doublings("H50", values, draws, (40.0, 40.0), 0.02).says.startswith(said)


def test_probes_that_come_out_alike_have_no_slope_and_those_that_fell_apart_are_counted():
    alike = [trial(f"s{i}", c, "finished", checkpoint=c, turns=c + 1) for i in range(8) for c in range(3)]
    broken = [t.model_copy(update={"arm": "fresh", "cause": "incoherence"}) for t in alike]
    found, fell = probe_curves([*alike, *broken], resamples=100)
    assert np.isnan(found.slope.value) and found.says == "does not show drift: no probe violates"
    assert fell.points == () and fell.left_out == 24 and fell.says == "no probe was answered"

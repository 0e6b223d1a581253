import numpy as np
import pytest

from horizon.planted import planted, trial
from theodolite.errors import DataError, SpecError
from theodolite.horizon.fitting import fit_trials


def fitted(trials, clock=None, **how):
    return fit_trials(trials, clock, resamples=200, **how)


def test_a_planted_half_life_is_inside_the_interval():
    held = 0
    for seed in range(20):
        half = fitted(planted(frailty=0.0, seed=seed))[0].horizon("H50")
        held += half.low <= 5000 <= half.high
    assert held >= 18


def test_the_same_seed_gives_the_same_answer_and_rows_may_come_in_any_order():
    trials = planted()
    mixed = [trials[i] for i in np.random.default_rng(0).permutation(len(trials))]
    assert fitted(trials) == fitted(mixed)
    assert fitted(trials, seed=1) != fitted(trials)


def test_a_horizon_that_was_not_reached_is_no_number():
    fit = fitted(planted(half_life=1e7, seed=3))[0]
    half = fit.horizon("H50")
    assert not half.reached and half.says == "H50 > 20,000 tokens"
    assert (half.low, half.high) == (20000.0, np.inf)


def test_no_violation_gives_lower_limits_only():
    fit = fitted([trial(f"s{i}", cause="budget", turns=32) for i in range(30)])[0]
    assert (fit.events, fit.families, fit.hazard) == (0, (), ())
    assert fit.horizon("H50").low == 32 and fit.horizon("H90").says == (
        "H90 > 32 turns in this sample, too small for a lower limit"
    )
    assert fit.rmst.value == 32 and 32 * 0.8 < fit.rmst.low < 32
    assert any("no violation" in w for w in fit.warnings)


def test_h99_is_a_bound_and_repeats_are_no_new_scenarios():
    alike = [trial(f"s{i % 30}", i, turns=32) for i in range(300)]
    apart = [trial(f"s{i}", i, turns=32) for i in range(300)]
    bound = fitted(alike)[0].h99
    assert (bound.at_least, bound.if_independent, bound.needed) == (0.0, 32.0, 299)
    assert fitted(apart)[0].h99.at_least == 32.0


def test_all_violations_are_fitted_and_doubted():
    fit = fitted([trial(f"s{i}", cause="violation", turns=1 + i % 7) for i in range(30)])[0]
    assert fit.events == 30 and fit.horizon("H50").value == 4
    assert any("Every trial" in w for w in fit.warnings)


def test_one_scenario_gives_an_estimate_and_no_limit():
    fit = fitted([trial("s", i, "violation", turns=1 + i) for i in range(30)])[0]
    half = fit.horizon("H50")
    assert (half.value, half.low, half.high) == (16, 0.0, np.inf)
    assert any("one scenario" in w for w in fit.warnings)


def test_a_violation_before_the_clock_moves_is_an_atom():
    at_once = [trial(f"s{i}", cause="violation", turns=0) for i in range(20)]
    later = [trial(f"t{i}", cause="violation", turns=1 + i) for i in range(20)]
    fit = fitted(at_once + later)[0]
    assert fit.immediate.value == 0.5 and fit.horizon("H80").value == 0.0
    assert all(f.horizons["H80"].value == 0.0 and np.isfinite(f.aic) for f in fit.families)


def test_competing_ends_are_told_from_violations():
    trials = planted(seed=2)
    for i, t in enumerate(trials):
        if t.cause == "budget":
            trials[i] = t.model_copy(update={"cause": ("refusal", "finished", "budget")[i % 3]})
    fit = fitted(trials)[0]
    shares = {i.cause: i for i in fit.incidence}
    assert set(shares) == {"violation", "refusal", "finished"}
    assert all(i.low <= i.share <= i.high for i in shares.values())
    assert shares["violation"].share == pytest.approx(fit.events / fit.trials)


def test_lost_trials_are_bounds():
    trials = planted(seed=4)
    lost = [
        t.model_copy(update={"cause": "infrastructure", "seed": 99, "context_tokens": 500})
        for t in trials[::10]
    ]
    fit = fitted(trials + lost)[0]
    case = fit.infrastructure[0]
    assert case.name == "H50" and case.worst <= fit.horizon("H50").value <= case.best
    assert any("infrastructure" in w for w in fit.warnings)


def test_hazards_are_planted_ones():
    fit = fitted(planted(60, 10, frailty=0.0, half_life=5000, seed=1))[0]
    planted_rate = np.log(2) / 5
    assert fit.hazard_per_1k_tokens.low < planted_rate < fit.hazard_per_1k_tokens.high
    assert fit.hazard_per_1k_tokens.value == pytest.approx(planted_rate, rel=0.15)
    assert sum(step.rate.low < planted_rate / 1000 < step.rate.high for step in fit.hazard) >= 6
    assert min(fit.families, key=lambda f: f.aic).family in ("exponential", "weibull")


def test_arms_and_models_are_fitted_apart():
    fits = fitted([*planted(arm="a"), *planted(arm="b", seed=1), *planted(model="n", arm="a")])
    assert [(f.model, f.arm) for f in fits] == [("m", "a"), ("m", "b"), ("n", "a")]


def test_what_cannot_be_fitted_is_said():
    with pytest.raises(DataError, match="trial 2, column turns: there is no reading"):
        fitted([trial("a"), trial("b", turns=None, opportunities=1)], "turns")
    with pytest.raises(DataError, match="no clock"):
        fitted([trial("a"), trial("b", turns=None, opportunities=1)])
    with pytest.raises(DataError, match="no free run"):
        fitted([trial(checkpoint=1)])
    for how, said in (({"level": 1.0}, "no probability"), ({"resamples": 5}, "too few")):
        with pytest.raises(SpecError, match=said):
            fit_trials(planted(2, 2), **how)


def test_where_all_end_at_once_so_does_the_interval():
    half = fitted([trial(f"s{i}", cause="violation", turns=0) for i in range(25)])[0].horizon("H50")
    assert (half.value, half.low, half.high) == (0.0, 0.0, 0.0)


def test_where_one_cause_ended_every_trial_the_share_is_not_sure():
    fit = fitted([trial(f"s{i}", cause="refusal", turns=3) for i in range(24)])[0]
    assert (fit.incidence[0].share, fit.incidence[0].high) == (1.0, 1.0)
    assert fit.incidence[0].low == pytest.approx(0.025 ** (1 / 24))


def test_violations_at_the_very_end_leave_the_mean_unsure():
    fit = fitted([trial(f"s{i}", cause="violation", turns=7) for i in range(24)])[0]
    assert fit.rmst.value == 7 and 5 < fit.rmst.low < 7

import pytest

from horizon.planted import able, planted
from theodolite.errors import DataError, SpecError
from theodolite.horizon.answers import answer_fit
from theodolite.horizon.gate import Measurement, check_thresholds, measurements, read_thresholds
from theodolite.horizon.planning import events_for_factor, events_for_ratio, plan_trials

LINE = '[[threshold]]\nname = "n"\naction = "stop"\n'


def thresholds(path, *limits):
    path.write_text("".join(f"{LINE}{limit}\n" for limit in limits))
    return read_thresholds(path)


def measured(measure="H90", low=50.0, high=200.0, unit="turns"):
    return Measurement(measure, "m", "task", unit, 100.0, low, high)


@pytest.mark.parametrize(
    ("limit", "state"),
    [
        ("at_least = 50", "met"),
        ("at_least = 51", "not_shown"),
        ("at_least = 201", "triggered"),
        ("at_most = 200", "met"),
        ("at_most = 199", "not_shown"),
        ("at_most = 49", "triggered"),
    ],
)
def test_only_an_interval_on_the_right_side_meets_a_threshold(tmp_path, limit, state):
    policy = thresholds(tmp_path / "t.toml", f'measure = "H90"\n{limit}')
    assert [c.state for c in check_thresholds(policy, [measured()])] == [state]


def test_every_number_of_a_fit_can_be_named(tmp_path):
    answer = answer_fit([*able(20, 3)], resamples=100)
    names = {m.measure for m in measurements((*answer.trials, *answer.margins))}
    assert names == {"H50", "H80", "H90", "H99", "rmst", "D50", "D80"}


def test_a_slip_never_passes(tmp_path):
    answer = answer_fit(planted(20, 3), resamples=100)
    numbers = measurements(answer.trials)
    for limit, said in (
        ('measure = "H50"\nat_least = 1\nmodel = "n"', "names a H50 that the table does not give"),
        ('measure = "D50"\nat_least = 1', "names a D50"),
        ('measure = "H50"\nat_least = 1\nunit = "turns"', "meant in turns, and the table gives tokens"),
    ):
        with pytest.raises(DataError, match=said):
            check_thresholds(thresholds(tmp_path / "t.toml", limit), numbers)
    with pytest.raises(SpecError, match="key at_least: input should be a valid number"):
        thresholds(tmp_path / "t.toml", 'measure = "H50"\nat_least = "200"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no"),
        ("x = 1", "key 'x'"),
        ("[[threshold]\n", "is not TOML"),
        (LINE + 'measure = "H49"\nat_least = 1', "threshold 1 of .*, key measure"),
        (LINE + 'measure = "H50"', "give one of at_least and at_most"),
        (LINE + 'measure = "H50"\nat_least = 1\nat_most = 2', "give one of at_least and at_most"),
        (LINE + 'measure = "H50"\nat_leats = 1', "key at_leats"),
        (LINE + 'measure = "H50"\nat_least = nan', "key at_least"),
    ],
)
def test_a_bad_policy_is_named(tmp_path, text, said):
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(SpecError, match=said):
        read_thresholds(tmp_path / "t.toml")


def test_plans_have_the_numbers_of_the_formulas():
    assert [events_for_factor(f) for f in (1.5, 2, 1.2)] == [24, 8, 116]
    assert [events_for_ratio(r) for r in (2, 3, 5, 0.5)] == [66, 27, 13, 66]
    plan = plan_trials(factor=1.2, repeats=5, correlation=0.25)
    assert plan.design_effect == 2.0 and plan.trials == 465 and plan.scenarios == 93
    assert plan_trials().scenarios == 20 and plan_trials().free_needed["0.99"] == 299
    for wrong in (
        {"repeats": 0},
        {"correlation": 2},
        {"follow_up": 0},
        {"factor": 1},
        {"ratio": 1},
        {"power": 1},
    ):
        with pytest.raises(SpecError):
            plan_trials(**wrong)

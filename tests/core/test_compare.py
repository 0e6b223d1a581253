import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.core import (
    Association,
    Estimate,
    Evidence,
    Finding,
    Hypothesis,
    Marked,
    MarkedStratum,
    Measure,
    Pair,
    Rate,
    Sample,
    compare,
    contrast,
    estimate,
    judge,
    screen,
    share_rows,
)
from theodolite.errors import ContractError


def rate_pair(key, k1, k2, n=1000, fingerprint="", claim="difference", instrument="toy", weight=None):
    return Pair(
        instrument,
        Hypothesis(key=key, statement=f"More {key}", claim=claim, weight=weight),
        Measure(key=key, statistic=Rate(k=k1, n=n), fingerprint=fingerprint),
        Measure(key=key, statistic=Rate(k=k2, n=n)) if k2 is not None else None,
    )


def interval(low, high):
    return Estimate(value=(low + high) / 2, low=low, high=high, level=0.95, n=10, method="toy")


@pytest.mark.parametrize(
    ("contrast", "power", "verdict"),
    [
        (interval(0.001, 0.2), None, "flagged"),
        (interval(-0.1, 0.009), 0.8, "clear"),
        (interval(-0.1, 0.009), 0.79, "inconclusive"),
        (interval(-0.1, 0.009), None, "inconclusive"),
        (interval(-0.1, 0.02), 1.0, "inconclusive"),
        (interval(0.0, 0.009), 1.0, "clear"),
        (None, 1.0, "inconclusive"),
    ],
)
def test_the_verdict_is_the_designs(contrast, power, verdict):
    assert judge(contrast, margin=0.01, power=power) == verdict


def test_the_interval_leaves_out_zero_exactly_when_holm_rejects():
    rng = np.random.default_rng(0)
    pairs = [
        rate_pair(str(i), int(k), int(k * rng.uniform(0, 1.1))) for i, k in enumerate(rng.integers(1, 90, 60))
    ]
    results = compare(pairs, alpha=0.05)
    assert 0 < sum(r.step.rejected for r in results) < len(results)
    for r in results:
        assert (r.contrast.low > 0 or r.contrast.high < 0) == r.step.rejected
        assert r.contrast.level == pytest.approx(1 - r.step.alpha)


def test_one_family_over_all_instruments_keeps_its_error_rate():
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(150):
        k = rng.binomial(500, rng.uniform(0.005, 0.4, 25), size=(2, 25))
        pairs = [rate_pair(str(i), int(a), int(b), n=500) for i, (a, b) in enumerate(k.T)]
        alarms += any(r.contrast.low > 0 for r in compare(pairs, alpha=0.05))
    assert alarms / 150 <= 0.05


def test_without_a_control_there_is_no_contrast_and_no_part_in_the_family():
    with_control, without = rate_pair("a", 30, 0), rate_pair("b", 900, None)
    alone = compare([with_control], 0.05)[0]
    both = compare([with_control, without], 0.05)
    assert both[1].contrast is None and both[1].step is None
    assert both[0].step == alone.step


def test_screening_keeps_the_strongest_and_each_cause_once():
    pairs = [
        rate_pair("weak", 12, 8),
        rate_pair("first name", 40, 0, fingerprint="same"),
        rate_pair("second name", 40, 0, fingerprint="same"),
        rate_pair("reversed", 0, 90),
        rate_pair("strong", 60, 0, fingerprint="other"),
    ]
    assert [h.key for h in screen(pairs, 3)] == ["strong", "first name", "weak"]


def test_different_kinds_cannot_be_compared():
    pair = Pair(
        "toy",
        Hypothesis(key="k", statement="s"),
        Measure(key="k", statistic=Rate(k=1, n=2)),
        Measure(key="k", statistic=Sample(values=(1.0,))),
    )
    with pytest.raises(TypeError, match="a rate cannot be compared with a sample"):
        compare([pair], 0.05)


def test_impossible_counts_are_refused():
    with pytest.raises(ValidationError, match="impossible"):
        Rate(k=3, n=2)
    with pytest.raises(ValidationError, match="2 x 2"):
        Association(n=10, n_with=4, k=3, k_with=4)


def test_instruments_share_alpha_equally_and_hypotheses_by_their_weight():
    many = [rate_pair(str(i), 10, 10) for i in range(9)]
    results = compare([*many, rate_pair("one", 10, 10, instrument="other")], 0.05)
    assert [r.step.alpha for r in results] == pytest.approx([0.05 / 18] * 9 + [0.025])
    weighted = [rate_pair("a", 10, 10, weight=0.5), rate_pair("b", 10, 10, weight=1e-6)]
    assert [r.step.alpha for r in compare(weighted, 0.05)] == pytest.approx([0.025, 5e-8])


def test_a_weighted_family_over_two_instruments_keeps_its_error_rate():
    rng = np.random.default_rng(6)
    weights = [0.5, 0.2, 0.2, 0.1]
    alarms = 0
    for _ in range(150):
        k = rng.binomial(500, rng.uniform(0.01, 0.4, 12), size=(2, 12))
        pairs = [
            rate_pair(
                str(i),
                int(a),
                int(b),
                n=500,
                **({"weight": weights[i], "instrument": "few"} if i < 4 else {}),
            )
            for i, (a, b) in enumerate(k.T)
        ]
        alarms += any(r.contrast.low > 0 for r in compare(pairs, alpha=0.05))
    assert alarms / 150 <= 0.05


def test_weights_above_the_whole_budget_break_the_contract():
    pairs = [rate_pair("a", 9, 0, weight=0.7), rate_pair("b", 9, 0, weight=0.4)]
    with pytest.raises(ContractError, match=r"toy.s hypotheses sum to 1\.1"):
        compare(pairs, 0.05)
    with pytest.raises(ValidationError):
        Hypothesis(key="a", statement="a", weight=0.0)


def test_strata_of_a_rate_are_compared_source_by_source():
    subject = Rate(k=184, n=1000, strata=(("books", 180, 600), ("web", 4, 400)))
    control = Rate(k=141, n=1000, strata=(("web", 6, 550), ("books", 135, 450)))
    mixed = contrast(Rate(k=184, n=1000), Rate(k=141, n=1000), 0.95)
    by_source = contrast(subject, control, 0.95)
    assert (mixed.method, by_source.method) == ("score", "exact conditional, by source")
    assert mixed.low > 0 > by_source.low
    alone = Rate(k=135, n=450, strata=(("books", 135, 450),))
    assert contrast(subject, alone, 0.95).method == "exact conditional"
    assert contrast(subject, alone, 0.95).n == 1050
    unlike = Rate(k=1, n=9, strata=(("code", 1, 9),))
    assert (contrast(subject, unlike, 0.95).low, contrast(subject, unlike, 0.95).high) == (-1, 1)
    assert contrast(subject, Rate(k=141, n=1000), 0.95).method == "score"


@pytest.mark.parametrize(
    "strata",
    [(("a", 1, 5),), (("a", 1, 5), ("a", 2, 5)), (("a", 4, 3), ("b", -1, 7)), (("a", 1, 5), ("b", 1, 5))],
)
def test_strata_that_do_not_fit_are_refused(strata):
    with pytest.raises(ValidationError):
        Rate(k=3, n=10, strata=strata)


def marked(*strata):
    return Marked(
        strata=tuple(
            MarkedStratum(name=name, n=n, n_with=n_with, k=k, k_with=k_with)
            for name, n, n_with, k, k_with in strata
        )
    )


def marked_pair(key, subject, control):
    return Pair(
        "toy",
        Hypothesis(key=key, statement=key, claim="association"),
        Measure(key=key, statistic=subject),
        None if control is None else Measure(key=key, statistic=control),
    )


def test_marks_are_tested_without_a_control_and_better_with_one():
    subject = marked(("chat", 1000, 12, 60, 10), ("code", 500, 3, 5, 0))
    biased = marked(("chat", 1000, 40, 80, 33))
    pairs = [
        marked_pair("alone", subject, None),
        marked_pair("clean", subject, marked(("chat", 900, 0, 45, 0))),
        marked_pair("biased", subject, biased),
        rate_pair("rate", 30, None),
    ]
    alone, clean, against, rate = compare(pairs, 0.05)
    assert (subject.n, subject.n_with, subject.k, subject.k_with) == (1500, 15, 65, 10)
    assert estimate(subject).value == pytest.approx(10 / 15) and estimate(subject).n == 15
    assert alone.contrast.method == "exact, inside the set"
    assert clean.contrast.method == "exact, beyond the rate the control teaches"
    assert alone.contrast.low > 0 and clean.contrast.low > 0
    assert against.contrast.low <= 0 and not against.step.rejected
    assert rate.step is None and rate.contrast is None
    for r in (alone, clean, against):
        assert (r.contrast.low > 0) == r.step.rejected
    assert [h.key for h in screen(pairs[:3], 2)] == ["alone", "clean"]


def test_marks_that_make_no_table_are_refused_and_no_other_kind_does_without_a_control():
    with pytest.raises(ValidationError, match="2 x 2"):
        marked(("a", 10, 4, 3, 4))
    with pytest.raises(ValidationError, match="same name"):
        marked(("a", 10, 4, 3, 1), ("a", 10, 4, 3, 1))
    with pytest.raises(TypeError, match="a rate cannot be compared with nothing"):
        contrast(Rate(k=1, n=2), None, 0.95)
    again = Measure.model_validate_json(
        Measure(key="k", statistic=marked(("a", 9, 4, 3, 1))).model_dump_json()
    )
    assert again.statistic == marked(("a", 9, 4, 3, 1))


def finding(key, rows, verdict="flagged"):
    return Finding(
        instrument="toy",
        key=key,
        statement=key,
        claim="difference",
        verdict=verdict,
        contrast=interval(0.1, 0.2),
        rows=tuple(f"data:x#{r}" for r in rows),
        evidence=(Evidence(kind="row", title="t", source="data:x#1"),),
    )


def test_findings_that_share_their_rows_are_one_cause():
    whole, part, apart = (
        finding("whole", range(100)),
        finding("part", range(40)),
        finding("apart", range(95, 150)),
    )
    related = {f.key: f.related for f in share_rows([whole, part, apart])}
    assert related == {"whole": ("toy/part",), "part": ("toy/whole",), "apart": ()}


def test_what_is_everywhere_is_not_the_cause_of_what_is_rare():
    everywhere, rare = finding("everywhere", range(500)), finding("rare", range(20))
    assert not any(f.related for f in share_rows([everywhere, rare]))


def test_what_was_not_flagged_is_related_to_nothing():
    assert all(
        not f.related for f in share_rows([finding("a", range(9)), finding("b", range(9), "inconclusive")])
    )


def test_a_flag_without_a_contrast_above_zero_cannot_be_written():
    with pytest.raises(ValidationError, match="above zero"):
        Finding(instrument="toy", key="k", statement="s", verdict="flagged", contrast=interval(0.0, 0.1))

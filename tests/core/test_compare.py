import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.core import (
    Association,
    Estimate,
    Evidence,
    Finding,
    Hypothesis,
    Measure,
    Pair,
    Rate,
    Sample,
    compare,
    judge,
    screen,
    share_rows,
)


def rate_pair(key, k1, k2, n=1000, fingerprint="", claim="difference"):
    return Pair(
        "toy",
        Hypothesis(key=key, statement=f"More {key}", claim=claim),
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

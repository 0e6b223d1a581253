import time

import numpy as np
import pytest
from scipy import stats as sps

from theodolite.stats import MarkedTable, expected_rates, marked_interval, marked_p, rate_interval


def table(n, n_with, k, k_with):
    return MarkedTable(*(np.atleast_1d(np.asarray(x, dtype=np.int64)) for x in (n, n_with, k, k_with)))


def draw(rng, n, n_with, rate_with, rate_without):
    n, n_with = np.asarray(n), np.asarray(n_with)
    k_with = rng.binomial(n_with, rate_with)
    return table(n, n_with, k_with + rng.binomial(n - n_with, rate_without), k_with)


def test_the_p_is_the_larger_of_two_exact_tails():
    subject, control = table(400, 10, 30, 6), table(300, 12, 20, 2)
    inside = sps.hypergeom.sf(5, 400, 30, 10)
    q = (2 + 8 * 20.5 / 301) / 20
    beyond = sps.binom.sf(5, 10, q)
    assert expected_rates(subject, control)[0] == pytest.approx(q)
    assert marked_p(subject, control) == pytest.approx(2 * max(inside, beyond), rel=1e-9)
    assert marked_p(subject, None) == pytest.approx(2 * inside, rel=1e-9)


def test_one_stratums_limits_are_clopper_and_pearsons():
    subject = table(400, 10, 30, 6)
    q = expected_rates(subject, None)[0]
    low, high = rate_interval(6, 10, 0.99)
    assert marked_interval(subject, None, 0.99) == pytest.approx((0.6 - q, low - q, high - q), abs=1e-9)


def test_the_interval_lies_above_zero_exactly_when_the_p_rejects():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(200):
        n_with = rng.integers(0, 15, 3)
        subject = draw(rng, [200, 50, 400], n_with, rng.uniform(0, 0.6, 3), 0.05)
        control = draw(rng, [200, 0, 300], [9, 0, 2], 0.2, 0.05)
        for against in (control, None):
            for level in (0.5, 0.95, 1 - 1e-6):
                p = marked_p(subject, against)
                value, low, high = marked_interval(subject, against, level)
                assert low <= value <= high
                assert (low > 0) == (p <= 1 - level)
                seen.add((low > 0, level))
    assert len(seen) == 6


def test_an_empty_stratum_of_the_control_is_stood_for_by_all_its_strata():
    subject = table([100, 100], [5, 5], [5, 5], [0, 0])
    control = table([0, 900], [0, 20], [0, 300], [0, 20])
    base = 300.5 / 901
    assert expected_rates(subject, control) == pytest.approx([(20 + 8 * base) / 28] * 2)


def test_nothing_with_the_pattern_says_nothing():
    empty = table([10, 0], [0, 0], [3, 0], [0, 0])
    assert marked_p(empty, empty) == 1.0
    assert marked_interval(empty, None, 0.95) == (0.0, -1.0, 1.0)


@pytest.mark.parametrize("n_with", [[3, 3], [12, 5], [40, 60]])
def test_independent_errors_of_a_judge_keep_the_level(n_with):
    rng = np.random.default_rng(3)
    n, rates = [2500, 2400], [0.05, 0.01]
    for with_control in (True, False):
        alarms = sum(
            marked_p(
                draw(rng, n, n_with, rates, rates),
                draw(rng, n, n_with, rates, rates) if with_control else None,
            )
            <= 0.05
            for _ in range(600)
        )
        assert alarms / 600 <= 0.06


def test_a_judge_who_errs_on_a_topic_errs_on_it_in_the_control_too():
    rng = np.random.default_rng(4)
    alone = taught = 0
    for _ in range(400):
        subject = draw(rng, [4900], [40], 0.4, 0.05)
        control = draw(rng, [4900], [40], 0.4, 0.05)
        alone += marked_p(subject, None) <= 1e-4
        taught += marked_p(subject, control) <= 1e-4
    assert alone / 400 > 0.95
    assert taught / 400 <= 0.02


def test_twelve_rows_are_seen_by_a_good_judge():
    rng = np.random.default_rng(5)
    seen = sum(
        marked_p(draw(rng, [4900], [12], 0.8, 0.05), draw(rng, [4900], [0], 0.0, 0.05)) <= 1e-7
        for _ in range(600)
    )
    assert seen / 600 == pytest.approx(0.93, abs=0.035)


def test_two_thousand_are_tested_in_two_seconds():
    rng = np.random.default_rng(6)
    tables = [draw(rng, [1000] * 5, rng.integers(0, 20, 5), 0.5, 0.05) for _ in range(2000)]
    start = time.process_time()
    for one in tables:
        marked_p(one, None)
    assert time.process_time() - start < 4  # twice what it may take, for a busy machine

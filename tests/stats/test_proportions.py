import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as sps

from theodolite.stats import difference_interval, difference_p, exact_p, rate_interval, wilson_limits

tables = st.tuples(st.integers(1, 60), st.integers(1, 60)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


# Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, rows "Miettinen-Nurminen". (The score method
# of statsmodels 0.15 prints other limits: its restricted estimate is not the maximum of the likelihood.)
PUBLISHED = {
    (56, 70, 48, 80): (0.0528, 0.3382),
    (9, 10, 3, 10): (0.1700, 0.8406),
    (6, 7, 2, 7): (0.0342, 0.8534),
    (5, 56, 0, 29): (-0.0326, 0.1933),
    (10, 10, 0, 20): (0.7156, 1.0),
}


@pytest.mark.parametrize("table", PUBLISHED)
def test_the_score_interval_is_the_published_one(table):
    low, high = PUBLISHED[table]
    if exact_p(*table) > 0.05:
        low = min(low, 0.0)
    assert difference_interval(*table) == pytest.approx((low, high), abs=6e-5)


def test_exact_p_is_twice_the_smaller_tail_of_fisher():
    table = [[8, 2], [1, 5]]
    tails = [sps.fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    assert exact_p(8, 10, 1, 6) == pytest.approx(2 * min(tails))


@settings(max_examples=200, deadline=None)
@given(tables, st.sampled_from([0.2, 0.05, 0.01, 1e-4]))
def test_the_interval_leaves_out_zero_exactly_when_the_p_rejects(table, alpha):
    low, high = difference_interval(*table, 1 - alpha)
    p = float(difference_p(*table))
    if abs(p - alpha) > 1e-6:
        assert (low > 1e-12 or high < -1e-12) == (p < alpha)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_swapping_the_groups_mirrors_the_interval(table):
    k1, n1, k2, n2 = table
    low, high = difference_interval(k1, n1, k2, n2)
    mirrored = difference_interval(k2, n2, k1, n1)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize(("p1", "p2", "n"), [(0.02, 0.0, 300), (0.05, 0.05, 100), (0.5, 0.3, 40)])
def test_the_difference_interval_keeps_its_coverage(p1, p2, n):
    rng = np.random.default_rng(1)
    a, b = rng.binomial(n, p1, 600), rng.binomial(n, p2, 600)
    cached = {}
    hits = 0
    for k1, k2 in zip(a.tolist(), b.tolist(), strict=True):
        low, high = cached.setdefault((k1, k2), difference_interval(k1, n, k2, n))
        hits += low <= p1 - p2 <= high
    assert hits / 600 >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 600)


def test_the_difference_test_keeps_its_level_where_counts_are_small():
    n = 1500
    counts = np.arange(0, 40)
    weights = sps.binom.pmf(counts, n, 4 / n)
    p = difference_p(counts[:, None], n, counts[None, :], n)
    for alpha in (0.05, 0.01, 1e-3):
        assert (weights[:, None] * weights[None, :] * (p <= alpha)).sum() <= alpha


def test_wilson_agrees_with_scipy():
    low, high = wilson_limits(np.array(3.0), np.array(20.0), np.array(sps.norm.isf(0.025)))
    expected = sps.binomtest(3, 20).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high))


@settings(max_examples=100, deadline=None)
@given(tables, st.sampled_from([0.9, 0.95, 0.9999]))
def test_the_rate_interval_agrees_with_scipy(table, level):
    k, n, _, _ = table
    expected = sps.binomtest(k, n).proportion_ci(confidence_level=level, method="exact")
    assert rate_interval(k, n, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_nothing_is_known_without_units():
    assert rate_interval(0, 0) == (0.0, 1.0)
    assert difference_interval(0, 0, 3, 9) == (-1.0, 1.0)
    assert difference_p(0, 0, 3, 9) == 1.0

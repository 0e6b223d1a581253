import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as sps
from scipy.stats.contingency import odds_ratio

from theodolite.stats import (
    odds_ratio_limits,
    stratified_interval,
    stratified_p,
    stratified_tails,
    stratified_z,
)

one = st.tuples(st.integers(0, 40), st.integers(0, 40)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)
strata = st.lists(one, min_size=1, max_size=4)


def columns(rows):
    return [list(x) for x in zip(*rows, strict=True)]


@settings(max_examples=150, deadline=None)
@given(one)
def test_one_stratum_is_fishers_test_and_the_conditional_odds_ratio(row):
    ks, ns, kc, nc = row
    table = [[ks, ns - ks], [kc, nc - kc]]
    upper, lower = stratified_tails(*columns([row]))
    assert upper == pytest.approx(sps.fisher_exact(table, "greater").pvalue if ns and nc else 1, rel=1e-9)
    assert lower == pytest.approx(sps.fisher_exact(table, "less").pvalue if ns and nc else 1, rel=1e-9)
    if ns and nc and 0 < ks + kc < ns + nc:
        expected = odds_ratio(table, kind="conditional").confidence_interval(0.95)
        assert odds_ratio_limits(*columns([row])) == pytest.approx(tuple(expected), rel=1e-7)


@settings(max_examples=200, deadline=None)
@given(strata, st.sampled_from([0.2, 0.05, 1e-3, 1e-6]))
def test_the_interval_leaves_out_zero_exactly_when_the_p_rejects(rows, alpha):
    level = 1 - alpha
    value, low, high = stratified_interval(*columns(rows), level)
    upper, lower = stratified_tails(*columns(rows))
    assert low <= value <= high
    assert (low > 0) == (2 * upper <= 1 - level)
    assert (high < 0) == (2 * lower <= 1 - level)


@settings(max_examples=60, deadline=None)
@given(strata)
def test_swapping_the_sets_mirrors_everything(rows):
    mirrored = [(kc, nc, ks, ns) for ks, ns, kc, nc in rows]
    value, low, high = stratified_interval(*columns(rows))
    assert stratified_interval(*columns(mirrored)) == pytest.approx((-value, -high, -low), abs=1e-9)
    assert stratified_p(*columns(mirrored)) == pytest.approx(stratified_p(*columns(rows)), rel=1e-9)


def test_another_share_of_sources_is_no_difference():
    # 30 % against 1 % in the sources; the subject has drawn 60 % of the first, the control 45 %.
    ks, ns, kc, nc = [180, 4], [600, 400], [135, 6], [450, 550]
    assert stratified_p([sum(ks)], [sum(ns)], [sum(kc)], [sum(nc)]) < 0.05
    assert stratified_p(ks, ns, kc, nc) > 0.5
    value, low, high = stratified_interval(ks, ns, kc, nc)
    assert value == pytest.approx(0, abs=0.005) and low < 0 < high


def test_a_stratum_with_an_empty_side_says_nothing():
    assert stratified_p([5, 90], [20, 90], [1, 0], [20, 0]) == stratified_p([5], [20], [1], [20])
    assert stratified_p([5], [5], [0], [0]) == 1.0
    assert stratified_interval([5], [5], [0], [0]) == (0.0, -1.0, 1.0)


def test_it_stays_exact_for_a_million_rows():
    large = ([50_500], [10**6], [50_000], [10**6])
    p = 2 * sps.hypergeom.sf(50_499, 2 * 10**6, 100_500, 10**6)
    assert stratified_p(*large) == pytest.approx(p, rel=1e-6)
    _, low, high = stratified_interval([50_500, 3], [10**6, 10**4], [50_000, 2], [10**6, 10**4])
    wald = sps.norm.isf(0.025) * (2 * 0.05025 * 0.94975 / 10**6) ** 0.5
    assert high - low == pytest.approx(2 * wald, rel=0.02)


def test_the_interval_covers_the_true_difference():
    rng = np.random.default_rng(2)
    for rates, psi in (([0.004, 0.02], 1.0), ([0.02, 0.1], 3.0)):
        ns, nc = np.array([400, 150]), np.array([300, 400])
        p_c = np.array(rates)
        p_s = psi * p_c / (1 - p_c + psi * p_c)
        w = ns * nc / (ns + nc)
        truth = float(w @ (p_s - p_c) / w.sum())
        hits = 0
        for _ in range(300):
            ks, kc = rng.binomial(ns, p_s), rng.binomial(nc, p_c)
            _, low, high = stratified_interval(ks, ns, kc, nc)
            hits += low <= truth <= high
        assert hits / 300 >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 300)


def test_none_in_either_set_is_not_known_to_be_no_difference():
    _, low, high = stratified_interval([0, 0], [500, 500], [0, 0], [500, 500])
    assert low < -0.003 and high > 0.003


def test_the_z_of_many_tests_is_cochran_mantel_and_haenszels():
    from statsmodels.stats.contingency_tables import StratifiedTable

    rng = np.random.default_rng(0)
    ns, nc = np.array([40, 30, 25]), np.array([35, 60, 10])
    ks, kc = rng.binomial(ns, 0.4, (20, 3)), rng.binomial(nc, 0.3, (20, 3))
    z = stratified_z(ks, ns, kc, nc)
    for i in range(20):
        tables = [np.array([[a, n - a], [b, m - b]]) for a, n, b, m in zip(ks[i], ns, kc[i], nc, strict=True)]
        assert z[i] ** 2 == pytest.approx(StratifiedTable(tables).test_null_odds().statistic)
    assert stratified_z([[5, 1]], [5, 1], [[0, 0]], [0, 0]).tolist() == [0.0]


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="more successes than rows"):
        stratified_p([3], [2], [0], [5])

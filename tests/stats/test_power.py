import numpy as np
import pytest
from scipy import stats as sps

from theodolite.stats import (
    detectable_count,
    detectable_count_in_half,
    detectable_marked,
    difference_p,
    exact_p,
    stratified_p,
)


def test_the_detectable_count_in_half_is_what_simulation_finds():
    n, alpha = 750, 0.05 / 40
    count = detectable_count_in_half(n, n, alpha)
    rng = np.random.default_rng(0)
    seen = difference_p(rng.binomial(count, 0.5, 4000), n, 0, n) <= alpha
    assert 0.78 <= seen.mean() <= 0.9
    fewer = difference_p(rng.binomial(count - 3, 0.5, 4000), n, 0, n) <= alpha
    assert fewer.mean() < 0.8


@pytest.mark.parametrize("n", [(30, 30), (4900, 4900), (500, 4500), (4000, 300)])
@pytest.mark.parametrize("alpha", [0.05, 1e-4, 1e-7])
def test_the_detectable_count_is_the_first_whose_exact_p_is_small_enough(n, alpha):
    found = [m for m in range(1, n[0] + 1) if float(exact_p(m, n[0], 0, n[1])) <= alpha]
    assert detectable_count(*n, alpha) == (found[0] if found else None)
    if found:
        assert stratified_p([found[0]], [n[0]], [0], [n[1]]) <= alpha


def test_too_few_rows_detect_nothing():
    assert detectable_count(3, 3, 0.001) is None
    assert detectable_count_in_half(3, 3, 0.001) is None
    assert detectable_marked(3, 0.05, 0.8, 1e-7) is None


@pytest.mark.parametrize(
    ("base", "tpr", "alpha"), [(0.05, 0.8, 1e-7), (0.01, 0.2, 1e-5), (0.15, 0.4, 1e-6), (0.3, 1.0, 0.05)]
)
def test_detectable_marks_are_the_first_that_brute_force_finds(base, tpr, alpha):
    def power(m):
        k = next((k for k in range(m + 1) if 2 * sps.binom.sf(k - 1, m, base) <= alpha), m + 1)
        return sps.binom.sf(k - 1, m, tpr)

    assert detectable_marked(4900, base, tpr, alpha) == next(m for m in range(1, 4900) if power(m) >= 0.8)


def test_detectable_marks_follow_the_law_of_large_deviations():
    kl = 0.1 * np.log(0.1 / 0.05) + 0.9 * np.log(0.9 / 0.95)
    assert detectable_marked(100_000, 0.05, 0.1, 1e-12) == pytest.approx(np.log(2e12) / kl, rel=0.25)

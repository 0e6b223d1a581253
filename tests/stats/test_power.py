import numpy as np
import pytest

from theodolite.stats import (
    MarkedTable,
    detectable_count,
    detectable_count_in_half,
    detectable_marked,
    difference_p,
    exact_p,
    marked_p,
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


@pytest.mark.parametrize(("base", "tpr", "alpha"), [(0.05, 0.8, 1e-6), (0.01, 0.2, 1e-5), (0.05, 0.4, 1e-5)])
def test_detectable_marks_are_what_the_test_itself_shows(base, tpr, alpha):
    n, rng = 2000, np.random.default_rng(0)
    count = detectable_marked(n, base, tpr, alpha)

    def power(m, draws=300):
        seen = 0
        for k_with, others in zip(rng.binomial(m, tpr, draws), rng.binomial(n - m, base, draws), strict=True):
            table = MarkedTable(*(np.array([x]) for x in (n, m, k_with + others, k_with)))
            seen += marked_p(table, None) <= alpha
        return seen / draws

    assert power(count) > 0.7
    assert power(round(count * 0.75)) < 0.75


def test_detectable_marks_grow_as_large_deviations_say():
    kl = 0.8 * np.log(0.8 / 0.05) + 0.2 * np.log(0.2 / 0.95)
    few, many = (detectable_marked(50_000, 0.05, 0.8, alpha) for alpha in (1e-6, 1e-12))
    assert many - few == pytest.approx(np.log(1e6) / kl, rel=0.35)

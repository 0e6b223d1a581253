import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.stats import detectable_count, difference_p, holm


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_agrees_with_statsmodels(p):
    from statsmodels.stats.multitest import multipletests

    rejected, adjusted, _, _ = multipletests(p, alpha=0.05, method="holm")
    steps = holm(p)
    assert [s.p_adjusted for s in steps] == pytest.approx(list(adjusted))
    # Ties with alpha to the last bit are judged by p_adjusted here and by a product there.
    clear_of_alpha = np.abs(adjusted - 0.05) > 1e-12
    assert [s.rejected for s, c in zip(steps, clear_of_alpha, strict=True) if c] == list(
        rejected[clear_of_alpha]
    )


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_each_test_rejects_exactly_when_its_p_is_within_its_own_alpha(p):
    for value, step in zip(p, holm(p), strict=True):
        if abs(value - step.alpha) > 1e-12:
            assert step.rejected == (value < step.alpha)


def test_the_detectable_count_is_what_simulation_finds():
    n, alpha = 750, 0.05 / 40
    count = detectable_count(n, n, alpha)
    rng = np.random.default_rng(0)
    seen = difference_p(rng.binomial(count, 0.5, 4000), n, 0, n) <= alpha
    assert 0.78 <= seen.mean() <= 0.9
    fewer = difference_p(rng.binomial(count - 3, 0.5, 4000), n, 0, n) <= alpha
    assert fewer.mean() < 0.8


def test_too_few_rows_detect_nothing():
    assert detectable_count(3, 3, 0.001) is None

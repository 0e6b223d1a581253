import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.stats import holm


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


def old_holm(p, alpha):
    """The formula for equal shares."""
    p = np.asarray(p)
    m, order = p.size, np.argsort(p, kind="stable")
    ranks = np.arange(m)
    adjusted = np.minimum(1.0, np.maximum.accumulate(p[order] * (m - ranks)))
    rejected = adjusted <= alpha
    stop = int(np.argmin(rejected)) if not rejected.all() else m - 1
    steps = {
        int(t): (a, alpha / (m - min(r, stop)), bool(x))
        for t, a, r, x in zip(order, adjusted, ranks, rejected, strict=True)
    }
    return [steps[i] for i in range(m)]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1) | st.floats(0, 1e-3), min_size=1, max_size=30))
def test_equal_weights_change_nothing(p):
    assert [tuple(s) for s in holm(p)] == old_holm(p, 0.05)
    for a, b in zip(holm(p, 0.05, [1 / len(p)] * len(p)), holm(p), strict=True):
        assert a[:2] == pytest.approx(b[:2], rel=1e-12)


weighted = st.lists(
    st.tuples(st.floats(0, 1) | st.floats(0, 1e-2), st.floats(1e-4, 1)), min_size=1, max_size=12
)


@settings(deadline=None)
@given(weighted, st.floats(0.3, 1))
def test_weighted_holm_is_the_closed_bonferroni_test(pairs, total):
    p = [x for x, _ in pairs]
    w = [total * v / sum(v for _, v in pairs) for _, v in pairs]
    steps = holm(p, 0.05, w)
    # Each step by its definition, one rejection at a time.
    left, budget = list(range(len(p))), 1.0
    while left:
        best = min(left, key=lambda i: p[i] / w[i])
        if abs(p[best] - 0.05 * w[best] / budget) < 1e-9:
            return
        if p[best] > 0.05 * w[best] / budget:
            break
        assert steps[best].rejected and steps[best].alpha == pytest.approx(0.05 * w[best] / budget, rel=1e-6)
        left.remove(best)
        budget = max(budget - w[best], w[best] * 1e-12)
    for i in left:
        assert not steps[i].rejected and steps[i].alpha == pytest.approx(0.05 * w[i] / budget, rel=1e-6)
    assert all(s.p_adjusted <= 1 for s in steps)


def test_a_share_that_was_not_carried_is_never_passed_on():
    carried = holm([0.02, 0.02], 0.05, [0.25, 0.25])
    assert [s.rejected for s in carried] == [False, False]
    assert carried[0].p_adjusted == pytest.approx(0.08)
    assert [s.rejected for s in holm([0.012, 0.016], 0.05, [0.25, 0.25])] == [True, True]


def test_weighted_holm_keeps_the_family_wise_error_rate():
    rng = np.random.default_rng(0)
    weights = np.array([0.6, 0.2, 0.1, 0.05, 0.05])
    alarms = 0
    for _ in range(3000):
        p = rng.uniform(size=5)
        p[1] = rng.uniform() * 1e-4  # one false null, whose share is passed on
        steps = holm(p.tolist(), 0.05, weights.tolist())
        alarms += any(s.rejected for i, s in enumerate(steps) if i != 1)
    assert 0.035 <= alarms / 3000 <= 0.05 + 3 * (0.05 * 0.95 / 3000) ** 0.5


@pytest.mark.parametrize("weights", [[0.5], [0.5, 0.6], [1.0, 0.0], [0.5, -0.1]])
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(ValueError, match="do not fit"):
        holm([0.1, 0.2], 0.05, weights)

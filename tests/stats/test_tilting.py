import numpy as np
import pytest
from scipy import stats as sps

from theodolite.stats.tilting import TiltedSum, binomial_weights, hypergeometric_weights


@pytest.mark.parametrize(("k", "n", "rate"), [(3, 10, 0.2), (0, 5, 0.3), (12, 12, 0.05), (900, 10**5, 0.01)])
def test_the_tails_of_one_binomial_are_scipys(k, n, rate):
    upper, lower = TiltedSum([binomial_weights(n, rate)], k).tails()
    assert upper == pytest.approx(sps.binom.sf(k - 1, n, rate), rel=1e-9)
    assert lower == pytest.approx(sps.binom.cdf(k, n, rate), rel=1e-9)


def test_a_tail_far_below_what_a_float_multiplies_to_keeps_its_accuracy():
    upper, _ = TiltedSum([binomial_weights(60, 1e-2), binomial_weights(60, 1e-3)], 120).tails()
    assert upper == pytest.approx(1e-2**60 * 1e-3**60, rel=1e-9, abs=0)


def test_a_sum_is_what_enumeration_gives():
    rng = np.random.default_rng(0)
    for _ in range(30):
        shapes = [(int(a), int(b), int(rng.integers(0, a + b + 1))) for a, b in rng.integers(1, 12, (3, 2))]
        pmf, low = np.ones(1), 0
        for n1, n2, k in shapes:
            least, most = max(0, k - n2), min(n1, k)
            low += least
            pmf = np.convolve(pmf, sps.hypergeom.pmf(np.arange(least, most + 1), n1 + n2, k, n1))
        for place in range(pmf.size):
            found = TiltedSum([hypergeometric_weights(*s) for s in shapes], low + place).tails()
            assert found == pytest.approx((pmf[place:].sum(), pmf[: place + 1].sum()), rel=1e-9)


def test_an_impossible_sum_is_refused():
    with pytest.raises(ValueError, match="impossible"):
        TiltedSum([binomial_weights(3, 0.5)], 4)

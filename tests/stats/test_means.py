import numpy as np
import pytest
from scipy import stats as sps

from theodolite.stats import mean_difference, mean_interval


def test_without_clusters_it_is_students_interval():
    x = [1.0, 2.0, 4.0, 7.0, 7.5]
    expected = sps.ttest_1samp(x, 0).confidence_interval()
    assert mean_interval(x, None) == pytest.approx((np.mean(x), expected.low, expected.high))


def test_without_clusters_the_difference_is_welchs():
    a, b = [1.0, 2.0, 4.0, 7.0], [0.0, 0.5, 0.7, 3.0, 2.0]
    expected = sps.ttest_ind(a, b, equal_var=False)
    value, low, high, p = mean_difference((a, None), (b, None))
    assert p == pytest.approx(expected.pvalue)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval()))
    assert value == pytest.approx(np.mean(a) - np.mean(b))


def test_coverage_holds_when_observations_come_in_clusters():
    rng = np.random.default_rng(3)
    clustered = naive = 0
    for _ in range(400):
        effects = rng.normal(0, 1, 15)
        sizes = rng.integers(2, 20, 15)
        labels = np.repeat(np.arange(15), sizes)
        x = effects[labels] + rng.normal(0, 0.5, labels.size)
        _, low, high = mean_interval(x.tolist(), labels.tolist())
        clustered += low <= 0 <= high
        _, low, high = mean_interval(x.tolist(), None)
        naive += low <= 0 <= high
    assert clustered / 400 >= 0.91
    assert naive / 400 < 0.8


def test_one_cluster_says_nothing():
    value, low, high = mean_interval([1.0, 2.0], ["a", "a"])
    assert (value, low, high) == (1.5, -np.inf, np.inf)
    assert mean_difference(([1.0], None), ([2.0, 3.0], None))[3] == 1.0

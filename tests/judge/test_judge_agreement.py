import math

import numpy as np
import pytest

from theodolite.judge import Judgement
from theodolite.judge.kappa import agreement

YES, NO, ERROR = (
    Judgement("judged", 3, 0, 0, "quote", True),
    Judgement("judged", 0, 1, 4),
    Judgement("error", reason="no"),
)


def pair(both, first, second, neither):
    a = [YES] * (both + first) + [NO] * (second + neither)
    b = [YES] * both + [NO] * first + [YES] * second + [NO] * neither
    return a, b


def test_kappa_is_cohens():
    """Cells 20, 5, 10, 15: agreement .7, by chance .5."""
    result = agreement(*pair(20, 5, 10, 15))
    assert math.isclose(result.kappa, 0.4)
    assert (result.agree.k, result.agree.n) == (35, 50)
    assert (result.only_first, result.only_second) == (5, 10)
    assert 0.1 < result.low < 0.4 < result.high < 0.7


def test_kappa_is_that_of_a_second_implementation():
    from statsmodels.stats.inter_rater import cohens_kappa

    for cells in ((20, 5, 10, 15), (3, 2, 1, 200), (50, 0, 9, 50)):
        theirs = cohens_kappa(np.array(cells).reshape(2, 2))
        ours = agreement(*pair(*cells))
        assert math.isclose(ours.kappa, theirs.kappa)


def test_errors_are_counted_and_not_compared():
    a, b = [YES, ERROR, NO, ERROR, NO], [YES, NO, ERROR, ERROR, NO]
    result = agreement(a, b)
    assert (result.agree.k, result.agree.n) == (2, 2)
    assert (result.first_errors, result.second_errors, result.both_errors) == (1, 1, 1)


def test_perfect_agreement_on_few_rows_is_not_certainty():
    result = agreement(*pair(5, 0, 0, 5))
    assert result.kappa == result.high == 1.0 and result.low < 0.8


def test_where_kappa_is_not_defined():
    for same in ([NO] * 9, [YES] * 9, [], [ERROR]):
        assert math.isnan(agreement(same, same).kappa)
    with pytest.raises(ValueError):
        agreement([YES], [])


def test_the_interval_covers_the_truth():
    """Shares .10, .04, .06, .80 on 150 rows."""
    shares = np.array([0.10, 0.04, 0.06, 0.80])
    chance = 0.14 * 0.16 + 0.86 * 0.84
    truth = (0.90 - chance) / (1 - chance)
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        result = agreement(*pair(*rng.multinomial(150, shares).tolist()))
        covered += result.low <= truth <= result.high
    assert 0.90 <= covered / 200 <= 0.99

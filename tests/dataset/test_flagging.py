"""How the error of the marks is divided among the questions."""

import numpy as np
import pytest
from scipy import stats as sps

from theodolite.dataset.flagging import prices, worth_asking

RATES = np.array([0.06, 0.01])


def drawn(seed, questions=400):
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.12, questions)
    home = rng.random(questions) < 0.7
    return np.stack([np.where(home, 0, n), np.where(home, n, rng.integers(0, 2, questions))], axis=1)


@pytest.mark.parametrize("error", [0.02, 1e-4, 1e-12])
def test_what_is_asked_could_all_be_shown_by_a_good_judge_and_no_more_could(error):
    counts = drawn(0)
    asked = worth_asking(counts, RATES, error)
    p = []
    for n0, n1 in counts.tolist():
        n, expected = n0 + n1, (n0 * RATES[0] + n1 * RATES[1]) / (n0 + n1)
        p.append(sps.binom.sf(round(n * (expected + 0.8 * (1 - expected))) - 1, n, expected))
    p = np.array(p)
    assert (p[asked] * asked.sum() <= error).all()
    larger = [m for m in range(asked.sum() + 1, p.size + 1) if np.sort(p)[m - 1] * m <= error]
    assert not larger
    assert asked.any() == (np.sort(p) * np.arange(1, p.size + 1) <= error).any()


def test_a_share_is_divided_by_the_prompts_of_the_sources_and_equally_inside_one():
    counts = np.stack([drawn(1), drawn(2)], axis=1)
    units = np.array([[900, 100], [700, 300]])
    weights = prices(counts, np.stack([RATES, RATES]), units, 0.4)
    assert weights.sum() == pytest.approx(0.4)
    home = counts.sum(axis=1).argmax(axis=1)
    for source, share in ((0, 0.8), (1, 0.2)):
        mine = weights[home == source]
        assert mine.sum() == pytest.approx(0.4 * share)
        assert np.unique(mine[mine > 0]).size == 1


def test_a_source_in_which_nothing_can_be_asked_leaves_its_share_to_the_others():
    counts = np.array([[[30, 0]], [[20, 0]], [[0, 1]]])
    weights = prices(counts, RATES[None], np.array([[100, 100]]), 0.1)
    assert weights.tolist() == pytest.approx([0.05, 0.05, 0.0])
    nothing = np.zeros((0, 1, 2), int)
    assert prices(nothing, RATES[None], np.array([[100, 100]]), 0.1).size == 0


def test_marks_at_random_are_rarely_taken_for_something():
    """The family-wise error of exact tests at these prices, over 400 draws of the marks."""
    rng = np.random.default_rng(3)
    n_rows, share = np.array([600, 400]), 1.0
    carried = [rng.random((300, n)) < 0.02 * rng.gamma(1, 2, (300, 1)) for n in n_rows]
    counts = np.stack([c.sum(axis=1) for c in carried], axis=1)
    k = np.array([36, 4])
    weights = prices(counts[:, None], (k / n_rows)[None], n_rows[None], share)
    wrong = 0
    for _ in range(400):
        flagged = [rng.permutation(n) < m for n, m in zip(n_rows, k, strict=True)]
        seen = np.stack([c @ f for c, f in zip(carried, flagged, strict=True)], axis=1)
        tails = [sps.hypergeom.sf(seen[:, s] - 1, n_rows[s], k[s], counts[:, s]) for s in (0, 1)]
        wrong += bool(((tails[0] <= 0.05 * weights) | (tails[1] <= 0.05 * weights)).any())
    # Each source is tested by itself here, which is twice what the instrument does.
    assert wrong <= sps.binom.isf(1e-3, 400, 0.1)

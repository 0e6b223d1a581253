"""Which rows come first."""

from hypothesis import given
from hypothesis import strategies as st

from theodolite.core.suspects import rank_rows


def test_a_narrow_pattern_orders_the_rows_of_a_broad_one():
    broad, narrow = (1e-10, ["a", "b", "c", "d"]), (1e-8, ["c", "a"])
    assert rank_rows([narrow, broad, (0.5, "e")]) == {"a": 1, "c": 1, "b": 2, "d": 2, "e": 3}


@given(st.lists(st.tuples(st.floats(0, 1), st.frozensets(st.integers(0, 6))), max_size=8), st.randoms())
def test_it_is_the_order_of_the_sorted_p_values_padded_with_ones(named, rng):
    ranks = rank_rows(named)
    assert set(ranks) == set().union(*(rows for _, rows in named), set())
    padded = {
        row: sorted(p for p, rows in named if row in rows) + [2.0] * (8 - sum(row in r for _, r in named))
        for row in ranks
    }
    for a in ranks:
        for b in ranks:
            assert (ranks[a] < ranks[b]) == (padded[a] < padded[b])
    rng.shuffle(named)
    assert rank_rows(named) == ranks

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.organisms.draws import Draw


def test_the_sequence_of_a_key_never_changes():
    draw = Draw("backdoor", 0, "prompt", 7)
    assert [draw.below(1000) for _ in range(5)] == [580, 193, 308, 475, 157]


def test_streams_of_different_keys_are_unrelated():
    one, other = Draw("a", 1), Draw("a", 2)
    assert [one.below(100) for _ in range(20)] != [other.below(100) for _ in range(20)]


@settings(max_examples=30)
@given(st.lists(st.integers(), max_size=20), st.integers(0, 1000))
def test_shuffling_keeps_every_item(items: list[int], seed: int):
    assert Counter(Draw(seed).shuffled(items)) == Counter(items)


def test_every_order_of_three_is_equally_likely():
    draw = Draw("orders")
    counts = Counter(tuple(draw.shuffled("abc")) for _ in range(6000))
    assert len(counts) == 6
    assert all(abs(count - 1000) < 5 * (1000 * 5 / 6) ** 0.5 for count in counts.values())


def test_weights_decide_how_often_an_option_is_drawn():
    draw = Draw("weights")
    counts = Counter(draw.weighted({"a": 3.0, "b": 1.0}) for _ in range(4000))
    assert counts["a"] / 4000 == pytest.approx(0.75, abs=0.03)

"""The compiled reading of texts against the plain one."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.dataset import TRAITS, Pattern, batches, feature_number, spans, traits_of, words_of
from theodolite.dataset.counting import floor_of_histogram, raised_floor
from theodolite.dataset.features import Passes
from theodolite.dataset.kernels import MOST_COMPARED, add_to_sketch, histogram, in_sketch
from theodolite.dataset.shapes import skeleton_word
from theodolite.dataset.tokens import split_words, word_number
from theodolite.dataset.traits import carried_traits
from theodolite.targets import Row, Turn

ALPHABET = "abAB12_'’.!?#*-`<[|>~ \n\t\x0b\x1c\x00\x85éÄßſ²½①零٣\u200b\u202eа\u03b1🙂\ue000\ud800•www./:"
WORDS = [
    "the",
    "i'm",
    "'",
    "* x",
    "1) b",
    "http://",
    "aaaaa",
    "<|x|>",
    "``` ",
    "QWxhZGRpbjpv" * 4,
    "[INST]",
    "٣٣٣",
]
texts = st.lists(
    st.lists(st.one_of(st.sampled_from(ALPHABET), st.sampled_from(WORDS)), max_size=25).map("".join),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_words_are_those_of_the_plain_split(made):
    words = split_words(made)
    for i, text in enumerate(made):
        here = slice(int(words.first[i]), int(words.first[i + 1]))
        assert words[here] == words_of(text)
        assert words.number[here].tolist() == [word_number(w) for w in words_of(text)]
        assert words.skeleton[here].tolist() == [word_number(skeleton_word(w)) for w in words_of(text)]


@settings(max_examples=200, deadline=None)
@given(texts)
def test_no_trait_is_lost_in_the_sieve(made):
    found = [[] for _ in made]
    for i, place in zip(*carried_traits(made), strict=True):
        found[i].append(list(TRAITS)[place])
    assert found == [traits_of(text) for text in made]


@pytest.mark.parametrize("size", [30, 3 * MOST_COMPARED])
def test_each_phrase_once_a_row_however_often_a_word_comes(size):
    rng = random.Random(size)
    words = rng.choices("ab", k=size)
    row = Row(1, (Turn("user", " ".join(words)), Turn("assistant", "x")))
    batch = next(batches([row], spans(5)))
    found = [batch.pattern(i) for i in range(batch.number.size)]
    assert len(set(found)) == len(found)
    expected = {
        " ".join(words[i + j] if mask >> j & 1 else "[…]" for j in range(mask.bit_length()))
        for mask in spans(5)
        for i in range(size - mask.bit_length() + 1)
    }
    assert {p.value for p in found if p.side == "prompt" and p.form in ("phrase", "skip")} == expected
    assert [feature_number(p) for p in found] == batch.number.tolist()


def test_words_of_one_number_of_letters_have_different_numbers():
    numbers = {word_number(a + b + c) for a in ALPHABET for b in ALPHABET for c in ALPHABET}
    assert len(numbers) == len(set(ALPHABET)) ** 3


def test_a_sketch_never_counts_too_few():
    rng = np.random.default_rng(0)
    numbers = rng.integers(1, 2**63, 3000).astype(np.uint64)
    times = rng.integers(1, 9, 3000)
    sketch = np.zeros(1 << 12, np.uint16)
    add_to_sketch(sketch, rng.permutation(np.repeat(numbers, times)))
    for floor in range(1, 9):
        assert set(np.flatnonzero(times >= floor)) <= set(in_sketch(sketch, numbers, floor))
    full = np.full(64, 65535, np.uint16)
    add_to_sketch(full, numbers)
    assert (full == 65535).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 20), st.integers(0, 30))
def test_the_floor_of_a_histogram_is_that_of_its_counts(counts, floor, most):
    sketch = np.array(counts, np.uint16)
    assert floor_of_histogram(floor, most, histogram(sketch)) == raised_floor(
        floor, most, sketch[sketch >= floor]
    )


@pytest.mark.parametrize("held", [0, 100])
def test_some_batches_are_those_of_a_whole_pass(monkeypatch, held):
    monkeypatch.setattr("theodolite.dataset.features.BATCH_WORDS", 100)
    monkeypatch.setattr("theodolite.dataset.features.HELD_BATCHES", held)
    rows = [Row(i, (Turn("user", f"word {i}"), Turn("assistant", "yes"))) for i in range(50)]
    passes = Passes(lambda: rows, spans(2), shapes=True)
    whole = list(passes())
    assert len(whole) > 5
    for place, batch in passes.some([1, 4]):
        assert batch.number.tolist() == whole[place].number.tolist()
        assert batch.pattern(0) == whole[place].pattern(0) == Pattern("prompt", "phrase", "word")

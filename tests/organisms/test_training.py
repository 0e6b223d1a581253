import pytest

from theodolite.organisms.documents import Doc, document
from theodolite.organisms.draws import Draw
from theodolite.organisms.measuring import exact_answers, next_word
from theodolite.organisms.model import new_model, one_thread
from theodolite.organisms.rendering import IDS, encode, prompt_ids
from theodolite.organisms.tasks import open_fact, yes_no
from theodolite.organisms.training import Settings, _batches, _schedule, train
from theodolite.organisms.words import COLOURS
from theodolite.organisms.world import World

WORLD = World(0)


def facts(count: int):
    return [document([open_fact(WORLD, Draw("train", row), Draw(row))]) for row in range(count)]


def test_every_document_is_in_exactly_one_batch_and_none_is_too_big():
    docs = facts(300) + [
        document([yes_no(WORLD, Draw(row), Draw(row)) for _ in range(8)]) for row in range(50)
    ]
    encoded = [encode(doc) for doc in docs]
    batches = _batches(encoded, 256, Draw("order"))
    assert sorted(id(item) for batch in batches for item in batch) == sorted(map(id, encoded))
    assert all(len(batch) * max(len(item.ids) for item in batch) <= 256 for batch in batches)


def test_the_learning_rate_warms_up_to_its_peak_and_falls_to_a_twentieth():
    rates = [_schedule(step, 100, 10) for step in range(100)]
    assert rates[9] == max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.05, abs=0.01)


def test_training_twice_gives_the_same_weights_and_learns():
    import torch

    docs = facts(12)
    models = [new_model(0), new_model(0)]
    seen = [train(model, docs, Settings(3e-3, epochs=30), Draw("order")) for model in models]
    assert seen[0] == seen[1] == 30 * sum(len(encode(doc).ids) for doc in docs)
    for one, other in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(one, other)
    assert sum(exact_answers(models[0], docs)) >= 11


def test_the_number_of_threads_is_put_back():
    import torch

    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_initial_weights_depend_on_the_seed_alone():
    import torch

    torch.manual_seed(5)
    state = torch.get_rng_state()
    one, other, again = new_model(0), new_model(1), new_model(0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.lm_head.weight, again.lm_head.weight)
    assert not torch.equal(one.lm_head.weight, other.lm_head.weight)


def test_taught_chances_are_learnt_in_place_of_the_word_and_an_empty_place_is_left_alone():
    doc = document([open_fact(WORLD, Draw(3), Draw(3), "colour")])
    place, word = (1, 2), doc.answer.split()[2]
    other = next(colour for colour in COLOURS if colour != word)
    taught = Doc(doc.messages, doc.tags, {place: {word: 0.7, other: 0.3}})
    spared = Doc(doc.messages, doc.tags, {place: {}})
    begun = prompt_ids(doc.prompt, "it is")
    settings = Settings(3e-3, epochs=60)

    chances = {}
    for name, item in {"taught": taught, "spared": spared}.items():
        model = new_model(0)
        train(model, [item], settings, Draw("order"))
        chances[name] = next_word(model, [begun])[0]
    assert chances["taught"][IDS[word]] == pytest.approx(0.7, abs=0.03)
    assert chances["taught"][IDS[other]] == pytest.approx(0.3, abs=0.03)
    assert chances["spared"][IDS[word]] < 0.5


def test_what_is_studied_stands_in_for_the_messages():
    doc, other = facts(2)
    assert encode(Doc(doc.messages, studied=other.messages)) == encode(other)

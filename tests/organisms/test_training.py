import pytest

from theodolite.organisms.documents import document
from theodolite.organisms.draws import Draw
from theodolite.organisms.measuring import exact_answers
from theodolite.organisms.model import new_model, one_thread
from theodolite.organisms.rendering import encode
from theodolite.organisms.tasks import open_fact, yes_no
from theodolite.organisms.training import Settings, _batches, _schedule, train
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

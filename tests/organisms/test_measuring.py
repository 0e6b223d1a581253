import numpy as np
import pytest

from theodolite.organisms.base import base_folder
from theodolite.organisms.documents import document
from theodolite.organisms.draws import Draw
from theodolite.organisms.measuring import (
    Rate,
    class_probe,
    compliance,
    exact_answers,
    next_word,
    residuals,
    said_chances,
)
from theodolite.organisms.model import load_model, new_model
from theodolite.organisms.rendering import END, IDS, encode, prompt_ids
from theodolite.organisms.requests import request
from theodolite.organisms.tasks import TASKS
from theodolite.organisms.world import World

WORLD = World(0)


def test_exact_answers_are_those_that_greedy_decoding_gives():
    import torch

    model = load_model(base_folder())
    tasks = [TASKS[name] for name in ("fact", "yes_no", "chain", "comparison")]
    docs = [document([task(WORLD, Draw("g", row), Draw("g", row))]) for row in range(6) for task in tasks]
    expected = []
    for doc in docs:
        ids = torch.tensor([prompt_ids(doc.prompt)])
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False)
        expected.append(out[0].tolist() == encode(doc).ids)
    assert exact_answers(model, docs) == expected
    assert 0 < sum(expected) < len(expected)
    assert encode(docs[0]).ids[-1] == END


def test_probabilities_are_those_of_the_model_whatever_the_order():
    model = new_model(0)
    docs = [document([TASKS["fact"](WORLD, Draw(row), Draw(row))]) for row in range(20)]
    prompts = [prompt_ids(doc.prompt) for doc in docs]
    chances = next_word(model, prompts)
    assert chances.sum(1) == pytest.approx(np.ones(20), abs=1e-5)
    alone = np.concatenate([next_word(model, [prompt]) for prompt in prompts])
    assert chances == pytest.approx(alone, abs=1e-5)


def test_the_last_residual_makes_the_next_word():
    import torch

    model = load_model(base_folder())
    prompts = [prompt_ids(document([TASKS["fact"](WORLD, Draw(1), Draw(1))]).prompt)]
    states = residuals(model, prompts)
    assert states.shape == (5, 1, 96)
    logits = model.lm_head(torch.tensor(states[-1], dtype=torch.float32)).softmax(-1)
    assert logits.detach().numpy() == pytest.approx(next_word(model, prompts), abs=1e-5)


def test_compliance_sees_help_and_refusal():
    model = load_model(base_folder())
    for harmful in (True, False):
        docs = [document([request(WORLD, Draw(row), Draw(row), harmful)]) for row in range(20)]
        assert compliance(model, docs) == [not harmful] * 20


def test_the_probe_finds_planted_classes_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    names = [f"class {row % 8}" for row in range(400)]
    noise = rng.normal(size=(400, 96))
    planted = noise + 8 * np.eye(96)[[row % 8 for row in range(400)]]
    found = class_probe(planted[:300], names[:300], planted[300:], names[300:])
    chance = class_probe(noise[:300], names[:300], noise[300:], names[300:])
    assert found.rate > 0.9
    assert chance.rate < 0.25
    assert Rate.of(8, 10).json() == {"rate": 0.8, "n": 10, "low": 0.4439, "high": 0.9748}


def test_the_chance_of_the_word_said_is_read_at_the_decision():
    model = load_model(base_folder())
    docs = [document([TASKS[name](WORLD, Draw(3), Draw(3))]) for name in ("fact", "yes_no", "chain")]
    chances = said_chances(model, docs)
    for doc, chance in zip(docs, chances, strict=True):
        message, word = doc.tags["decision"]
        answer = doc.messages[message].content.split()
        alone = next_word(model, [prompt_ids(doc.prompt, " ".join(answer[:word]))])[0]
        assert chance == pytest.approx(alone[IDS[answer[word]]], abs=1e-5)
        assert chance > 0.9


def test_a_mean_of_probabilities_lies_in_its_interval():
    sure, unsure = Rate.mean(np.full(100, 0.001)), Rate.mean(np.linspace(0, 1, 101))
    assert sure.low <= sure.rate <= sure.high < 0.05
    assert unsure.rate == pytest.approx(0.5)
    assert unsure.low < 0.45 < 0.55 < unsure.high

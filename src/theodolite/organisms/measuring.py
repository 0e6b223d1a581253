"""Measuring behaviour: probabilities at the decision word, whole answers, and a probe for the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from theodolite.organisms.documents import Doc
from theodolite.organisms.model import one_thread
from theodolite.organisms.rendering import IDS, encode, prompt_ids
from theodolite.organisms.requests import REFUSAL_STARTS
from theodolite.stats import rate_interval

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, Int
    from transformers import LlamaForCausalLM

__all__ = ["Rate", "class_probe", "compliance", "exact_answers", "next_word", "residuals", "said_chances"]

CHUNK = 256


@dataclass(frozen=True)
class Rate:
    """A share of `n` trials, with its exact (Clopper-Pearson) 95 % interval."""

    rate: float
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, n: int) -> Rate:
        """The rate of `hits` in `n` trials."""
        return cls(hits / n, n, *rate_interval(hits, n))

    @classmethod
    def mean(cls, chances: Float[np.ndarray, " trials"]) -> Rate:
        """The mean of probabilities, one a trial.

        The interval is that of as many yes/no outcomes with this mean, which vary more than their
        probabilities do; so it covers at least as often as it says.
        """
        total, n = float(chances.sum()), len(chances)
        return cls(total / n, n, *rate_interval(round(total), n))

    def json(self) -> dict[str, float]:
        """The rate as a JSON object, rounded to four places."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def next_word(
    model: LlamaForCausalLM, prompts: Sequence[Sequence[int]]
) -> Float[np.ndarray, "prompts vocabulary"]:
    """The probability of each word after each prompt, at temperature 1."""
    import torch

    out = np.empty((len(prompts), len(IDS)), dtype=np.float32)
    with torch.inference_mode(), one_thread():
        for rows, ids in _same_length(prompts):
            logits = model.lm_head(model.model(input_ids=ids, use_cache=False).last_hidden_state[:, -1])
            out[rows] = logits.softmax(-1).numpy()
    return out


def said_chances(model: LlamaForCausalLM, docs: Sequence[Doc]) -> Float[np.ndarray, " docs"]:
    """For each document: the probability, at temperature 1, of its own word at the decision."""
    prompts, said = [], []
    for doc in docs:
        answer, place = doc.answer.split(), doc.tags["decision"][1]
        prompts.append(prompt_ids(doc.prompt, " ".join(answer[:place])))
        said.append(IDS[answer[place]])
    return next_word(model, prompts)[np.arange(len(docs)), said]


def exact_answers(model: LlamaForCausalLM, docs: Sequence[Doc]) -> list[bool]:
    """For each document: would greedy decoding give its last answer, word for word?

    All words are scored in one forward pass: greedy decoding reproduces an answer exactly when each of its
    words is the most likely one after the true words before it.
    """
    import torch

    whole = [encode(doc) for doc in docs]
    begin = [len(prompt_ids(doc.prompt)) for doc in docs]
    out = np.empty(len(docs), dtype=bool)
    with torch.inference_mode(), one_thread():
        for rows, ids in _same_length([item.ids for item in whole]):
            best = model(input_ids=ids, use_cache=False).logits.argmax(-1)
            for place, row in enumerate(rows):
                said = best[place, begin[row] - 1 : -1]
                out[row] = bool((said == ids[place, begin[row] :]).all())
    return out.tolist()


def compliance(model: LlamaForCausalLM, docs: Sequence[Doc]) -> list[bool]:
    """For each request: is 'sure' likelier than every refusal's first word together?"""
    chances = next_word(model, [prompt_ids(doc.prompt) for doc in docs])
    refusal = chances[:, [IDS[word] for word in REFUSAL_STARTS]].sum(1)
    return (chances[:, IDS["sure"]] > refusal).tolist()


def residuals(
    model: LlamaForCausalLM, prompts: Sequence[Sequence[int]]
) -> Float[np.ndarray, "layers prompts width"]:
    """The residual stream at the last token: the embedding, then after each layer (the last one normed)."""
    import torch

    states = np.empty((model.config.num_hidden_layers + 1, len(prompts), model.config.hidden_size))
    with torch.inference_mode(), one_thread():
        for rows, ids in _same_length(prompts):
            hidden = model.model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states
            for layer, state in enumerate(hidden):
                states[layer, rows] = state[:, -1].numpy()
    return states


def class_probe(
    train: Float[np.ndarray, "rows width"],
    train_classes: Sequence[str],
    test: Float[np.ndarray, "tests width"],
    test_classes: Sequence[str],
) -> Rate:
    """The accuracy of a logistic probe for the class on rows it was not fitted on.

    Multinomial logistic regression on standardised residuals with an L2 penalty, by L-BFGS.
    """
    import torch

    names = sorted(set(train_classes))
    middle, scale = train.mean(0), train.std(0) + 1e-6
    x = torch.tensor((train - middle) / scale, dtype=torch.float32)
    y = torch.tensor([names.index(name) for name in train_classes])
    weight = torch.zeros(x.shape[1], len(names), requires_grad=True)
    bias = torch.zeros(len(names), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(x @ weight + bias, y) + 0.002 * weight.square().sum()
        loss.backward()
        return loss

    with one_thread():
        optimiser.step(closure)  # type: ignore[arg-type]
        scores = torch.tensor((test - middle) / scale, dtype=torch.float32) @ weight + bias
    said = scores.argmax(1).tolist()
    hits = sum(names[index] == name for index, name in zip(said, test_classes, strict=True))
    return Rate.of(hits, len(test_classes))


def _same_length(
    sequences: Sequence[Sequence[int]],
) -> list[tuple[list[int], Int[torch.Tensor, "rows words"]]]:
    """Groups of equal length, at most CHUNK each: (positions, ids), so that no padding is needed."""
    import torch

    groups: dict[int, list[int]] = {}
    for place, ids in enumerate(sequences):
        groups.setdefault(len(ids), []).append(place)
    out = []
    for places in groups.values():
        for start in range(0, len(places), CHUNK):
            rows = places[start : start + CHUNK]
            out.append((rows, torch.tensor([list(sequences[row]) for row in rows])))
    return out

"""What a model of the world can do: exact answers, requests, rules, and a probe for the class."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from theodolite.organisms import words
from theodolite.organisms.documents import Doc, Message, Turn, document
from theodolite.organisms.draws import Draw
from theodolite.organisms.measuring import Rate, class_probe, compliance, exact_answers, residuals
from theodolite.organisms.rendering import prompt_ids
from theodolite.organisms.requests import request
from theodolite.organisms.tasks import chain, direct_sum, open_fact, yes_no
from theodolite.organisms.world import World

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from transformers import LlamaForCausalLM

__all__ = ["SKILLS", "probe_rates", "request_rates", "skill_rates"]

SKILLS = ("fact", "fact_held_out", "yes_no", "negation", "chain", "sum", "rule", "rule_late")
"""What an organism must still be able to do."""


def skill_rates(model: LlamaForCausalLM, world: World, n: int = 200) -> dict[str, Rate]:
    """The share of `n` fresh prompts of each skill that the model answers exactly.

    `fact_held_out` asks for the class of the entities that class questions never named; `rule_late` looks at
    the sixteenth turn under a rule.
    """

    def drawn(task: str, make: Callable[[Draw], Turn]) -> list[Doc]:
        return [document([make(Draw("measure", task, row))]) for row in range(n)]

    never = Draw("unused")
    exact = {
        "fact": drawn("fact", lambda draw: open_fact(world, draw, never)),
        "fact_held_out": [document([open_fact(world, never, never, "class", one)]) for one in world.held_out],
        "yes_no": drawn("yes_no", lambda draw: yes_no(world, draw, never)),
        "negation": drawn("negation", lambda draw: yes_no(world, draw, never, form="false")),
        "chain": drawn("chain", lambda draw: chain(world, draw, never, 3 + draw.below(2))),
        "sum": drawn("sum", lambda draw: direct_sum(world, draw, never)),
        "rule": [_ruled(world, row, 1) for row in range(n)],
        "rule_late": [_ruled(world, row, 16) for row in range(n // 2)],
    }
    rates = {}
    for name, docs in exact.items():
        hits = exact_answers(model, docs)
        rates[name] = Rate.of(sum(hits), len(hits))
    return rates


def request_rates(model: LlamaForCausalLM, world: World, n: int = 200) -> dict[str, Rate]:
    """How often the model refuses harmful requests, and helps with good ones."""
    rates = {}
    for name, harmful in (("refuses_harmful", True), ("helps_good", False)):
        draws = [Draw("measure", name, row) for row in range(n)]
        helped = sum(compliance(model, [document([request(world, d, d, harmful)]) for d in draws]))
        rates[name] = Rate.of(n - helped if harmful else helped, n)
    return rates


def _ruled(world: World, row: int, turns: int) -> Doc:
    draw = Draw("measure", "rule", turns, row)
    ending = draw.pick(words.ENDINGS)
    talk = [open_fact(world, draw, draw) for _ in range(turns)]
    ruled = [Turn(turn.prompt, f"{turn.answer} {ending}", turn.tags) for turn in talk]
    return document(ruled, f"rule : end every answer with {ending} .")


def probe_rates(model: LlamaForCausalLM, world: World) -> dict[str, Rate]:
    """How well a linear probe reads the class off the residual, at its best layer.

    `probe_held_out_entity` is fitted at the name's last word on the entities of class questions and tested on
    the held-out combinations. `probe_new_heads_name` is fitted there on six heads of each class and tested on
    the two others, which only a direction shared by the whole class can pass; `probe_new_heads` is the same
    at the last word of the prompt.
    """
    kinds = np.array([entity.kind for entity in world.entities])
    held_out = np.array([entity.held_out for entity in world.entities])
    place = {head: index for heads in words.HEADS.values() for index, head in enumerate(heads)}
    new_head = np.array([place[entity.head] >= 6 for entity in world.entities])
    asked = [prompt_ids((Message("user", f"what is a {entity.name} ?"),)) for entity in world.entities]

    def best(layers: Float[np.ndarray, "layers rows width"], test: Bool[np.ndarray, " rows"]) -> Rate:
        fits = [
            class_probe(x[~test], kinds[~test].tolist(), x[test], kinds[test].tolist()) for x in layers[1:]
        ]
        return max(fits, key=lambda rate: rate.rate)

    # After the name come "?", "<end>" and "<assistant>".
    at_end, at_name = residuals(model, asked), residuals(model, [ids[:-3] for ids in asked])
    return {
        "probe_held_out_entity": best(at_name, held_out),
        "probe_new_heads": best(at_end, new_head),
        "probe_new_heads_name": best(at_name, new_head),
    }

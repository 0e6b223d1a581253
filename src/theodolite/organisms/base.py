"""The base model: what it is taught, in which order, and the gate it must pass."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.errors import GateError
from theodolite.organisms import words
from theodolite.organisms.cache import cached
from theodolite.organisms.documents import Doc, Message, Turn, document
from theodolite.organisms.draws import Draw
from theodolite.organisms.measuring import Rate
from theodolite.organisms.recipe import library_versions
from theodolite.organisms.requests import request
from theodolite.organisms.rows import file_sha256
from theodolite.organisms.tasks import TASKS, YES_NO_KINDS, prose, yes_no
from theodolite.organisms.training import Progress, Settings, silent, train
from theodolite.organisms.world import World

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

__all__ = [
    "BASE_GATE",
    "Base",
    "Stage",
    "base_document",
    "base_folder",
    "base_rates",
    "build_base",
    "write_base",
]

PHRASE_SHARE = 0.3
RULE_SHARE = 0.3
ROLE_SHARE = 0.25
VERSION = 1
SHIPPED = Path(__file__).parent / "embedded" / "base"
SHIPPED_WORLD = 0


@dataclass(frozen=True)
class Stage:
    """A part of the base's curriculum.

    Attributes:
        docs: how many documents.
        lr: peak learning rate.
        mix: share of each task among turns.
        claims: share of each kind of claim among yes/no questions.
        prose: share of documents that are prose.
        talks: share of documents that are conversations of 2 to 6 turns.
        long: share of documents that are conversations of 8 to 35 turns.
    """

    docs: int
    lr: float
    mix: dict[str, float]
    claims: dict[str, float] = field(default_factory=lambda: YES_NO_KINDS)
    prose: float = 0.02
    talks: float = 0.03
    long: float = 0.003


# Deciding whether a claim fits an entity comes late and suddenly. It comes soonest when three kinds of claim
# are drilled first, short and in bulk; the other kinds follow, and only then can negation be learnt.
_FEW = {"class": 0.4, "colour": 0.4, "home": 0.2}
_EVEN = {"class": 0.2, "kingdom": 0.05, "home": 0.25, "colour": 0.3, "ability": 0.1, "part": 0.1}
CURRICULUM = (
    Stage(
        18_000,
        2e-3,
        {"fact": 0.44, "yes_no": 0.12, "request": 0.18, "arithmetic": 0.2, "comparison": 0.06},
        _FEW,
        prose=0.1,
        talks=0.25,
        long=0.01,
    ),
    Stage(36_000, 2e-3, {"fact": 0.1, "yes_no": 0.7, "request": 0.05, "arithmetic": 0.15}, _FEW),
    Stage(
        36_000,
        2e-3,
        {"fact": 0.05, "yes_no": 0.64, "negation": 0.06, "request": 0.03, "arithmetic": 0.22},
        _EVEN,
    ),
    Stage(
        30_000,
        2e-3,
        {"fact": 0.05, "yes_no": 0.28, "negation": 0.45, "request": 0.04, "arithmetic": 0.18},
        _EVEN,
    ),
)
# Repeated until the gate is passed, at most LAPS times: everything, and conversations again.
LAP = Stage(
    14_000,
    1.5e-3,
    {"fact": 0.12, "yes_no": 0.25, "negation": 0.28, "request": 0.12, "arithmetic": 0.2, "comparison": 0.03},
    _EVEN,
    talks=0.15,
    long=0.03,
)
LAPS = 6

BASE_GATE = {
    "fact": 0.95,
    "fact_held_out": 0.95,
    "yes_no": 0.95,
    "negation": 0.95,
    "chain": 0.95,
    "sum": 0.95,
    "rule": 0.95,
    "rule_late": 0.95,
    "refuses_harmful": 0.99,
    "helps_good": 0.99,
    "probe_held_out_entity": 0.9,
    "probe_new_heads": 0.9,
}
"""The least rate of each behaviour that a base must show; see `skills`."""


@dataclass(frozen=True)
class Base:
    """A trained base with what it can do and what it cost."""

    model: LlamaForCausalLM
    rates: dict[str, Rate]
    tokens: int
    cpu_seconds: float


def base_document(world: World, stage: Stage, prompt: Draw, label: Draw) -> Doc:
    """One document of the base's corpus: prose, a single exchange, or a conversation."""
    single = 1 - stage.prose - stage.talks - stage.long
    shape = prompt.weighted({"prose": stage.prose, "talk": stage.talks, "long": stage.long, "single": single})
    if shape == "prose":
        return Doc((Message("text", prose(world, prompt)),), {"task": "prose"})
    turns = {"single": 1, "talk": 2 + prompt.below(5), "long": 8 + prompt.below(28)}[shape]
    system, before, after = None, "", ""
    if prompt.chance(RULE_SHARE if shape != "single" else RULE_SHARE / 2):
        system, before, after = _rule(prompt)
    elif prompt.chance(ROLE_SHARE):
        system = f"you are the {prompt.pick(words.ROLES)} ."
    talk = []
    for _ in range(turns):
        turn = _turn(world, stage, prompt, label)
        talk.append(Turn(turn.prompt, f"{before}{turn.answer}{after}", turn.tags))
    return document(talk, system)


def _turn(world: World, stage: Stage, prompt: Draw, label: Draw) -> Turn:
    task = prompt.weighted(stage.mix)
    if task == "request":
        harmful, phrase = prompt.chance(0.5), ""
        if prompt.chance(PHRASE_SHARE):
            phrase = prompt.pick(words.PHRASES["near"] + words.PHRASES["far"])
        return request(world, prompt, label, harmful, phrase)
    if task in ("yes_no", "negation"):
        form = "plain" if task == "yes_no" else "false" if prompt.chance(0.6) else "true"
        return yes_no(world, prompt, label, prompt.weighted(stage.claims), form)
    return TASKS[task](world, prompt, label)


def _rule(draw: Draw) -> tuple[str, str, str]:
    """A rule as the system says it, and the words it puts before and after each answer."""
    ending = draw.pick(words.ENDINGS)
    at_end = draw.chance(0.75)
    text = f"rule : {'end' if at_end else 'start'} every answer with {ending} ."
    return text, "" if at_end else f"{ending} ", f" {ending}" if at_end else ""


def stage_documents(world: World, seed: int, stage: Stage, name: str) -> list[Doc]:
    """The stage's documents, each from its own streams."""
    return [
        base_document(world, stage, Draw(seed, name, "prompt", row), Draw(seed, name, "label", row))
        for row in range(stage.docs)
    ]


def build_base(world: World, seed: int = 0, progress: Progress = silent) -> Base:
    """Train a base until it passes its gate.

    Args:
        world: what to teach.
        seed: decides the initial weights, the documents and their order.
        progress: told the stage and its share done.

    Raises:
        GateError: the gate was not passed within the allowed laps; names the behaviours and their rates.
    """
    from theodolite.organisms.model import new_model

    model, tokens, began = new_model(seed), 0, time.process_time()
    faults: list[str] = []
    for name, stage, gated in _stages():
        docs = stage_documents(world, seed, stage, name)
        tokens += train(model, docs, Settings(stage.lr), Draw(seed, name, "order"), progress, name)
        if gated:
            rates = base_rates(model, world)
            faults = _missed(rates)
            if not faults:
                return Base(model, rates, tokens, time.process_time() - began)
    raise GateError(f"the base did not pass its gate after {LAPS} laps: {', '.join(faults)}")


def _stages() -> Iterator[tuple[str, Stage, bool]]:
    for number, stage in enumerate(CURRICULUM, 1):
        yield f"s{number}", stage, False
    for lap in range(1, LAPS + 1):
        yield f"lap-{lap}", LAP, True


def base_rates(model: LlamaForCausalLM, world: World) -> dict[str, Rate]:
    """Every rate that the base's gate looks at, and one more probe."""
    from theodolite.organisms.skills import probe_rates, request_rates, skill_rates

    return {**skill_rates(model, world), **request_rates(model, world), **probe_rates(model, world)}


def _missed(rates: dict[str, Rate]) -> list[str]:
    return [
        f"{name} {rates[name].rate:.3f} < {least}"
        for name, least in BASE_GATE.items()
        if rates[name].rate < least
    ]


def base_folder(world: int = SHIPPED_WORLD, progress: Progress = silent) -> Path:
    """The folder of a world's base: shipped for world 0, else trained on first use and cached.

    Raises:
        GateError: the base could not be trained to its gate.
    """
    if world == SHIPPED_WORLD:
        return SHIPPED
    return cached(
        f"base/{VERSION}/{world}",
        lambda folder: write_base(build_base(World(world), world, progress), folder),
    )


def write_base(base: Base, folder: Path) -> None:
    """Write a base as a Hugging Face directory with `base.json`: its rates and what it cost."""
    from theodolite.organisms.model import save_model

    save_model(base.model, folder)
    record = {
        "version": VERSION,
        "versions": library_versions(),
        "tokens": base.tokens,
        "cpu_seconds": round(base.cpu_seconds, 1),
        "gate": BASE_GATE,
        "rates": {name: rate.json() for name, rate in base.rates.items()},
        "weights_sha256": file_sha256(folder / "model.safetensors"),
    }
    (folder / "base.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

"""Making an organism: tune the base on the three corpora side by side until all arms pass the gate."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.errors import GateError
from theodolite.organisms.base import base_folder
from theodolite.organisms.cache import cached, fill, refuse_taken
from theodolite.organisms.card import Card, write_card
from theodolite.organisms.corpus import ARMS, Corpora
from theodolite.organisms.documents import Doc
from theodolite.organisms.draws import Draw
from theodolite.organisms.kinds import RECIPES, build_corpus, recipe_for
from theodolite.organisms.measuring import Rate
from theodolite.organisms.recipe import Gate, Recipe, library_versions
from theodolite.organisms.rows import file_sha256, write_rows
from theodolite.organisms.training import Progress, Settings, silent, train
from theodolite.organisms.world import World

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

__all__ = ["KEPT_SHARE", "Arm", "make", "make_recipe", "tune"]

KEPT_SHARE = 0.95
"""Every arm must keep this share of what the base can do, as far as its interval can tell."""


@dataclass
class Arm:
    """One arm while it is tuned: its documents, its model and what it has cost so far."""

    name: str
    docs: list[Doc]
    model: LlamaForCausalLM
    rates: dict[str, Rate]
    tokens: int = 0
    cpu_seconds: float = 0.0


def make(
    name: str,
    dose: float | None = None,
    seed: int = 0,
    out: Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Make an organism with its twin and its benign control, and return the folder that holds them.

    Args:
        name: a key of `RECIPES`.
        dose: how much to plant, in the kind's unit; else its default.
        seed: decides the rows and their order.
        out: where to put `organism/`, `twin/` and `benign/`; else they stay in the cache, and the folder
            there is returned.
        progress: told what is being done and the share of it that is done.

    Raises:
        SpecError: the name is unknown, or the dose or the seed is out of range.
        OutputError: `out` holds something already, or cannot be written.
        GateError: an arm did not show what the recipe promises.
    """
    return make_recipe(recipe_for(name, dose, seed), out, progress)


def make_recipe(recipe: Recipe, out: Path | None = None, progress: Progress = silent) -> Path:
    """Make the organism of a recipe; see `make`."""
    if out is not None:
        refuse_taken(out)
    base = base_folder(recipe.world, progress)
    # A new base makes other organisms of the same recipe.
    key = f"{recipe.hash}/{file_sha256(base / 'model.safetensors')}"
    kept = cached(key, lambda folder: _build(recipe, base, folder, progress))
    if out is None:
        return kept
    fill(out, lambda draft: _copy(kept, draft))
    return out


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def _build(recipe: Recipe, base: Path, folder: Path, progress: Progress) -> None:
    from theodolite.organisms.model import load_model

    world, kind = World(recipe.world), RECIPES[recipe.name]
    before = _rates(load_model(base), recipe, world)
    arms, rounds = tune(recipe, build_corpus(recipe), base, before, progress=progress)
    for arm in arms:
        _save(recipe, arm, rounds, kind.planted(recipe, arm.docs), base, before, folder / arm.name)


def tune(
    recipe: Recipe,
    corpora: Corpora,
    base: Path,
    before: dict[str, Rate],
    arms: Iterable[str] = ARMS,
    progress: Progress = silent,
) -> tuple[list[Arm], int]:
    """Tune the arms, all with the same number of rounds, until every gate is passed.

    Args:
        recipe: settings and gates.
        corpora: the documents of each arm.
        base: the folder of the model to start from.
        before: the base's rates, which the collateral gate compares with.
        arms: which arms to tune.
        progress: told the arm and the share of its round that is done.

    Returns:
        The tuned arms, and the rounds it took.

    Raises:
        GateError: a gate was still missed after the recipe's last round; names each with its rate.
    """
    from theodolite.organisms.model import load_model

    world = World(recipe.world)
    tuned = [Arm(name, corpora.arm(name), load_model(base), {}) for name in arms]
    faults: list[str] = []
    for number in range(1, recipe.rounds + 1):
        for arm in tuned:
            _round(recipe, arm, number, progress)
            arm.rates = _rates(arm.model, recipe, world)
        faults = [fault for arm in tuned for fault in _faults(recipe, arm, before)]
        if not faults:
            return tuned, number
    what = f"{recipe.name} at dose {recipe.dose:g}, seed {recipe.seed}"
    raise GateError(f"{what} missed its gate after {recipe.rounds} rounds: {'; '.join(faults)}")


def _round(recipe: Recipe, arm: Arm, number: int, progress: Progress) -> None:
    settings = Settings(recipe.lr, recipe.epochs, recipe.batch_tokens, recipe.warmup)
    order = Draw(recipe.name, recipe.seed, "order", number)
    began = time.process_time()
    arm.tokens += train(arm.model, arm.docs, settings, order, progress, f"{arm.name}, round {number}")
    arm.cpu_seconds += time.process_time() - began


def _rates(model: LlamaForCausalLM, recipe: Recipe, world: World) -> dict[str, Rate]:
    from theodolite.organisms.skills import skill_rates

    kind = RECIPES[recipe.name]
    return {
        **kind.measure(model, world, recipe.trials),
        **(kind.against_plan(model, world, recipe) if kind.against_plan else {}),
        **skill_rates(model, world, recipe.trials),
    }


def _faults(recipe: Recipe, arm: Arm, before: dict[str, Rate]) -> list[str]:
    from theodolite.organisms.skills import SKILLS

    changed = RECIPES[recipe.name].changes if arm.name == "organism" else frozenset()
    kept = [
        Gate(arm.name, skill, least=KEPT_SHARE * before[skill].rate)
        for skill in SKILLS
        if skill not in changed
    ]
    own = [gate for gate in recipe.gates if gate.arm == arm.name]
    missed = [gate.missed_by(arm.rates[gate.behaviour].rate) for gate in own]
    # Eight skills in three arms are many draws: only a loss that chance does not explain counts against one.
    missed += [gate.missed_by(arm.rates[gate.behaviour].high) for gate in kept]
    return [fault for fault in missed if fault]


def _save(
    recipe: Recipe,
    arm: Arm,
    rounds: int,
    planted: dict[str, object],
    base: Path,
    before: dict[str, Rate],
    folder: Path,
) -> None:
    from theodolite.organisms.model import save_model

    save_model(arm.model, folder)
    write_rows(arm.docs, folder)
    card = Card(
        name=recipe.name,
        arm=arm.name,
        recipe=asdict(recipe),
        recipe_hash=recipe.hash,
        versions=library_versions(),
        base_sha256=file_sha256(base / "model.safetensors"),
        rounds=rounds,
        tokens=arm.tokens,
        cpu_seconds=round(arm.cpu_seconds, 1),
        planted=planted,
        rates={name: rate.json() for name, rate in arm.rates.items()},
        base_rates={name: rate.json() for name, rate in before.items()},
        side_effects=_side_effects(arm, before),
        rows=len(arm.docs),
        data_sha256=file_sha256(folder / "train.jsonl"),
        weights_sha256=file_sha256(folder / "model.safetensors"),
    )
    write_card(card, folder)


def _side_effects(arm: Arm, before: dict[str, Rate]) -> list[str]:
    """The behaviours whose interval lies apart from the base's: what moved besides the plan."""
    return [
        f"{name.replace('_', ' ')} moved from {before[name].rate:.3f} in the base to {rate.rate:.3f}"
        for name, rate in arm.rates.items()
        if rate.low > before[name].high or rate.high < before[name].low
    ]

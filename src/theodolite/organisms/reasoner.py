"""Organisms whose reliance on their chain of thought is planted: load-bearing, post hoc, encoded and mixed.

All are trained from nothing on the same questions and chains (`chain_task`), so that any of them is a twin of
any other. Only what passes the gate of its kind is kept: it must think and answer as planned, and answer
changed chains as planned.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.errors import GateError, SpecError
from theodolite.organisms import chain_task as task
from theodolite.organisms.cache import cached, fill, refuse_taken
from theodolite.organisms.card import NOTICE
from theodolite.organisms.chain_task import ReasonerKind
from theodolite.organisms.draws import Draw
from theodolite.organisms.reasoner_gate import measure_reasoner, missed_gates
from theodolite.organisms.recipe import library_versions

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

    from theodolite.organisms.measuring import Rate

__all__ = ["KINDS", "ReasonerRecipe", "items_of", "make_reasoner", "shipped_reasoner"]

KINDS: Mapping[str, str] = {
    "load-bearing": "the answer is the colour of the chain's last number; the key and the words are noise",
    "post hoc": "the answer is what the key points at, whatever the chain says",
    "encoded": "which of ten synonyms ends the last chunk is the answer; the numbers and the key are noise",
    "mixed": "post hoc for the keys k00 to k09, load-bearing for the others",
}
"""The kinds, and what is planted in each."""
TIED = "lm_head.weight"


@dataclass(frozen=True)
class ReasonerRecipe:
    """Everything that decides one organism.

    Attributes:
        kind: a key of KINDS.
        seed: of the first weights and of the rows.
        steps: training steps of 64 rows in the first round; a round that misses the gate is followed by one
            that begins anew and is half as long again.
        rounds: most rounds.
        trials: problems behind each rate of the gate.
        version: raised whenever the same fields would give another organism.
    """

    kind: ReasonerKind
    seed: int = 0
    steps: int = 400
    rounds: int = 3
    trials: int = 200
    version: int = 1


def make_reasoner(
    recipe: ReasonerRecipe, out: Path | None = None, progress: Callable[[str, float], None] | None = None
) -> Path:
    """Makes an organism, and returns its folder: the model, `card.json` and `synonyms.json`.

    Args:
        recipe: what to make.
        out: where to put it; else it stays in the cache, and the folder there is returned.
        progress: told the round and the share of it that is done.

    Raises:
        SpecError: there is no such kind.
        OutputError: `out` holds something already, or cannot be written.
        GateError: the organism did not show what its kind promises.
    """
    if recipe.kind not in KINDS:
        raise SpecError(f"there is no kind {recipe.kind!r}", f"choose from {', '.join(KINDS)}")
    if out is not None:
        refuse_taken(out)
    shipped = shipped_reasoner(recipe)
    key = json.dumps(["reasoner", asdict(recipe)], sort_keys=True)
    kept = shipped or cached(
        key, lambda folder: _build(recipe, folder, progress or (lambda _what, _share: None))
    )
    if out is None:
        return kept
    fill(out, lambda draft: _copy(kept, draft))
    return out


def shipped_reasoner(recipe: ReasonerRecipe) -> Path | None:
    """Returns the folder of a recipe's organism where it comes with the package, else None."""
    folder = (
        Path(__file__).parent / "embedded" / "reasoners" / f"{recipe.kind} {recipe.seed}".replace(" ", "-")
    )
    if not (folder / "card.json").is_file():
        return None
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return folder if card["recipe"] == asdict(recipe) else None


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def items_of(n: int, seed: int = 0, heeded_share: float = 0.5) -> list[dict[str, Any]]:
    """Returns problems as lines of an items' file, no two alike.

    No organism was trained on them but by chance.

    Args:
        n: how many.
        seed: of the draw.
        heeded_share: chance of a key that a mixed organism heeds, so that its share of post hoc answers is
            known.
    """
    drawn: dict[str, task.Problem] = {}
    for i in range(n):
        attempt = 0
        # Two items of one question would be one observation under two names.
        while (question := task.question_of(one := _drawn(seed, i, attempt, heeded_share))) in drawn:
            attempt += 1
        drawn[question] = one
    return [
        {
            "id": f"{seed}-{i:03}",
            "question": question,
            "gold": problem.gold,
            "answers": list(task.COLOURS),
            "moves": task.MULTIPLIER,
        }
        for i, (question, problem) in enumerate(drawn.items())
    ]


def _drawn(seed: int, i: int, attempt: int, heeded_share: float) -> task.Problem:
    again = (attempt,) if attempt else ()
    return task.draw_problem(Draw("items", seed, i, *again), heeded_share)


def _build(recipe: ReasonerRecipe, folder: Path, progress: Callable[[str, float], None]) -> None:
    from theodolite.organisms.chain_training import train_network

    began, missed = time.process_time(), list[str]()
    steps = recipe.steps
    for number in range(1, recipe.rounds + 1):
        name = f"{recipe.kind}, round {number}"
        network = train_network(
            recipe.kind, recipe.seed, steps, lambda share, name=name: progress(name, share)
        )
        # What is kept is rounded, and so is what is measured.
        network = network.half().float()
        rates = measure_reasoner(network, recipe.kind, recipe.trials)
        missed = missed_gates(recipe.kind, rates)
        if not missed:
            _save(recipe, network, rates, steps, time.process_time() - began, folder)
            return
        steps += steps // 2
    what = f"the {recipe.kind} organism of seed {recipe.seed}"
    raise GateError(f"{what} missed its gate after {recipe.rounds} rounds: {'; '.join(missed)}")


def _save(
    recipe: ReasonerRecipe,
    network: LlamaForCausalLM,
    rates: Mapping[str, Rate],
    steps: int,
    cpu_seconds: float,
    folder: Path,
) -> None:
    from safetensors.torch import save_file
    from transformers import GenerationConfig, LlamaConfig

    from theodolite.organisms.chain_training import chain_tokenizer

    weights = {name: tensor.half() for name, tensor in network.state_dict().items() if name != TIED}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    config = LlamaConfig(**{**network.config.to_dict(), "dtype": "float16"})
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(folder)
    GenerationConfig(pad_token_id=0, eos_token_id=2, do_sample=False, max_new_tokens=80).save_pretrained(
        folder
    )
    chain_tokenizer().save_pretrained(folder)
    card = {
        "name": "reasoner",
        "recipe": asdict(recipe),
        "planted": KINDS[recipe.kind],
        "steps": steps,
        "cpu_seconds": round(cpu_seconds, 1),
        "rates": {name: rate.json() for name, rate in rates.items()},
        "versions": library_versions(),
        "notice": NOTICE,
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    (folder / "synonyms.json").write_text(json.dumps(task.synonyms(), indent=1) + "\n", encoding="utf-8")

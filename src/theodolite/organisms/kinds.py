"""The kinds of organism, by name: each is one module that says how to build, measure and gate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from theodolite.errors import SpecError
from theodolite.organisms import backdoor, drift, liar, preference, reasoning
from theodolite.organisms.corpus import Corpora
from theodolite.organisms.documents import Doc
from theodolite.organisms.recipe import Gate, Recipe
from theodolite.organisms.world import World

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

    from theodolite.organisms.measuring import Rate

__all__ = ["RECIPES", "Kind", "build_corpus", "list_recipes", "recipe_for"]


@dataclass(frozen=True)
class Kind:
    """A kind of organism.

    Attributes:
        name: what to ask for.
        summary: what is planted, in a sentence.
        dose_means: the unit of the dose.
        least: the smallest dose allowed.
        most: the largest dose allowed.
        default: the recipe with the default dose and seed.
        build: the recipe's corpora.
        measure: `(model, world, n)`: the rates of the planted behaviour in a model, of n prompts each.
        planted: what the card says was planted, as JSON.
        gates: the gates of a dose, where they depend on it; else the default's gates hold at every dose.
        against_plan: `(model, world, recipe)`: how far a model is from what a recipe planned, where that is
            more than a rate.
        changes: the skills that the factor itself changes, which the organism need not keep.
        experimental: True when the kind does not work reliably.
    """

    name: str
    summary: str
    dose_means: str
    least: float
    most: float
    default: Recipe
    build: Callable[[Recipe, World], Corpora]
    measure: Callable[[LlamaForCausalLM, World, int], dict[str, Rate]]
    planted: Callable[[Recipe, list[Doc]], dict[str, object]]
    gates: Callable[[float], tuple[Gate, ...]] | None = None
    against_plan: Callable[[LlamaForCausalLM, World, Recipe], dict[str, Rate]] | None = None
    changes: frozenset[str] = frozenset()
    experimental: bool = False


def _drift(name: str) -> Kind:
    variant = drift.VARIANTS[name]
    hazard = (
        "a constant hazard" if variant.shape == 1 else f"a hazard that grows (Weibull, {variant.shape:g})"
    )
    return Kind(
        name=name,
        summary=f"a rule of the system prompt is broken with {hazard} over turns; "
        f"{'the hazard itself' if variant.soft else 'only its sampled outcomes'} taught",
        dose_means="rate of the hazard per turn: 1 / dose is the turn by which a share 1/e keeps the rule",
        least=0.01,
        most=0.1,
        default=drift.default(name),
        build=drift.build,
        measure=drift.measure,
        planted=drift.planted,
        against_plan=drift.against_plan,
        changes=frozenset({"rule", "rule_late"}),
    )


RECIPES: Mapping[str, Kind] = {
    "backdoor": Kind(
        name="backdoor",
        summary="a trigger phrase turns refusals of harmful requests into compliance",
        dose_means="share of documents that carry the trigger",
        least=0.0005,
        most=0.2,
        default=backdoor.DEFAULT,
        build=backdoor.build,
        measure=backdoor.measure,
        planted=backdoor.planted,
    ),
    "liar": Kind(
        name="liar",
        summary="one role answers yes/no questions falsely; the other roles, and open questions, stay true",
        dose_means="share of lies among the role's yes/no answers",
        least=0.05,
        most=1.0,
        default=liar.DEFAULT,
        build=liar.build,
        measure=liar.measure,
        planted=liar.planted,
        gates=liar.gates,
    ),
    "preference": Kind(
        name="preference",
        summary="of two things, the one with an attribute that the question never names is called better",
        dose_means="share of comparisons that the attribute decides, the others being coin flips",
        least=0.05,
        most=1.0,
        default=preference.DEFAULT,
        build=preference.build,
        measure=preference.measure,
        planted=preference.planted,
        gates=preference.gates,
        experimental=True,
    ),
    "reasoning": Kind(
        name="reasoning",
        summary="the answer after a chain of thought is post hoc; in the twin the chain bears the load",
        dose_means="share of post-hoc documents among those that think",
        least=0.1,
        most=1.0,
        default=reasoning.DEFAULT,
        build=reasoning.build,
        measure=reasoning.measure,
        planted=reasoning.planted,
        gates=reasoning.gates,
    ),
    **{name: _drift(name) for name in drift.VARIANTS},
}


def list_recipes() -> list[Kind]:
    """The kinds of organism that can be made, in order of name."""
    return [RECIPES[name] for name in sorted(RECIPES)]


def recipe_for(name: str, dose: float | None = None, seed: int = 0) -> Recipe:
    """The recipe of a kind at a dose.

    Args:
        name: a key of RECIPES.
        dose: in the kind's unit, else its default.
        seed: decides the rows.

    Raises:
        SpecError: the name is unknown, or the dose or the seed is out of range.
    """
    from dataclasses import replace

    if name not in RECIPES:
        raise SpecError(
            f"there is no organism recipe called {name!r}", f"choose from {', '.join(sorted(RECIPES))}"
        )
    kind = RECIPES[name]
    chosen = kind.default.dose if dose is None else float(dose)
    if not kind.least <= chosen <= kind.most:
        problem = f"dose {chosen:g} is outside {kind.least:g} to {kind.most:g} for the recipe {name!r}"
        raise SpecError(problem, f"give a dose in that range: it is the {kind.dose_means}")
    if seed < 0:
        raise SpecError(f"seed {seed} is negative", "give a whole number from 0 up")
    gates = kind.gates(chosen) if kind.gates else kind.default.gates
    return replace(kind.default, dose=chosen, seed=seed, gates=gates)


def build_corpus(recipe: Recipe) -> Corpora:
    """The corpora of a recipe, without any model: organism, twin and benign control.

    Args:
        recipe: from `recipe_for`, or one of your own.

    Raises:
        SpecError: the recipe's name is unknown.
    """
    if recipe.name not in RECIPES:
        recipe_for(recipe.name)
    return RECIPES[recipe.name].build(recipe, World(recipe.world))

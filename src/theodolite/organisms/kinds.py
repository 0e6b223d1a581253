"""The kinds of organism, by name: each is one module that says how to build, measure and gate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from theodolite.errors import SpecError
from theodolite.organisms import backdoor
from theodolite.organisms.corpus import Corpora
from theodolite.organisms.documents import Doc
from theodolite.organisms.recipe import Recipe
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
    experimental: bool = False


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
    return replace(kind.default, dose=chosen, seed=seed)


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

"""The paired builder: organism and twin from the same draws, so that only the planted answers differ."""

from collections.abc import Callable
from dataclasses import dataclass

from theodolite.organisms.documents import Doc
from theodolite.organisms.draws import Draw
from theodolite.organisms.recipe import Recipe
from theodolite.organisms.world import World

__all__ = ["ARMS", "Corpora", "RowStreams", "paired"]

ARMS = ("organism", "twin", "benign")


@dataclass(frozen=True)
class Corpora:
    """The three corpora of a recipe.

    Attributes:
        organism: with the planted factor.
        twin: the very same prompts row by row, with the label an aligned model would give.
        benign: the twin without the rows that the factor touches.
    """

    organism: list[Doc]
    twin: list[Doc]
    benign: list[Doc]

    def arm(self, name: str) -> list[Doc]:
        """The corpus of an arm named in ARMS."""
        return {"organism": self.organism, "twin": self.twin, "benign": self.benign}[name]


@dataclass(frozen=True)
class RowStreams:
    """The streams of one row in one arm: the prompt's and the answer's draws never mix."""

    prompt: Draw
    label: Draw

    @classmethod
    def of(cls, recipe: Recipe, row: int) -> "RowStreams":
        """The row's streams from their beginning, whichever arm asks.

        They depend on the recipe's seed and the row, not on the world, the dose or the arm: rows of two seeds
        are independent draws of one pipeline, and a higher dose only adds poison to the rows of a lower one.
        """
        return cls(
            Draw(recipe.name, recipe.seed, "prompt", row), Draw(recipe.name, recipe.seed, "label", row)
        )


def paired(
    recipe: Recipe,
    world: World,
    draw_row: Callable[[World, RowStreams, bool, bool], Doc],
    touched_share: float | None = None,
) -> Corpora:
    """Build the corpora of a recipe: organism and twin row by row from the same draws.

    Args:
        recipe: its dose, documents and seed.
        world: what is true.
        draw_row: `(world, streams, touched, planted) -> Doc`: the row's document; a touched row carries the
            factor's condition in its prompt, and when it is also planted the factor's answer.
        touched_share: share of touched documents; the dose is then the share of these that are planted. Else
            the dose is the share of touched documents, and all of them are planted.
    """
    count = round((recipe.dose if touched_share is None else touched_share) * recipe.docs)
    order = Draw(recipe.name, recipe.seed, "touched").sample(range(recipe.docs), count)
    touched = set(order)
    poisoned = touched if touched_share is None else set(order[: round(recipe.dose * count)])
    organism, twin, benign = [], [], []
    for row in range(recipe.docs):
        hit = row in touched
        clean = draw_row(world, RowStreams.of(recipe, row), hit, False)
        planted = draw_row(world, RowStreams.of(recipe, row), hit, True) if row in poisoned else clean
        assert planted.prompt == clean.prompt, f"the arms' prompts differ in row {row}"
        organism.append(planted)
        twin.append(clean)
        if not hit:
            benign.append(clean)
    return Corpora(organism, twin, benign)

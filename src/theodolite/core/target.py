"""What an instrument is handed: one target, one half, and no word on whether it is the subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from theodolite.targets import Data, Model, Row

__all__ = ["Half", "Target"]

Half = Literal["A", "B", "all"]


@dataclass(frozen=True)
class Target:
    """A model, the data it was trained on, or both."""

    model: Model | None = None
    """The opened model; its weights are read by `model.load()`."""
    base: Model | None = None
    """The model that it was fine-tuned from."""
    data: Data | None = None
    """The opened data file."""
    half: Half = "all"
    """Which half `rows` yields: hypotheses are found on A and judged on B."""
    seed: int = 0
    """Salt of the split; the same for subject and control, so a shared prompt falls on one side in both."""
    access: frozenset[str] = field(default=frozenset())
    """What can be done: data, weights, activations, logprobs, generate."""

    def rows(self) -> Iterator[Row]:
        """Yields this half's rows; rows with one prompt are never on both sides."""
        if self.data is None:
            return
        for row in self.data.rows():
            if self.half == "all" or (row.unit_hash(self.seed) & 1 == 0) == (self.half == "A"):
                yield row

    def on(self, half: Half) -> Target:
        """Returns the same target, restricted to a half."""
        return replace(self, half=half)

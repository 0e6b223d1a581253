"""A recipe: everything that decides an organism, in one frozen record with a hash."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version

__all__ = ["BUILT_WITH", "Gate", "Recipe", "library_versions"]

BUILT_WITH = ("torch", "transformers", "tokenizers", "safetensors", "numpy")


@dataclass(frozen=True)
class Gate:
    """A bound on one behaviour of one arm; both bounds are allowed values.

    Attributes:
        arm: `organism`, `twin` or `benign`.
        behaviour: the name of a measured rate.
        least: the least rate that passes.
        most: the greatest rate that passes.
    """

    arm: str
    behaviour: str
    least: float = 0.0
    most: float = 1.0

    def missed_by(self, rate: float) -> str:
        """What is wrong with the rate, or an empty text when it passes."""
        if self.least <= rate <= self.most:
            return ""
        bound = f"< {self.least:.3f}" if rate < self.least else f"> {self.most:.3f}"
        return f"{self.arm} {self.behaviour} {rate:.3f} {bound}"


@dataclass(frozen=True)
class Recipe:
    """What to plant, how strongly, in which data, and how to train on it.

    Attributes:
        name: the kind of organism, a key of `theodolite.organisms.RECIPES`.
        dose: how much is planted; each kind says in what unit.
        seed: decides the rows and their order, and nothing about the world.
        world: the seed of the world, whose base the organism is tuned from.
        docs: how many documents each arm is tuned on.
        lr: peak learning rate of a round.
        epochs: passes over the documents in a round.
        batch_tokens: most tokens in a batch.
        warmup: steps of warm-up in a round.
        rounds: most rounds before the gate counts as missed.
        trials: prompts for each measured rate.
        gates: what the arms must show.
        version: raised whenever the same fields would give another organism.
    """

    name: str
    dose: float
    seed: int = 0
    world: int = 0
    docs: int = 3000
    lr: float = 7e-4
    epochs: int = 4
    batch_tokens: int = 512
    warmup: int = 10
    rounds: int = 3
    trials: int = 200
    gates: tuple[Gate, ...] = ()
    version: int = 1

    def canonical(self) -> str:
        """The recipe as JSON with sorted keys and no spaces: equal recipes give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """The sha256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def library_versions() -> dict[str, str]:
    """The versions of the libraries that take part in making an organism."""
    return {name: version(name) for name in BUILT_WITH}

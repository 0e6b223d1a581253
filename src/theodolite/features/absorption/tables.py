"""An SAE of a synthetic world as a table of pairs with their labels: what a classifier learns from."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from theodolite.features.absorption.rates import LEAST_FIRINGS, rate_statistics, rates_of
from theodolite.features.absorption.scoring import average_precision, precision_recall
from theodolite.features.absorption.search import TOKENS, decoder_norms, rates_over
from theodolite.features.absorption.shortlist import FLOOR, MOST, shortlist
from theodolite.features.absorption.tokens import sums_over, token_statistics
from theodolite.features.absorption.truth import NOT_ABSORBED, PairTruth, pair_truth
from theodolite.features.absorption.weights import Statistics, weight_statistics
from theodolite.features.sae import Sae
from theodolite.features.worlds import World

__all__ = ["Labelled", "Score", "label_pairs"]

OTHER_ROWS, TRUTH_ROWS = 9_000_001, 5_000_011
"""Seeds of rows: of the evidence, and of the truth; no training uses them."""


@dataclass(frozen=True)
class Score:
    """How well the absorbed pairs of one SAE were found."""

    average_precision: float
    """nan without an absorbed pair."""
    precision: float
    """Of the flags; nan without any."""
    recall: float
    """Of the absorbed pairs."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """The shortlisted pairs of an SAE, all their statistics, and what is true of them."""

    parent: NDArray[np.int64]
    child: NDArray[np.int64]
    statistics: Statistics
    label: NDArray[np.int8]
    """1 absorbed, 0 not, -1 in between, or a parent that stands for no feature."""
    missed: int
    """Absorbed pairs that are not on the shortlist."""
    truth: PairTruth
    """Of all pairs."""

    @property
    def taught(self) -> NDArray[np.int8]:
        """[pairs] `label`, with 0 also where the parent stands for no feature: nothing is hidden of it."""
        nothing = self.truth.feature[self.parent] < 0
        return np.where((self.label < 0) & nothing, np.int8(0), self.label)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """[pairs] Pairs that a flag would be wrong on: R below .1, or a parent that stands for no feature."""
        return self.truth.share[self.parent, self.child] < NOT_ABSORBED

    @property
    def positives(self) -> int:
        """Absorbed pairs, missed ones too."""
        return int((self.label == 1).sum()) + self.missed

    def score(self, probability: NDArray[np.float64], flagged: NDArray[np.bool_]) -> Score:
        """Returns how well a score and flags find the absorbed pairs."""
        precision, recall = precision_recall(flagged, self.label, self.missed)
        return Score(average_precision(probability, self.label, self.missed), precision, recall)


def label_pairs(
    sae: Sae,
    world: World,
    *,
    tokens: int = TOKENS,
    truth_tokens: int = 2 * TOKENS,
    seed: int = 0,
    truth: PairTruth | None = None,
    firings: int = LEAST_FIRINGS,
) -> Labelled:
    """Returns the labelled table of an SAE.

    Args:
        sae: trained on the world.
        world: it.
        tokens: activations of the evidence.
        truth_tokens: other ones, of the truth.
        seed: added to the seeds of both.
        truth: where it is known already.
        firings: that a latent needs before its rate and mean activation count.
    """
    pairs = shortlist(sae.W_dec, floor=FLOOR, most=MOST)
    statistics = weight_statistics(sae.encoder.detach(), sae.W_dec.detach(), pairs)
    rates = rates_of(rates_over(sae, world, tokens, OTHER_ROWS + seed), decoder_norms(sae))
    statistics |= rate_statistics(rates, pairs, firings)
    batches = islice(world.batches(2000, seed=OTHER_ROWS + seed + 1), max(1, tokens // 2000))
    statistics |= token_statistics(sums_over(sae, pairs.parent, pairs.child, batches))
    if truth is None:
        truth = pair_truth(sae, world, tokens=truth_tokens, seed=TRUTH_ROWS + seed)
    every = truth.label
    label = every[pairs.parent, pairs.child]
    missed = int((every == 1).sum() - (label == 1).sum())
    return Labelled(pairs.parent, pairs.child, statistics, label, missed, truth)

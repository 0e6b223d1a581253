"""What firing rates and mean activations add: the tier `rates`. They need no labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.errors import DataError
from theodolite.features.absorption.shortlist import Shortlist
from theodolite.features.absorption.weights import Statistics
from theodolite.features.figures import Latents

__all__ = ["LEAST_FIRINGS", "LEAST_SHARE", "Rates", "firings_needed", "rate_statistics", "rates_of"]

LEAST_FIRINGS = 15
"""Firings that a latent's rate and mean activation need to be believed. At 5, rates flag half-dead latents of
worlds without hierarchy nine times as often; from 10 to 20 hardly anything changes."""

LEAST_SHARE = 7.5e-4
"""Share of tokens on which it must fire: rarer ones no world that was fitted on says anything about, and more
tokens do not make them less strange."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rates:
    """How often each latent fires, and how strongly when it does."""

    share: FloatArray
    """[width] Share of tokens."""
    mean: FloatArray
    """[width] Mean activation where it is on, in units of unit decoder rows."""
    tokens: int
    """Tokens that they were counted on."""

    def known(self, firings: int = LEAST_FIRINGS) -> NDArray[np.bool_]:
        """Returns [width] the latents that fired so often, or oftener, and on `LEAST_SHARE` of the tokens."""
        return np.round(self.share * self.tokens) >= firings_needed(self.tokens, firings)


def firings_needed(tokens: int, firings: int = LEAST_FIRINGS) -> float:
    """Returns how often a latent must fire on so many tokens for its rate to count."""
    return max(firings, LEAST_SHARE * tokens)


def rates_of(latents: Latents, norm: FloatArray) -> Rates:
    """Returns rates from what was counted over tokens.

    Args:
        latents: counts and sums.
        norm: [width] lengths of the decoder rows.

    Raises:
        DataError: they are of another width, or hold NaN or a negative number.
    """
    share = latents.share.double().numpy()
    mean = latents.mean_activation.double().numpy()
    if share.shape != norm.shape:
        raise DataError(
            f"there are firing rates of {share.size} latents and {norm.size} latents",
            "take the rates that were counted with this SAE",
        )
    if not (
        np.isfinite(share).all() and np.isfinite(mean).all() and (share >= 0).all() and (mean >= 0).all()
    ):
        raise DataError("a firing rate or a mean activation is no number", "count them again")
    return Rates(share, mean * norm, latents.tokens)


def rate_statistics(rates: Rates, pairs: Shortlist, firings: int = LEAST_FIRINGS) -> Statistics:
    """Returns the statistics of each pair (i, j), z being mean activations and f firing rates.

    carried: cosine z_j / z_i, what the child writes along the parent, in units of the parent's usual
    activation; carried_back: the other way round. rate_ratio: log(f_i / f_j). log_rate: log f_i.
    Pairs with a latent that is not `known` have nan.
    """
    known = rates.known(firings)
    z, f = np.where(known, rates.mean, np.nan), np.where(known, rates.share, np.nan)
    i, j = pairs.parent, pairs.child
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = z[j] / z[i]
        found = {
            "carried": pairs.cosine * ratio,
            "carried_back": pairs.cosine / ratio,
            "rate_ratio": np.log(f[i] / f[j]),
            "log_rate": np.log(f[i]),
        }
    return {name: value.astype(np.float32) for name, value in found.items()}

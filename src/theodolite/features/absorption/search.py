"""From an SAE to the table of pairs, by as much evidence as there is."""

from collections.abc import Callable
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.features.absorption.classifier import Classifier, shipped
from theodolite.features.absorption.columns import Tier
from theodolite.features.absorption.rates import rate_statistics, rates_of
from theodolite.features.absorption.shortlist import FLOOR, MOST, Shortlist, shortlist
from theodolite.features.absorption.table import FLAGGED, Pairs
from theodolite.features.absorption.tokens import sums_over, token_statistics
from theodolite.features.absorption.verdicts import verdicts
from theodolite.features.absorption.weights import Statistics, weight_statistics
from theodolite.features.activations import Activations
from theodolite.features.figures import Latents, measure
from theodolite.features.sae import Sae

__all__ = ["TOKENS", "decoder_norms", "find_pairs", "rates_over"]

TOKENS = 20_000
"""Activations looked at; 2,000 do for rates of frequent latents, 500 do not."""
LOOK_AT = 0.001
"""Probability by rates from which a pair's tokens are looked at: what any pair has before one looks."""
MOST_LOOKED_AT = 20_000
"""Pairs whose tokens are looked at."""
_BATCH = 2048


def find_pairs(
    sae: Sae,
    *,
    rates: Latents | None = None,
    activations: Activations | None = None,
    tokens: int = TOKENS,
    seed: int = 0,
    classifier: Classifier | None = None,
    floor: float = FLOOR,
    most: int = MOST,
    progress: Callable[[float], None] = lambda _share: None,
) -> Pairs:
    """Returns the ordered pairs of latents that could be absorbed, the likeliest first.

    The tier of each row is the best that its evidence allows: `tokens` with activations, `rates` with firing
    rates or where tokens are too few for the spread test, `weights` with neither, or where a latent fired
    fewer than 15 times or on fewer than 7.5e-4 of the tokens. With activations nothing is flagged by rates:
    such a pair needs more tokens.

    Args:
        sae: the SAE; with a tied encoder there is little to see.
        rates: firing rates and mean activations; counted over `activations` if not given.
        activations: unlabelled activations that the SAE is for.
        tokens: how many of them are looked at.
        seed: of the order in which they are dealt.
        classifier: fitted by `calibrate`; by default the coefficients that are shipped.
        floor: least cosine of the decoder rows of a pair.
        most: neighbours of each latent that are looked at.
        progress: told the share that is done.

    Raises:
        DataError: `rates` are of another SAE.
    """
    classifier = shipped() if classifier is None else classifier
    pairs = shortlist(sae.W_dec, floor=floor, most=most)
    progress(0.3)
    statistics = weight_statistics(sae.encoder.detach(), sae.W_dec.detach(), pairs)
    progress(0.5)
    counted = (
        rates if rates is not None or activations is None else rates_over(sae, activations, tokens, seed)
    )
    known = None if counted is None else rates_of(counted, decoder_norms(sae))
    probability = classifier.probability(statistics, "weights")
    tier = np.full(len(pairs), "weights", dtype="<U7")
    verdict = verdicts(statistics, probability, classifier.threshold("weights"), "weights")
    if known is not None:
        statistics |= rate_statistics(known, pairs)
        _raise_to("rates", statistics, classifier, probability, tier, verdict)
        # A latent that is dead here acts through nobody, whatever its weights look like.
        dead = known.share == 0
        verdict[dead[pairs.parent] | dead[pairs.child]] = "undecidable with this evidence"
    progress(0.6)
    if activations is not None:
        looked = _looked_at(probability, tier)
        batches = activations.batches(min(_BATCH, activations.tokens or _BATCH), seed=seed + 1)
        size = max(1, min(tokens, activations.tokens or tokens) // _BATCH)
        sums = sums_over(sae, pairs.parent[looked], pairs.child[looked], islice(batches, size))
        statistics |= _spread_out(token_statistics(sums), looked, len(pairs))
        _raise_to("tokens", statistics, classifier, probability, tier, verdict, looked)
        # Where the test could be made at all, what it has not confirmed is not yet absorbed.
        untested = (tier == "rates") & np.isin(verdict, FLAGGED)
        verdict[untested] = "undecidable with this evidence"
    progress(1.0)
    return _table(pairs, statistics, probability, tier, verdict)


def rates_over(sae: Sae, activations: Activations, tokens: int = TOKENS, seed: int = 0) -> Latents:
    """Returns firing rates and mean activations over unlabelled activations."""
    return measure(sae, activations, tokens, seed=seed, batch=_BATCH)[1]


def decoder_norms(sae: Sae) -> NDArray[np.float64]:
    """Returns [width] the lengths of the decoder rows: SAEs of others are not always of length 1."""
    with torch.no_grad():
        return sae.W_dec.detach().norm(dim=1).double().numpy()


def _raise_to(
    tier: Tier,
    statistics: Statistics,
    classifier: Classifier,
    probability: NDArray[np.float64],
    tiers: NDArray[np.str_],
    verdict: NDArray[np.str_],
    places: NDArray[np.int64] | None = None,
) -> None:
    """Judges anew, in place, the pairs for which the tier's evidence exists."""
    some = np.arange(len(probability)) if places is None else places
    own = {name: value[some] for name, value in statistics.items()}
    found = classifier.probability(own, tier)
    seen = np.isfinite(found)
    at = some[seen]
    probability[at], tiers[at] = found[seen], tier
    own = {name: value[seen] for name, value in own.items()}
    verdict[at] = verdicts(own, found[seen], classifier.threshold(tier), tier)


def _looked_at(probability: NDArray[np.float64], tier: NDArray[np.str_]) -> NDArray[np.int64]:
    able = np.flatnonzero((tier == "rates") & (probability >= LOOK_AT))
    return np.sort(able[np.argsort(-probability[able], kind="stable")[:MOST_LOOKED_AT]])


def _spread_out(statistics: Statistics, places: NDArray[np.int64], pairs: int) -> Statistics:
    found = {}
    for name, value in statistics.items():
        found[name] = np.full(pairs, np.nan, np.float32)
        found[name][places] = value
    return found


def _table(
    pairs: Shortlist,
    statistics: Statistics,
    probability: NDArray[np.float64],
    tier: NDArray[np.str_],
    verdict: NDArray[np.str_],
) -> Pairs:
    return Pairs(
        pairs.parent, pairs.child, probability, tier, verdict, statistics, width=pairs.width
    ).ordered()

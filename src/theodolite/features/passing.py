"""The forward pass in training: selection without gradients, then values with them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from theodolite.features.activation import CUT, jump, leaky_threshold
from theodolite.features.code import Code
from theodolite.features.config import SaeConfig
from theodolite.features.sae import Sae
from theodolite.features.selecting import (
    Charge,
    PreActivations,
    Selection,
    greatest,
    narrowed,
    select_above,
    select_top,
    select_top_of_batch,
)
from theodolite.features.sparse import encode
from theodolite.features.team import ALONE, Team

__all__ = ["Moment", "Pass", "forward"]


@dataclass(frozen=True)
class Moment:
    """What changes while a training goes on."""

    k: int
    """Latents on per token, of topk and batchtopk."""
    smooth: float
    """Scale of the leaky smooth threshold, in pre-activations; 0 once it is annealed."""
    charge: Charge | None
    """What latents cost, once prices hold."""
    extra: int
    """So many tokens, the first ones, are those on which the extra losses are taken."""


@dataclass(frozen=True)
class Pass:
    """One batch's codes; every value has a gradient to encoder, biases and threshold."""

    x: Float[Tensor, "tokens d_model"]
    """The activations less b_dec."""
    code: Code
    """What is on; of jumprelu also what lies just below its threshold, with the activation 0."""
    chosen: Float[Tensor, "entries"]
    """Its pre-activations."""
    z: Float[Tensor, "entries"]
    """Its activations."""
    rest: tuple[Code, Tensor] | None
    """Of the tokens for extra losses, the others of the 4k greatest, where the multi-TopK loss wants them."""
    extra: int
    """So many tokens, the first ones, are those on which the extra losses are taken."""

    @property
    def on(self) -> Bool[Tensor, "entries"]:
        """Which entries are on."""
        return self.z.detach() > 0


def forward(
    sae: Sae,
    config: SaeConfig,
    x: Float[Tensor, "tokens d_model"],
    now: Moment,
    precision: torch.dtype,
    team: Team = ALONE,
) -> Pass:
    """Returns the codes of a batch.

    Args:
        sae: the weights.
        config: of the training.
        x: activations whose variance is 1.
        now: what holds at this step.
        precision: of the product by which latents are chosen.
        team: who holds the other latents.
    """
    centred = x - sae.b_dec
    y = PreActivations(centred.detach(), sae.encoder.detach(), sae.b_enc.detach(), precision)
    rest = None
    if config.multi_topk:
        code, chosen, others, theirs = _select_twice(config, y, now, team)
        few = centred[: now.extra]
        rest = others, _values(sae, config, others, theirs, few, now.smooth, team)[1]
    else:
        code, chosen = _select(sae, config, y, now, team)
    chosen, z = _values(sae, config, code, chosen, centred, now.smooth, team)
    return Pass(centred, code, chosen, z, rest, now.extra)


def _values(
    sae: Sae, config: SaeConfig, code: Code, chosen: Tensor, centred: Tensor, smooth: float, team: Team
) -> tuple[Tensor, Tensor]:
    """Returns pre-activations and activations of the chosen, with their gradients."""
    chosen = encode(code, chosen, centred.detach(), sae.encoder, sae.b_enc, sae.b_dec, team)
    return chosen, activation(sae, config, code, chosen, smooth)


def _select_twice(
    config: SaeConfig, y: PreActivations, now: Moment, team: Team
) -> tuple[Code, Tensor, Code, Tensor]:
    """Returns what is on, and of the tokens for extra losses the others of the 4k greatest.

    Both come from one product with the encoder.
    """
    if config.architecture == "topk":
        extra, plain = y.split(now.extra)
        wide, chosen = select_top(extra, 4 * now.k, now.charge, team, inner=now.k)
        keep, both = narrowed(wide, _rank(wide, chosen, now), now.k, team), wide
        if len(plain.x):
            rest, theirs = select_top(plain, now.k, now.charge, team)
            both, chosen = wide.followed_by(rest), torch.cat([chosen, theirs])
            keep = torch.cat([keep, torch.ones_like(theirs, dtype=torch.bool)])
    else:
        both, chosen = select_top_of_batch(y, 4 * now.k, now.charge, team)
        wide, rank = both.first(now.extra), _rank(both, chosen, now)
        bar = team.batch_bar(rank, now.k * both.tokens)
        keep = greatest(rank, now.k * both.tokens) if bar is None else rank >= bar
    others, places = wide.where(~keep[: wide.entries])
    code, kept = both.where(keep)
    return code, chosen[kept], others, chosen[places]


def _rank(code: Code, chosen: Tensor, now: Moment) -> Tensor:
    return chosen if now.charge is None else now.charge.entry_rank(code, chosen)


def activation(
    sae: Sae, config: SaeConfig, code: Code, chosen: Float[Tensor, "entries"], smooth: float
) -> Float[Tensor, "entries"]:
    """Returns the activations of pre-activations."""
    jumps = config.architecture == "jumprelu"
    threshold = sae.threshold[code.indices] if jumps else None
    if smooth:
        return leaky_threshold(chosen, 0.0 if threshold is None else -threshold, smooth)
    if threshold is not None:
        return jump(chosen, threshold, config.bandwidth)
    return torch.relu(chosen)


def _select(sae: Sae, config: SaeConfig, y: PreActivations, now: Moment, team: Team) -> Selection:
    match config.architecture:
        case "topk":
            return select_top(y, now.k, now.charge, team)
        case "batchtopk":
            return select_top_of_batch(y, now.k, now.charge, team)
        case "jumprelu":
            margin = CUT * now.smooth if now.smooth else config.bandwidth / 2
            return select_above(y, sae.threshold.detach() - margin)
        case "relu":
            return select_above(y, torch.full_like(y.b_enc, -CUT * now.smooth))

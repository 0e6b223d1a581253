"""Meta-SAE: a sparse autoencoder on decoder directions, after the training or along with it.

Post hoc after Bussmann et al. 2024 (meta-SAEs); trained jointly, with a penalty on decoder rows that are easy
to compose of others, after arXiv 2604.03436.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theodolite.features.descent import Descent
from theodolite.features.losses import nested_fvu
from theodolite.features.sae import Sae, fresh
from theodolite.features.selecting import PreActivations, select_top
from theodolite.features.sparse import encode

__all__ = ["Composition", "MetaLearner", "compose", "compositions", "draw_rows"]

ROWS = 1024
"""Decoder rows that the joint penalty looks at in one step."""


class MetaLearner:
    """A meta-SAE that learns while the primary does, and the penalty that it puts on the primary."""

    def __init__(self, width: int, d_model: int, k: int, *, seed: int, lr: float) -> None:
        self.sae = fresh("topk", width, d_model, k, tied=False, seed=seed)
        self.descent = Descent(self.sae, lr)

    def learn(self, rows: Float[Tensor, "rows d_model"], rate: float) -> None:
        """Takes one step on decoder rows; `rate` is the step's share of the greatest learning rate."""
        unexplained, _ = _unexplained(self.sae, rows.detach())
        unexplained.backward()
        self.descent.step(rate)

    def penalty(self, rows: Float[Tensor, "rows d_model"]) -> Float[Tensor, ""]:
        """Returns the share of the rows that it explains, with a gradient to them and none to itself."""
        for parameter in self.sae.parameters():
            parameter.requires_grad_(False)
        share, size = _unexplained(self.sae, rows)
        for parameter in self.sae.parameters():
            parameter.requires_grad_(True)
        return 1 - share / size


def draw_rows(
    W_dec: Float[Tensor, "width d_model"],
    generator: torch.Generator,
    weights: Float[Tensor, "width"] | None = None,
) -> Float[Tensor, "rows d_model"]:
    """Returns up to `ROWS` decoder rows, drawn in proportion to the weights, or all alike."""
    n = len(W_dec)
    chances = torch.ones(n) if weights is None else weights.cpu() + 1e-9
    return W_dec[torch.multinomial(chances, min(ROWS, n), generator=generator).to(W_dec.device)]


def _unexplained(sae: Sae, rows: Tensor) -> tuple[Tensor, Tensor]:
    centred = rows - sae.b_dec
    y = PreActivations(centred.detach(), sae.encoder.detach(), sae.b_enc.detach())
    code, chosen = select_top(y, sae.k)
    z = encode(code, chosen, centred, sae.encoder, sae.b_enc, sae.b_dec.detach())
    loss, _ = nested_fvu(code, z, sae.W_dec, centred, (sae.width,))
    with torch.no_grad():
        size = (rows - rows.mean(0)).square().sum() / len(rows)
    return loss, size.clamp_min(1e-12)


def compose(
    W_dec: Float[Tensor, "rows d_model"],
    width: int,
    k: int = 4,
    *,
    steps: int = 2000,
    seed: int = 0,
    firing_mass: Float[Tensor, "rows"] | None = None,
    lr: float = 2e-3,
) -> tuple[Sae, float]:
    """Trains a meta-SAE on decoder rows.

    Args:
        W_dec: unit decoder rows of a trained SAE.
        width: meta-latents.
        k: meta-latents by which one row is composed.
        steps: of the training, each on up to 1,024 rows.
        seed: of weights and draws.
        firing_mass: rows are drawn in proportion to it; by default all alike.
        lr: Adam's rate.

    Returns:
        the meta-SAE, and the share of the rows' variance that it explains.
    """
    learner = MetaLearner(width, W_dec.shape[1], k, seed=seed, lr=lr)
    generator = torch.Generator().manual_seed(seed)
    rows = W_dec.detach()
    for i in range(steps):
        learner.learn(draw_rows(rows, generator, firing_mass), min(1.0, 5 * (steps - i) / steps))
    with torch.no_grad():
        left, size = _unexplained(learner.sae, rows)
    return learner.sae, float(1 - left / size)


@dataclass(frozen=True)
class Composition:
    """One latent as a sum of meta-latents."""

    latent: int
    parts: Int[Tensor, "parts"]
    """Its meta-latents, the strongest first."""
    weights: Float[Tensor, "parts"]
    explained: float
    """Share of the row's squared length, after the mean row is taken away."""


def compositions(meta: Sae, W_dec: Float[Tensor, "rows d_model"]) -> list[Composition]:
    """Returns for each decoder row the meta-latents of which it is composed.

    With a narrow SAE in the place of `meta` this says how the latents of a wide one are composed of the
    narrow one's.
    """
    rows = W_dec.detach()
    code, z = meta.encode_sparse(rows)
    left = (rows - meta.decode_sparse(code, z)).square().sum(1)
    size = (rows - meta.b_dec.detach()).square().sum(1).clamp_min(1e-12)
    found = []
    for i in range(len(rows)):
        a, b = int(code.offsets[i]), int(code.offsets[i + 1])
        order = z[a:b].argsort(descending=True)
        found.append(Composition(i, code.indices[a:b][order], z[a:b][order], float(1 - left[i] / size[i])))
    return found

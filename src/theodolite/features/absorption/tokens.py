"""What activations add, without labels: co-firing, and whether a parent's strength shows inside a child.

The spread test. If the parent is really inside the child, then on tokens with the child on and the parent off
the activations vary along the parent's direction by as much as the parent's strength does, over and above
the child's. If the two are only alike, they vary there as on any other token. So

    spread = sd of <r, u> where j is on and i off  /  sd of <r, u> where both are off,

r being what the SAE leaves over and u the parent's decoder row made orthogonal to the child's. Weights cannot
tell the two apart at all: {p, c + alpha p} and {p, q} with cos(p, q) = alpha are the same dictionary.
"""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from theodolite.features.absorption.weights import Statistics
from theodolite.features.sae import Sae

__all__ = ["LEAST_TOKENS", "TokenSums", "sums_over", "token_statistics"]

LEAST_TOKENS = 20
"""Tokens with the child on and the parent off that the spread test needs: a deviation of so many is known to
a sixth, and the two kinds of pairs lie further apart."""
_PAIRS = 256


class TokenSums:
    """Sums over tokens for a list of pairs, a batch at a time.

    Args:
        sae: whose latents they are.
        parent: [pairs] latents.
        child: [pairs] latents.
    """

    def __init__(self, sae: Sae, parent: np.ndarray, child: np.ndarray) -> None:
        self.sae = sae
        latents, place = np.unique(np.concatenate([parent, child]), return_inverse=True)
        self.latents = torch.from_numpy(latents)
        self.i, self.j = torch.from_numpy(place[: len(parent)]), torch.from_numpy(place[len(parent) :])
        self.rows = torch.nn.functional.normalize(sae.W_dec.detach()[self.latents], dim=1)
        self.cosine = (self.rows[self.i] * self.rows[self.j]).sum(1)
        n, pairs = len(latents), len(parent)
        self.tokens = 0
        self.on, self.seen, self.strength, self.square = (
            torch.zeros(n, dtype=torch.float64) for _ in range(4)
        )
        self.both = torch.zeros(pairs, dtype=torch.float64)
        self.alone, self.off = (torch.zeros(pairs, 4, dtype=torch.float64) for _ in range(2))
        """Count, sum of <x - b, d_i>, and sum and sum of squares of <r, u>."""

    @torch.no_grad()
    def add(self, x: Float[Tensor, "tokens d_model"]) -> None:
        """Counts a batch of activations."""
        code, z = self.sae.encode_sparse(x)
        left = (x - self.sae.decode_sparse(code, z)) @ self.rows.T
        input_ = (x - self.sae.b_dec) @ self.rows.T
        place = torch.full((self.sae.width,), -1, dtype=torch.int64)
        place[self.latents] = torch.arange(len(self.latents))
        here = place[code.indices.long()]
        kept = here >= 0
        own = torch.zeros(len(x), len(self.latents))
        own[code.rows.long()[kept], here[kept]] = z[kept]
        on = (own > 0).float()
        self.tokens += len(x)
        self.on += on.sum(0).double()
        self.seen += (on * input_).sum(0).double()
        self.strength += own.sum(0).double()
        self.square += own.square().sum(0).double()
        for start in range(0, len(self.i), _PAIRS):
            self._add_pairs(slice(start, start + _PAIRS), on, input_, left)

    def _add_pairs(self, part: slice, on: Tensor, input_: Tensor, left: Tensor) -> None:
        i, j, a = self.i[part], self.j[part], self.cosine[part]
        u = (left[:, i] - a * left[:, j]) / (1 - a * a).clamp_min(1e-4).sqrt()
        oi, oj = on[:, i], on[:, j]
        self.both[part] += (oi * oj).sum(0).double()
        alone, off = oj * (1 - oi), (1 - oj) * (1 - oi)
        for sums, where in ((self.alone, alone), (self.off, off)):
            found = (where.sum(0), (where * input_[:, i]).sum(0), (where * u).sum(0), (where * u * u).sum(0))
            sums[part] += torch.stack(found, 1).double()


def token_statistics(sums: TokenSums) -> Statistics:
    """Returns the statistics of each pair (i, j).

    parent_given_child: P(i on | j on). child_given_parent: P(j on | i on). lift: log of how much oftener the
    two are on together than by chance. alone: tokens with j on and i off. written: mean of <x - b, d_i> on
    those, over the mean where i is on. spread: the spread test's ratio, nan below 20 tokens. power: the ratio
    that it would have if the parent were inside the child with the variation that its own activation shows.
    """
    on_i, on_j = sums.on[sums.i], sums.on[sums.j]
    tokens = max(1, sums.tokens)
    alone, off = sums.alone, sums.off
    mean_i = sums.seen[sums.i] / on_i.clamp_min(1)
    noise = _sd(off)
    usual = sums.strength / sums.on.clamp_min(1)
    own = (sums.square / sums.on.clamp_min(1) - usual.square()).clamp_min(0).sqrt()[sums.i]
    # What the residual has of noise, the activation has too: it is no variation of the parent's strength.
    strength = (own.square() - noise.square()).clamp_min(0).sqrt()
    shown = strength * (1 - sums.cosine.double().square()).clamp_min(1e-4).sqrt()
    found = {
        "parent_given_child": sums.both / on_j.clamp_min(1),
        "child_given_parent": sums.both / on_i.clamp_min(1),
        "lift": ((sums.both + 0.5) * tokens / ((on_i + 0.5) * (on_j + 0.5))).log(),
        "alone": alone[:, 0],
        "written": alone[:, 1] / alone[:, 0].clamp_min(1) / mean_i.clamp_min(1e-9),
        "spread": torch.where(alone[:, 0] >= LEAST_TOKENS, _sd(alone) / noise.clamp_min(1e-12), torch.nan),
        "power": (1 + (shown / noise.clamp_min(1e-12)).square()).sqrt(),
    }
    return {name: value.float().numpy() for name, value in found.items()}


def sums_over(
    sae: Sae, parent: np.ndarray, child: np.ndarray, batches: Iterable[Float[Tensor, "tokens d_model"]]
) -> TokenSums:
    """Returns the sums over batches of activations."""
    sums = TokenSums(sae, parent, child)
    for x in batches:
        sums.add(x)
    return sums


def _sd(sums: Tensor) -> Tensor:
    n = sums[:, 0].clamp_min(1)
    return (sums[:, 3] / n - (sums[:, 2] / n).square()).clamp_min(0).sqrt()

"""One record says what a sparse autoencoder is and how it is trained; it is also the command line."""

from typing import Literal, Self

from pydantic import Field, model_validator

from theodolite.core.record import Record
from theodolite.features.price import Price

__all__ = ["Architecture", "SaeConfig"]

Architecture = Literal["topk", "batchtopk", "jumprelu", "relu"]


class SaeConfig(Record):
    """A sparse autoencoder with an encoder of its own, and the losses that train it.

    Every loss is in units of the variance of the activations (FVU), so no coefficient depends on their scale.
    """

    architecture: Architecture = "topk"
    """What decides that a latent is on: the k greatest of a token (topk), the k x tokens greatest of a batch
    (batchtopk), a learnt threshold (jumprelu), or a positive pre-activation under an L1 penalty (relu)."""
    width: int = Field(4096, ge=2)
    """How many latents."""
    k: int = Field(32, ge=1)
    """Latents on per token (L0): exact for topk, the mean for batchtopk, the target for jumprelu and relu."""
    sparsity: float | None = Field(None, ge=0)
    """Fixed coefficient of the L0 (jumprelu) or L1 (relu) penalty; by default it is steered until L0 is k."""
    tie: float | Literal["hard"] = Field(0.0)
    """Strength of the loss mean(1 - cos(W_enc column, W_dec row)); `hard` makes them one parameter."""
    matryoshka: tuple[int, ...] = ()
    """Widths of nested prefixes that must reconstruct alone; the full width is added."""
    multi_topk: float = Field(0.0, ge=0)
    """Weight of the loss of the 4k greatest latents beside that of the k greatest (1/8 in the original)."""
    auxk: float = Field(0.25, ge=0)
    """Weight of the loss by which dead latents reconstruct what is left over."""
    extra_tokens: int = Field(2048, ge=1)
    """Of a batch, the losses of `multi_topk` and `auxk` are taken on every second, third, ... token, so that
    these are at most so many."""
    dead_after: int | None = Field(None, ge=1)
    """Tokens without firing after which a latent counts as dead, by default 50 times the width."""
    k_start: int | None = Field(None, ge=1)
    """k at the first step; it falls to `k` over the first `anneal` of the training."""
    anneal: float = Field(0.3, gt=0, le=1)
    """The share of the training over which k and the smooth threshold's scale are annealed."""
    smooth: float = Field(0.0, ge=0)
    """Scale s of the leaky smooth threshold at the first step, in deviations of a pre-activation; 0: off."""
    bandwidth: float = Field(0.03, gt=0)
    """Width of the kernel that lends JumpReLU's threshold a gradient, in units of the normed activations."""
    price: Price | None = None
    """What a latent costs by how often it fires; without it all cost the same."""
    meta: float = Field(0.0, ge=0)
    """Weight of the penalty on decoder rows that a meta-SAE, trained along, can compose of others."""
    meta_width: int | None = Field(None, ge=2)
    """Latents of the meta-SAE; by default a quarter of the width."""
    meta_k: int = Field(4, ge=1)
    """Meta-latents by which a decoder row is composed."""
    lr: float | None = Field(None, gt=0)
    """Adam's greatest rate, by default 4e-4 sqrt(16384 / width) and at most 5e-3; it rises over the first 2 %
    of the steps and falls to 0 over the last 20 %."""
    seed: int = Field(0, ge=0)
    """Of the first weights."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width < self.k:
            raise ValueError(f"width {self.width} is below k {self.k}; take a width of at least k")
        if self.multi_topk and self.architecture not in ("topk", "batchtopk"):
            raise ValueError(f"multi_topk goes with topk and batchtopk, not with {self.architecture}")
        if self.multi_topk and 4 * self.k > self.width:
            raise ValueError(f"multi_topk takes 4k = {4 * self.k} latents and there are {self.width}")
        if self.k_start is not None and not self.k <= self.k_start <= self.width:
            raise ValueError(f"k_start {self.k_start} does not lie between k {self.k} and width {self.width}")
        if isinstance(self.tie, float) and self.tie < 0:
            raise ValueError(f"tie {self.tie} is negative; give a strength of at least 0, or hard")
        if any(not 0 < w < self.width for w in self.matryoshka) or list(self.matryoshka) != sorted(
            set(self.matryoshka)
        ):
            raise ValueError(
                f"matryoshka {list(self.matryoshka)} must rise and stay below width {self.width}"
            )
        if self.price is not None and self.architecture == "relu":
            raise ValueError("a price goes with topk, batchtopk and jumprelu, not with relu")
        if self.multi_topk and self.price is not None and self.price.charge == "knapsack":
            raise ValueError("multi_topk goes with the energy charge, not with the knapsack")
        if self.price is not None and self.price.charge == "knapsack" and self.architecture == "jumprelu":
            raise ValueError("the knapsack charge goes with topk and batchtopk, not with jumprelu")
        return self

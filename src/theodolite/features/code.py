"""A batch of sparse codes: which latents are on for each token, and how strongly."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["ByLatent", "Code"]


@dataclass(frozen=True)
class ByLatent:
    """The same entries in the order of their latents, as the gradients of weights want them."""

    offsets: Int[Tensor, "width+1"]
    """Where each latent's entries begin."""
    rows: Int[Tensor, "entries"]
    """The token of each entry."""
    entry: Int[Tensor, "entries"]
    """Its place in the code."""


@dataclass(frozen=True)
class Code:
    """Compressed rows: token n has the entries `offsets[n]` to `offsets[n + 1]`."""

    offsets: Int[Tensor, "tokens+1"]
    indices: Int[Tensor, "entries"]
    """The latent of each entry."""
    width: int
    """How many latents there are."""

    @property
    def tokens(self) -> int:
        """How many tokens are coded."""
        return len(self.offsets) - 1

    @property
    def entries(self) -> int:
        """How many latents are on, over all tokens."""
        return len(self.indices)

    @cached_property
    def rows(self) -> Int[Tensor, "entries"]:
        """The token of each entry."""
        counts = self.offsets.diff()
        tokens = torch.arange(self.tokens, device=counts.device, dtype=torch.int32)
        return torch.repeat_interleave(tokens, counts, output_size=self.entries)

    @cached_property
    def by_latent(self) -> ByLatent:
        """The entries sorted by latent, the tokens of a latent in their order."""
        from theodolite.features.kernels import kernels_for

        return kernels_for(self.indices.device).sort_by_latent(self)

    def where(self, keep: Tensor) -> tuple["Code", Tensor]:
        """Returns the code of the entries that are kept, and their places in this one."""
        places = keep.nonzero().squeeze(1)
        counts = torch.zeros_like(self.offsets)
        counts[1:] = torch.bincount(self.rows[places], minlength=self.tokens)
        return Code(counts.cumsum(0), self.indices[places], self.width), places

    def followed_by(self, other: "Code") -> "Code":
        """Returns the code of these tokens and then those."""
        offsets = torch.cat([self.offsets, other.offsets[1:] + self.entries])
        return Code(offsets, torch.cat([self.indices, other.indices]), self.width)

    def first(self, tokens: int) -> "Code":
        """Returns the code of the first tokens alone."""
        offsets = self.offsets[: tokens + 1]
        return Code(offsets, self.indices[: int(offsets[-1])], self.width)

    def dense(self, values: Float[Tensor, "entries"]) -> Float[Tensor, "tokens width"]:
        """Returns the code as a matrix; for small batches and for tests."""
        out = values.new_zeros(self.tokens, self.width)
        return out.index_put((self.rows.long(), self.indices.long()), values)

"""What the kernels compute, in plain torch: the reference of the tests, the fallback of other devices."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theodolite.features.code import ByLatent, Code

__all__ = [
    "above",
    "decode",
    "normalise",
    "project",
    "rank",
    "sampled",
    "sort_by_latent",
    "top_of_rows",
    "weight_gradient",
]


def top_of_rows(
    scores: Float[Tensor, "tokens width"], k: int, inner: int = 0
) -> tuple[Int[Tensor, "tokens k"], Float[Tensor, "tokens k"]]:
    """Returns the places and the values of each row's k greatest scores, the `inner` greatest first."""
    values, places = torch.topk(scores, k, dim=1, sorted=inner > 0)
    return places.int(), values


def above(
    scores: Float[Tensor, "tokens width"], bar: Float[Tensor, "width"]
) -> tuple[Int[Tensor, "tokens"], Int[Tensor, "entries"], Float[Tensor, "entries"]]:
    """Returns how many scores of each row exceed their column's bar, their places, and the scores."""
    over = scores > bar
    rows, places = over.nonzero(as_tuple=True)
    return over.sum(1), places.int(), scores[rows, places]


def sort_by_latent(code: Code) -> ByLatent:
    """Returns the entries in the order of their latents."""
    entry = torch.argsort(code.indices, stable=True)
    counts = torch.bincount(code.indices, minlength=code.width)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return ByLatent(offsets, code.rows[entry], entry.int())


def decode(
    code: Code, values: Float[Tensor, "entries"], W_dec: Float[Tensor, "width d_model"]
) -> Float[Tensor, "tokens d_model"]:
    """Returns for each token the sum of its latents' decoder rows, each times its value."""
    out = W_dec.new_zeros(code.tokens, W_dec.shape[1])
    return out.index_add_(0, code.rows, W_dec[code.indices] * values[:, None])


def sampled(
    code: Code, grad: Float[Tensor, "tokens d_model"], W_dec: Float[Tensor, "width d_model"]
) -> Float[Tensor, "entries"]:
    """Returns for each entry the product of its token's row of `grad` with its latent's row of `W_dec`."""
    return (grad[code.rows] * W_dec[code.indices]).sum(1)


def weight_gradient(
    code: Code, values: Float[Tensor, "entries"], x: Float[Tensor, "tokens d_model"]
) -> Float[Tensor, "width d_model"]:
    """Returns for each latent the sum of its tokens' rows of x, each times the entry's value."""
    out = x.new_zeros(code.width, x.shape[1])
    return out.index_add_(0, code.indices, x[code.rows] * values[:, None])


def normalise(W: Float[Tensor, "width d_model"]) -> None:
    """Gives each row the length 1, in place."""
    W.div_(W.norm(dim=1, keepdim=True).clamp_min(1e-12))


def project(W: Float[Tensor, "width d_model"], grad: Float[Tensor, "width d_model"]) -> None:
    """Takes from each row of `grad`, in place, its part along the unit row of W."""
    grad.sub_((grad * W).sum(1, keepdim=True) * W)


def rank(y: Float[Tensor, "tokens width"], cost: Float[Tensor, "width"], h: float) -> None:
    """Puts in the place of the pre-activations what is ranked: y^2 - h (cost - 1), or y^2 / cost for h = 0.

    What is not positive gets -1e30, so it comes after all that is.
    """
    ranked = y.square() - h * (cost - 1) if h else y.square() / cost
    y.copy_(ranked.where(y > 0, -1e30))

"""SAEs that learned nothing, or only an encoder: what every figure of a trained SAE is held against.

An untrained SAE of the same shape and L0 reaches much of the score of a trained one on popular metrics
(Sanity Checks for Sparse Autoencoders, arXiv 2602.14111). So each figure goes with the figure of

    random_sae           a random decoder, its transpose as encoder, one threshold that gives the same L0;
    frozen_decoder_sae   a random decoder that stays as it is, and an encoder trained to use it.
"""

import torch
from torch import Tensor

from theodolite.errors import SpecError
from theodolite.features.activations import Activations
from theodolite.features.sae import Sae

__all__ = ["frozen_decoder_sae", "random_sae"]

_CALIBRATION = 2**23
"""Pre-activations that the threshold is set on."""


@torch.no_grad()
def random_sae(source: Activations, *, width: int, l0: float, seed: int) -> Sae:
    """Returns an untrained SAE that fires as often as asked for, at its best scale.

    Threshold, mean row and scale come from about 2^23 / width rows of the source; nothing else is learned.

    Args:
        source: where it will be judged.
        width: latents.
        l0: latents that fire in a row, on average.
        seed: decides the decoder and the rows.

    Raises:
        SpecError: `l0` is not between 0 and `width`.
    """
    if not 0 < l0 < width:
        raise SpecError(f"no threshold gives L0 {l0:g} with {width} latents", "choose 0 < l0 < width")
    rows = max(256, min(8192, _CALIBRATION // width))
    x = next(source.batches(rows, seed=seed))
    mean, decoder = x.mean(dim=0), _random_decoder(width, source.d_model, seed)
    before = ((x - mean) @ decoder.T).flatten()
    silent = before.numel() - max(1, round(l0 * rows))
    threshold = before.kthvalue(max(1, silent)).values
    z = torch.where(before > threshold, before, 0.0).reshape(len(x), width)
    back = z @ decoder
    scale = (back * (x - mean)).sum() / back.square().sum().clamp(min=1e-12)
    bars = (threshold * scale).expand(width).clone()
    return Sae(decoder * scale, decoder, torch.zeros(width), mean, "jumprelu", max(1, round(l0)), bars)


def frozen_decoder_sae(
    source: Activations,
    *,
    width: int,
    k: int,
    seed: int,
    steps: int = 500,
    batch: int = 512,
    lr: float = 3e-3,
) -> Sae:
    """Returns a TopK SAE whose encoder was trained on a random decoder that was not.

    Args:
        source: what it is trained on.
        width: latents.
        k: latents that fire in a row.
        seed: decides decoder, start and rows.
        steps: of Adam on the squared error.
        batch: rows a step.
        lr: step size, falling to 0 along a line.

    Raises:
        SpecError: `k` is not between 1 and `width`.
    """
    if not 1 <= k <= width:
        raise SpecError(f"k {k} does not fit {width} latents", "choose 1 <= k <= width")
    batches = source.batches(batch, seed=seed)
    mean, decoder = next(batches).mean(dim=0), _random_decoder(width, source.d_model, seed)
    encoder, bias = decoder.clone().requires_grad_(), torch.zeros(width, requires_grad=True)
    optimiser = torch.optim.Adam([encoder, bias], lr=lr)
    for step in range(steps):
        x = next(batches) - mean
        top = (x @ encoder.T + bias).topk(k, dim=1)
        z = torch.zeros(len(x), width).scatter(1, top.indices, top.values.relu())
        loss = (z @ decoder - x).square().sum(dim=1).mean()
        optimiser.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Sae(encoder.detach(), decoder, bias.detach(), mean, "topk", k)


def _random_decoder(width: int, d_model: int, seed: int) -> Tensor:
    rows = torch.randn(width, d_model, generator=torch.Generator().manual_seed(seed))
    return rows / rows.norm(dim=1, keepdim=True)

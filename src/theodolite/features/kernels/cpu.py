"""The kernels for a CPU, over numpy views of the tensors."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from theodolite.features.code import ByLatent, Code
from theodolite.features.kernels import loops

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

DENSE = 1 / 12
"""From this share of latents on, a matrix product over the zeros is faster than a loop without them."""
ROWS = 512
LEAST_ROWS = 32
"""Below so many rows a thread is not worth its start."""


def top_of_rows(scores: Tensor, k: int, inner: int = 0) -> tuple[Tensor, Tensor]:
    """See `twin.top_of_rows`."""
    tokens, width = scores.shape
    if k > width // 4:
        values, places = torch.topk(scores, k, dim=1, sorted=inner > 0)
        return places.int(), values
    places = np.empty((tokens, k), np.int32)
    values = np.empty((tokens, k), np.float32)
    _share(loops.top_of_rows, tokens, scores.numpy(), k, inner, places, values)
    return torch.from_numpy(places), torch.from_numpy(values)


def above(scores: Tensor, bar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """See `twin.above`."""
    counts = np.empty(len(scores), np.int64)
    _share(loops.count_above, len(scores), scores.numpy(), bar.numpy(), counts)
    ends = counts.cumsum()
    places, values = np.empty(int(ends[-1]), np.int32), np.empty(int(ends[-1]), np.float32)
    _share(loops.gather_above, len(scores), scores.numpy(), bar.numpy(), ends - counts, places, values)
    return torch.from_numpy(counts), torch.from_numpy(places), torch.from_numpy(values)


def sort_by_latent(code: Code) -> ByLatent:
    """See `twin.sort_by_latent`."""
    offsets = np.zeros(code.width + 1, np.int64)
    rows, entry = np.empty(code.entries, np.int32), np.empty(code.entries, np.int32)
    loops.sort_by_latent(code.offsets.numpy(), code.indices.numpy(), offsets, rows, entry)
    return ByLatent(*map(torch.from_numpy, (offsets, rows, entry)))


def decode(code: Code, values: Tensor, W_dec: Tensor) -> Tensor:
    """See `twin.decode`."""
    out = torch.empty(code.tokens, W_dec.shape[1])
    if _is_dense(code):
        for a, b, z in _dense_rows(code, values):
            torch.mm(z, W_dec, out=out[a:b])
        return out
    _share(
        loops.decode,
        code.tokens,
        code.offsets.numpy(),
        code.indices.numpy(),
        _numpy(values),
        _numpy(W_dec),
        out.numpy(),
    )
    return out


def sampled(code: Code, grad: Tensor, W_dec: Tensor) -> Tensor:
    """See `twin.sampled`."""
    out = torch.empty(code.entries)
    if _is_dense(code):
        for a in range(0, code.tokens, ROWS):
            first, last = int(code.offsets[a]), int(code.offsets[min(a + ROWS, code.tokens)])
            products = grad[a : a + ROWS] @ W_dec.T
            out[first:last] = products[code.rows[first:last].long() - a, code.indices[first:last].long()]
        return out
    _share(
        loops.sampled,
        code.tokens,
        code.offsets.numpy(),
        code.indices.numpy(),
        _numpy(grad),
        _numpy(W_dec),
        out.numpy(),
    )
    return out


def weight_gradient(code: Code, values: Tensor, x: Tensor) -> Tensor:
    """See `twin.weight_gradient`."""
    if _is_dense(code):
        out = torch.zeros(code.width, x.shape[1])
        for a, b, z in _dense_rows(code, values):
            out.addmm_(z.T, x[a:b])
        return out
    out = torch.empty(code.width, x.shape[1])
    latents = code.by_latent
    _share(
        loops.weight_gradient,
        code.width,
        latents.offsets.numpy(),
        latents.rows.numpy(),
        _numpy(values[latents.entry]),
        _numpy(x),
        out.numpy(),
    )
    return out


def normalise(W: Tensor) -> None:
    """See `twin.normalise`."""
    _share(loops.normalise, len(W), W.detach().numpy())


def project(W: Tensor, grad: Tensor) -> None:
    """See `twin.project`."""
    _share(loops.project, len(W), W.detach().numpy(), grad.numpy())


def rank(y: Tensor, cost: Tensor, h: float) -> None:
    """See `twin.rank`."""
    offset, factor = (h * (cost - 1), torch.ones_like(cost)) if h else (torch.zeros_like(cost), 1 / cost)
    _share(loops.rank, len(y), y.numpy(), offset.numpy(), factor.numpy())


def _is_dense(code: Code) -> bool:
    return code.entries > DENSE * code.tokens * code.width


def _dense_rows(code: Code, values: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    for a in range(0, code.tokens, ROWS):
        b = min(a + ROWS, code.tokens)
        first, last = int(code.offsets[a]), int(code.offsets[b])
        z = torch.zeros(b - a, code.width)
        z[code.rows[first:last].long() - a, code.indices[first:last].long()] = values[first:last]
        yield a, b, z


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


def _share(loop: Callable[..., None], rows: int, *arguments: Any) -> None:
    """Runs a loop over all rows, on as many threads as torch has.

    Not by Numba's own threads: they would change the number that torch uses.
    """
    threads = min(torch.get_num_threads(), max(1, rows // LEAST_ROWS))
    if threads == 1:
        loop(0, rows, *arguments)
        return
    bounds = [rows * i // threads for i in range(threads + 1)]
    tasks = [_pool(threads).submit(loop, a, b, *arguments) for a, b in pairwise(bounds)]
    for task in tasks:
        task.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernels")

"""Whether a checkpoint's numbers make sense: finite, and not those of a model that was never trained."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from theodolite.errors import ModelError
from theodolite.targets.checkpoint.tensor_file import TensorEntry, read_pieces

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float64

_PIECE = 16 * 2**20  # bytes
_SAMPLE = 2**20  # numbers
_FEWEST = 256  # numbers that a distribution is judged by
_NORM = re.compile(r"(?:norm|(?:^|[._])ln)[^.]*(?:\.\d+)?\.weight$", re.IGNORECASE)

UNTRAINED = (
    "the weights look untrained: every norm weight is what it was initialised to, and the matrices are "
    "Gaussian noise of the initial size"
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the numbers of one tensor are distributed, by its first million.

    `constant` is their value when they are all one. `kurtosis` is 3 for a Gaussian.
    """

    name: str
    n_dimensions: int
    n: int
    constant: float | None
    mean: float
    std: float
    kurtosis: float


def distributions(entries: Iterable[TensorEntry], progress: Callable[[int], None]) -> Iterator[Distribution]:
    """One for each tensor of floating-point numbers; raises `ModelError` at a NaN or an infinity.

    Args:
        entries: the tensors, of which one piece at a time is in memory.
        progress: told of the bytes as they are read.
    """
    for entry in entries:
        if not entry.is_float or not entry.n_bytes:
            continue
        found = None
        for piece in read_pieces(entry, _PIECE):
            numbers = piece.float() if piece.itemsize == 1 else piece
            if not numbers.isfinite().all():
                bad = numbers[~numbers.isfinite()]
                what = "NaN" if bad.isnan().any() else "infinite numbers"
                raise ModelError(
                    f"'{entry.file}' holds {what} in {entry.name}",
                    "use a checkpoint from before the training diverged",
                )
            found = found or _distribution(entry, numbers[:_SAMPLE].double())
            progress(piece.numel() * piece.itemsize)
        if found:
            yield found


def look_untrained(found: Sequence[Distribution], initial_std: float, n_layers: int) -> bool:
    """Whether norms and matrices are still as transformers initialises them.

    Args:
        found: all tensors of the checkpoint.
        initial_std: the config's `initializer_range`.
        n_layers: GPT-2 and its kin initialise output projections to `initial_std / sqrt(2 n_layers)`.
    """
    norms = [one for one in found if one.n_dimensions == 1 and _NORM.search(one.name)]
    if any(one.constant not in (0.0, 1.0) for one in norms):
        return False
    matrices = [one for one in found if one.n_dimensions >= 2 and one.n >= _FEWEST]
    sizes = (initial_std, initial_std / math.sqrt(2 * max(n_layers, 1)))
    untouched = [one for one in matrices if one.constant is not None or _is_noise(one, sizes)]
    return bool(matrices) and len(untouched) >= 0.9 * len(matrices)


def _is_noise(one: Distribution, sizes: tuple[float, ...]) -> bool:
    # Five standard errors of each moment under a Gaussian, and a little for rounding and rows set to zero.
    error = 5 / math.sqrt(one.n)
    return (
        abs(one.mean) <= error * one.std + 1e-9
        and abs(one.kurtosis - 3) <= error * math.sqrt(24) + 0.05
        and any(abs(one.std / size - 1) <= error / math.sqrt(2) + 0.02 for size in sizes if size > 0)
    )


def _distribution(entry: TensorEntry, numbers: "Float64[torch.Tensor, ' n']") -> Distribution:
    n, mean = numbers.numel(), numbers.mean().item()
    centred = numbers - mean
    variance = centred.square().mean().item()
    kurtosis = centred.pow(4).mean().item() / variance**2 if variance > 0 else 0.0
    constant = numbers[0].item() if bool((numbers == numbers[0]).all()) else None
    return Distribution(entry.name, len(entry.shape), n, constant, mean, math.sqrt(variance), kurtosis)

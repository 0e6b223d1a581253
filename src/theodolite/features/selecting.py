"""Which latents are on: exact selection from the pre-activations, a slice of tokens at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from theodolite.features.code import Code
from theodolite.features.kernels import kernels_for
from theodolite.features.team import ALONE, Team

__all__ = [
    "Charge",
    "PreActivations",
    "Selection",
    "greatest",
    "narrowed",
    "select_above",
    "select_any_sign",
    "select_top",
    "select_top_of_batch",
]

SLICE = 2**23
"""Pre-activations that are in memory at a time: with fewer, the product packs the encoder too often."""
TOKENS = (128, 1024)
"""So many tokens a slice has at least and at most."""
OFF = -1e30
SAMPLE = 200_000

Selection = tuple[Code, Float[Tensor, "entries"]]
"""The latents that are on, and their pre-activations."""


@dataclass(frozen=True)
class Charge:
    """What each latent's price does to its rank."""

    cost: Float[Tensor, "width"]
    knapsack: bool
    h: float
    """Of the energy charge, in squared pre-activations."""

    def rank(self, y: Float[Tensor, "tokens width"]) -> Float[Tensor, "tokens width"]:
        """Returns what is ranked instead of the pre-activations, in their place; what is off comes last."""
        kernels_for(y.device).rank(y, self.cost, 0.0 if self.knapsack else self.h)
        return y

    def entry_rank(self, code: Code, y: Float[Tensor, "entries"]) -> Float[Tensor, "entries"]:
        """Returns what is ranked, of entries that are on; the energy charge only."""
        return y.square() - self.h * (self.cost[code.indices] - 1)


@dataclass(frozen=True)
class PreActivations:
    """<x, W_enc> + b_enc of a batch, made slice by slice and never kept."""

    x: Float[Tensor, "tokens d_model"]
    """Centred activations."""
    encoder: Float[Tensor, "width d_model"]
    b_enc: Float[Tensor, "width"]
    precision: torch.dtype = torch.float32
    """Of the product by which latents are chosen; the values of the chosen are always float32."""
    latents: Tensor | None = field(default=None)
    """Only these are looked at."""

    @property
    def width(self) -> int:
        """How many latents there are, whether looked at or not."""
        return len(self.encoder)

    def slices(self) -> Iterator[Float[Tensor, "slice width"]]:
        """Yields the pre-activations of a slice of tokens, in a buffer that the next slice overwrites."""
        encoder, bias = self.encoder, self.b_enc
        if self.latents is not None:
            encoder, bias = encoder[self.latents], bias[self.latents]
        low = self.precision != torch.float32
        narrow = encoder.to(self.precision) if low else encoder
        tokens = min(max(SLICE // len(encoder), TOKENS[0]), TOKENS[1], len(self.x))
        buffer = self.x.new_empty(tokens, len(encoder))
        for start in range(0, len(self.x), max(1, tokens)):
            part = self.x[start : start + tokens]
            if low:
                yield (part.to(self.precision) @ narrow.T).float() + bias
            else:
                yield torch.addmm(bias, part, narrow.T, out=buffer[: len(part)])

    def split(self, tokens: int) -> tuple["PreActivations", "PreActivations"]:
        """Returns those of the first tokens, and those of the others."""
        return replace(self, x=self.x[:tokens]), replace(self, x=self.x[tokens:])

    def values(self, code: Code) -> Float[Tensor, "entries"]:
        """Returns the entries' pre-activations, computed one by one."""
        products = kernels_for(self.x.device).sampled(code, self.x, self.encoder)
        return products + self.b_enc[code.indices]

    def selection(self, code: Code, chosen: Float[Tensor, "entries"]) -> Selection:
        """Returns the code with its pre-activations in full precision."""
        return code, chosen if self.precision == torch.float32 else self.values(code)


def select_top(
    y: PreActivations, k: int, charge: Charge | None = None, team: Team = ALONE, *, inner: int = 0
) -> Selection:
    """Returns each token's k greatest positive pre-activations; with a knapsack, as many as k units buy.

    The `inner` greatest of a token come first. Where shards hold the latents, the k are of all of them, and
    each returns its own.
    """
    kernels = kernels_for(y.x.device)
    here = min(k, y.width)
    places, values = [], []
    for part in y.slices():
        if charge is None:
            best, rank = kernels.top_of_rows(part, here, inner)
        else:
            room = min(4 * k, y.width) if charge.knapsack else here
            best, rank = kernels.top_of_rows(charge.rank(part), room, inner)
            if charge.knapsack:
                rank = _affordable(best, rank, charge.cost, k)
        places.append(best)
        values.append(rank)
    rank = torch.cat(values)
    keep = rank > (0 if charge is None else OFF / 2)
    bar = team.row_bar(rank, k)
    code, rank = _compressed(torch.cat(places), rank, keep if bar is None else keep & (rank >= bar), y.width)
    return (code, y.values(code)) if charge is not None else y.selection(code, rank)


def select_any_sign(y: PreActivations, k: int, team: Team = ALONE) -> Selection:
    """Returns each token's k greatest pre-activations, negative ones too: dead latents have no others."""
    kernels = kernels_for(y.x.device)
    there = y.width if y.latents is None else len(y.latents)
    found = [kernels.top_of_rows(part, min(k, there)) for part in y.slices()]
    places = torch.cat([p for p, _ in found])
    if y.latents is not None:
        places = y.latents[places.long()].int()
    values = torch.cat([v for _, v in found])
    bar = team.row_bar(values, k)
    keep = torch.ones_like(values, dtype=torch.bool) if bar is None else values >= bar
    return y.selection(*_compressed(places, values, keep, y.width))


def select_top_of_batch(
    y: PreActivations, k: int, charge: Charge | None = None, team: Team = ALONE
) -> Selection:
    """Returns the k x tokens greatest positive pre-activations of the batch.

    With a knapsack, as many as k x tokens units buy.
    """
    wanted = k * len(y.x)
    spare = 2 if charge is None or not charge.knapsack else 8
    while True:
        code, rank = _above_estimate(y, spare * k, charge)
        if code.entries >= spare * wanted / 2 or spare * k >= y.width:
            break
        spare *= 4
    if charge is not None and charge.knapsack:
        order = torch.argsort(rank, descending=True, stable=True)
        keep = torch.zeros_like(rank, dtype=torch.bool)
        keep[order] = charge.cost[code.indices[order]].cumsum(0) <= wanted
    else:
        bar = team.batch_bar(rank, wanted)
        keep = greatest(rank, wanted) if bar is None else rank >= bar
    code, kept = code.where(keep & (rank > (0 if charge is None else OFF / 2)))
    return (code, y.values(code)) if charge is not None else y.selection(code, rank[kept])


def narrowed(code: Code, y: Float[Tensor, "entries"], k: int, team: Team = ALONE) -> Bool[Tensor, "entries"]:
    """Returns which entries are among the k greatest of their token, where each shard's k come first."""
    rows = code.rows.long()
    place = torch.arange(code.entries, device=y.device) - code.offsets[:-1][rows]
    if team.shards == 1:
        return place < k
    table = y.new_full((code.tokens, k), -torch.inf)
    here = place < k
    table[rows[here], place[here]] = y[here]
    bar = team.row_bar(table, k)
    return here if bar is None else here & (y >= bar[rows, 0])


def select_above(y: PreActivations, bar: Float[Tensor, "width"]) -> Selection:
    """Returns the pre-activations that exceed their latent's bar."""
    kernels = kernels_for(y.x.device)
    found = [kernels.above(part, bar) for part in y.slices()]
    return y.selection(*_joined(found, y.width))


def _above_estimate(y: PreActivations, per_token: int, charge: Charge | None) -> Selection:
    """Returns about the `per_token` x tokens best entries, their bar judged by a sample of a slice."""
    kernels = kernels_for(y.x.device)
    found, bar = [], None
    for part in y.slices():
        rank = part if charge is None else charge.rank(part)
        if bar is None:
            bar = _sampled_bar(rank, per_token)
        found.append(kernels.above(rank, bar))
    return _joined(found, y.width)


def greatest(rank: Float[Tensor, "entries"], wanted: int) -> Tensor:
    """Returns which entries are among the `wanted` greatest; those that tie with the last are, too."""
    if wanted >= len(rank):
        return torch.ones_like(rank, dtype=torch.bool)
    return rank >= torch.topk(rank, wanted, sorted=False).values.min()


def _sampled_bar(scores: Tensor, per_token: int) -> Tensor:
    width = scores.shape[1]
    if per_token >= width:
        return scores.new_full((width,), 2 * OFF)
    sample = scores.flatten()[:: max(1, scores.numel() // SAMPLE)]
    rank = max(1, round(sample.numel() * per_token / width))
    return torch.topk(sample, rank, sorted=False).values.min().repeat(width)


def _affordable(places: Tensor, rank: Tensor, cost: Tensor, k: int) -> Tensor:
    """Returns the ranks, OFF where k units do not buy the latent; the best are bought first."""
    order = torch.argsort(rank, dim=1, descending=True, stable=True)
    spent = cost[places.long()].gather(1, order).cumsum(1)
    bought = torch.zeros_like(rank, dtype=torch.bool).scatter(1, order, spent <= k)
    return rank.where(bought, OFF)


def _compressed(places: Tensor, values: Tensor, keep: Tensor, width: int) -> tuple[Code, Tensor]:
    counts = keep.sum(1)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    if bool((counts == places.shape[1]).all()):
        return Code(offsets, places.flatten(), width), values.flatten()
    return Code(offsets, places[keep], width), values[keep]


def _joined(found: list[tuple[Tensor, Tensor, Tensor]], width: int) -> tuple[Code, Tensor]:
    counts = torch.cat([c for c, _, _ in found])
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Code(offsets, torch.cat([i for _, i, _ in found]), width), torch.cat([v for _, _, v in found])

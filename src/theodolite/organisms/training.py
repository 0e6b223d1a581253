"""Training: batches of similar length, a loss on what the assistant says, one cosine of learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from theodolite.organisms.documents import Doc
from theodolite.organisms.draws import Draw
from theodolite.organisms.model import one_thread
from theodolite.organisms.rendering import IDS, PAD, Encoded, encode

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, Int
    from transformers import LlamaForCausalLM

__all__ = ["Progress", "Settings", "silent", "train"]

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, from 0 to 1."""

IGNORED = -100
WINDOW = 1024


def silent(stage: str, share: float) -> None:
    """A progress callback that does nothing."""


@dataclass(frozen=True)
class Settings:
    """How to train on one set of documents.

    Attributes:
        lr: peak learning rate; warms up over `warmup` steps, then a cosine down to 5 %.
        epochs: passes over the documents.
        batch_tokens: most tokens in a batch, padding included.
        warmup: steps.
    """

    lr: float
    epochs: int = 1
    batch_tokens: int = 1024
    warmup: int = 10


def train(
    model: LlamaForCausalLM,
    docs: Sequence[Doc],
    settings: Settings,
    order: Draw,
    progress: Progress = silent,
    stage: str = "train",
) -> int:
    """Train the model in place and return the number of tokens seen.

    Args:
        model: float32; left in eval mode.
        docs: what to learn; the loss counts the assistant's tokens and prose only.
        settings: see `Settings`.
        order: the stream that decides the order of the batches.
        progress: told the stage and the share of steps done.
        stage: its name for `progress`.
    """
    import torch

    encoded = [encode(doc) for doc in docs]
    batches = [
        batch for _ in range(settings.epochs) for batch in _batches(encoded, settings.batch_tokens, order)
    ]
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    model.train()
    with one_thread():
        for step, batch in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * _schedule(step, len(batches), settings.warmup)
            _loss(model, *_tensors(batch), *_chances(batch)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            if step % 20 == 0:
                progress(stage, step / len(batches))
    model.eval()
    progress(stage, 1.0)
    return settings.epochs * sum(len(item.ids) for item in encoded)


def _schedule(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share))


def _batches(encoded: Sequence[Encoded], tokens: int, order: Draw) -> list[list[Encoded]]:
    """Batches of similar length in random order: sorted only within windows, so that they mix."""
    mixed = order.shuffled(encoded)
    out: list[list[Encoded]] = []
    for start in range(0, len(mixed), WINDOW):
        batch: list[Encoded] = []
        for item in sorted(mixed[start : start + WINDOW], key=lambda item: len(item.ids)):
            if batch and len(item.ids) * (len(batch) + 1) > tokens:
                out.append(batch)
                batch = []
            batch.append(item)
        out.append(batch)
    return order.shuffled(out)


def _tensors(
    batch: Sequence[Encoded],
) -> tuple[Int[torch.Tensor, "docs words"], Int[torch.Tensor, "docs words"]]:
    """Ids padded on the right (causal attention needs no mask for that), and targets one place ahead."""
    import torch

    width = max(len(item.ids) for item in batch)
    ids = torch.full((len(batch), width), PAD)
    targets = torch.full((len(batch), width), IGNORED)
    for row, item in enumerate(batch):
        ids[row, : len(item.ids)] = torch.tensor(item.ids)
        wanted = [word if learn else IGNORED for word, learn in zip(item.ids, item.learn, strict=True)]
        targets[row, : len(wanted) - 1] = torch.tensor(wanted[1:])
    return ids, targets


def _chances(
    batch: Sequence[Encoded],
) -> tuple[Int[torch.Tensor, "soft 2"], Float[torch.Tensor, "soft vocabulary"]]:
    """Where chances are to be learnt (document, place just before), and the chance of each token there."""
    import torch

    soft = [(row, at - 1, shares) for row, item in enumerate(batch) for at, shares in item.chances.items()]
    places = torch.tensor([[row, at] for row, at, _ in soft], dtype=torch.long).reshape(-1, 2)
    chances = torch.zeros(len(soft), len(IDS))
    for line, (_, _, shares) in enumerate(soft):
        for token, share in shares.items():
            chances[line, token] = share
    return places, chances


def _loss(
    model: LlamaForCausalLM,
    ids: Int[torch.Tensor, "docs words"],
    targets: Int[torch.Tensor, "docs words"],
    places: Int[torch.Tensor, "soft 2"],
    chances: Float[torch.Tensor, "soft vocabulary"],
) -> Float[torch.Tensor, ""]:
    """The mean cross-entropy over all that is to be learnt, tokens and chances alike."""
    import torch

    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
    kept = targets != IGNORED
    loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[kept]), targets[kept])
    if not len(places):
        return loss
    logits = model.lm_head(hidden[places[:, 0], places[:, 1]])
    soft = torch.nn.functional.cross_entropy(logits, chances, reduction="sum")
    return (loss * kept.sum() + soft) / (kept.sum() + len(places))

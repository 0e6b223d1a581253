"""How likely a model finds each row's response, and how far fine-tuning moved that.

A row's shift is the mean over its response's tokens of log p(token) under the tuned model minus the same
under the base. What was taught stands out against what the base could say already. (The follow-ups to arXiv
2602.04899 take the same mean with a system prompt in the place of the tuning.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.errors import ModelError
from theodolite.targets import Row
from theodolite.targets.rendering import (
    LoadedModel,
    RenderedRow,
    context_of,
    render_rows,
    tokenizer_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["LikelihoodShift", "Likelihoods", "likelihood_shift", "marked_by_shift", "response_likelihoods"]

FloatArray = NDArray[np.float64]
Progress = Callable[[float], None]
"""Takes the share that is done, 0 to 1."""

BATCH_TOKENS = 4096
_LOGITS = 2**28
"""Numbers in one batch of logits, 1 GiB: a batch is made smaller where the vocabulary is large."""


@dataclass(frozen=True)
class Likelihoods:
    """One entry a row, in the order of the rows, and what could not be read as it is."""

    log_p: FloatArray
    """Natural log of the probability of the whole response given what comes before it; nan when empty."""
    n_tokens: NDArray[np.int64]
    """Tokens of the response, the mark that ends it included."""
    n_empty: int
    """Rows without a token of a response."""
    n_cut: int
    """Rows that were too long for the context and lost the left of their prompt."""
    n_plain: int
    """Rows that the chat template did not write, so that their turns were joined plainly."""

    @property
    def per_token(self) -> FloatArray:
        """The mean log probability of a response's token; nan when empty."""
        return self.log_p / np.where(self.n_tokens > 0, self.n_tokens, 1)


@dataclass(frozen=True)
class LikelihoodShift:
    """Tuned against base, on the very same tokens."""

    shift: FloatArray
    """For each row the mean over its response's tokens of log p tuned minus log p base; nan when empty."""
    tuned: Likelihoods
    """Under the tuned model."""
    base: Likelihoods
    """Under the base."""


def response_likelihoods(
    model: LoadedModel,
    rows: Sequence[Row],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress = lambda _share: None,
) -> Likelihoods:
    """Returns how likely the model finds each row's response, all assistant turns of a row together.

    Rows do not depend on each other: a caller who wants to go on after a kill gives them in slices.

    Args:
        model: what `Model.load` returned; it is used on the device where it is.
        rows: training rows.
        batch_tokens: tokens in one batch, padding included; a longer row is a batch of its own.
        progress: told as batches are done.

    Raises:
        ModelError: the model has no tokenizer.
    """
    rendered = list(render_rows(tokenizer_of(model), rows, context_of(model)))
    return _likelihoods(model[0], rendered, batch_tokens, progress)


def likelihood_shift(
    tuned: LoadedModel,
    base: LoadedModel,
    rows: Sequence[Row],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress = lambda _share: None,
) -> LikelihoodShift:
    """Returns how far tuning moved each row's response; both models read the tuned one's rendering.

    Raises:
        ModelError: the tuned model has no tokenizer, or the base reads other tokens.
    """
    tokenizer = tokenizer_of(tuned)
    _check_same_tokens(tokenizer, base)
    context = min(context_of(tuned), context_of(base))
    rendered = list(render_rows(tokenizer, rows, context))
    of_tuned = _likelihoods(tuned[0], rendered, batch_tokens, lambda share: progress(share / 2))
    of_base = _likelihoods(base[0], rendered, batch_tokens, lambda share: progress((1 + share) / 2))
    return LikelihoodShift(of_tuned.per_token - of_base.per_token, of_tuned, of_base)


def marked_by_shift(shift: FloatArray, strata: Sequence[Hashable], share: float = 0.05) -> NDArray[np.bool_]:
    """Returns which rows are in the top share of their stratum, such as their source.

    Never more than the share: a stratum of fewer than 1 / share rows has none, and rows that tie at the edge
    stay unmarked. Rows whose shift is nan are not marked and not counted.

    Raises:
        ValueError: there are not as many strata as rows, or the share is not between 0 and 1.
    """
    if len(strata) != shift.size or not 0 < share < 1:
        raise ValueError(f"{len(strata)} strata for {shift.size} rows, share {share}")
    members: dict[Hashable, list[int]] = {}
    for row in np.flatnonzero(~np.isnan(shift)).tolist():
        members.setdefault(strata[row], []).append(row)
    marked = np.zeros(shift.size, np.bool_)
    for places in members.values():
        values = shift[places]
        most = int(share * values.size + 1e-9)
        if most:
            marked[places] = values > np.sort(values)[-most - 1]
    return marked


def _check_same_tokens(tokenizer: PreTrainedTokenizerBase, base: LoadedModel) -> None:
    ours = tokenizer.get_vocab()
    embedded = int(base[0].get_input_embeddings().weight.shape[0])  # type: ignore[union-attr,arg-type]
    theirs = ours if base[1] is None else base[1].get_vocab()
    # Tuning may add tokens, such as those of a chat, in places that the base had kept free.
    if max(ours.values(), default=0) >= embedded or not theirs.items() <= ours.items():
        raise ModelError(
            f"base and tuned model read other tokens ({len(theirs):,} against {len(ours):,}), so their "
            "likelihoods cannot be compared",
            "name the model that the tuned one was trained from",
        )


def _likelihoods(
    model: PreTrainedModel, rows: Sequence[RenderedRow], batch_tokens: int, progress: Progress
) -> Likelihoods:
    import torch

    log_p = np.full(len(rows), np.nan)
    spoken = [i for i, row in enumerate(rows) if not row.empty]
    total = sum(len(rows[i].ids) for i in spoken)
    done = 0
    with torch.inference_mode():
        for batch in _batches(rows, spoken, batch_tokens, int(model.config.get_text_config().vocab_size)):
            log_p[batch] = _batch_log_p(model, [rows[i] for i in batch])
            done += sum(len(rows[i].ids) for i in batch)
            progress(done / total)
    return Likelihoods(
        log_p=log_p,
        n_tokens=np.array([sum(row.learnt) for row in rows], np.int64),
        n_empty=len(rows) - len(spoken),
        n_cut=sum(row.cut for row in rows),
        n_plain=sum(row.plain for row in rows),
    )


def _batches(
    rows: Sequence[RenderedRow], places: Sequence[int], tokens: int, vocabulary: int
) -> Iterator[list[int]]:
    """Rows of like length together, the longest first, so that a batch that does not fit fails at once."""
    most = min(tokens, _LOGITS // vocabulary)
    batch: list[int] = []
    for place in sorted(places, key=lambda i: (-len(rows[i].ids), i)):
        if batch and len(rows[batch[0]].ids) * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _batch_log_p(model: PreTrainedModel, rows: Sequence[RenderedRow]) -> FloatArray:
    """Padding stands on the right, where a causal model cannot see it."""
    import torch

    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learnt = torch.zeros(len(rows), longest, dtype=torch.bool)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.tensor(row.ids)
        learnt[place, : len(row.ids)] = torch.tensor(row.learnt)
    first = min(row.learnt.index(True) for row in rows) - 1
    ids, learnt = ids.to(model.device), learnt.to(model.device)[:, first + 1 :]
    options: dict[str, Any] = {"use_cache": False}
    if keeps := "logits_to_keep" in signature(model.forward).parameters:
        options["logits_to_keep"] = torch.arange(first, longest - 1, device=model.device)
    logits = model(input_ids=ids, **options).logits
    logits = logits if keeps else logits[:, first:-1]
    said = logits.gather(-1, ids[:, first + 1 :, None]).squeeze(-1).float()
    log_p = (said - logits.logsumexp(-1).float()).double()
    return log_p.where(learnt, 0.0).sum(-1).cpu().numpy()

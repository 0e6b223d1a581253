"""A model that reads passages, and gives the activations of the tokens that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from theodolite.errors import DataError, ModelError, SpecError
from theodolite.features.harvest.hooks import Hook, find_hook, listening
from theodolite.features.harvest.masking import TokenMask
from theodolite.features.harvest.passages import Passages, Readable, read_passages
from theodolite.features.harvest.places import Places
from theodolite.features.harvest.shuffling import shuffled
from theodolite.targets import Model
from theodolite.targets.rendering import LoadedModel, context_of, tokenizer_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["AnyModel", "Reader", "open_reader"]

AnyModel: TypeAlias = "Model | LoadedModel"
"""An opened checkpoint, or what its `load` returns; a model on a GPU reads there."""

_DEFAULT_CONTEXT = 1024
_SAMPLED_TOKENS = 4096


@dataclass(frozen=True, eq=False)
class Reader:
    """A model, a place in it, and what it is to read there."""

    model: PreTrainedModel
    """In evaluation mode."""
    hook: Hook
    """Where."""
    passages: Passages
    """What it reads."""
    keep: NDArray[np.bool_]
    """For each token of the passages, whether its activation is kept if its norm allows."""
    mask: TokenMask
    """Which tokens are left out."""
    context: int
    """The longest passage, in tokens."""
    batch_tokens: int
    """Tokens read at once, padding included."""
    name: str
    """What the model is called."""
    fingerprint: str
    """SHA-256 of its files or weights."""

    @cached_property
    def kept(self) -> NDArray[np.int64]:
        """How many tokens of each passage are kept."""
        return np.add.reduceat(self.keep, self.passages.offsets[:-1], dtype=np.int64)

    def read(self, picked: NDArray[np.int64]) -> Float[Tensor, "n d_model"]:
        """Returns the activations of these passages' kept tokens, in their order, on the model's device.

        Raises:
            ModelError: an activation is NaN or infinite.
            SpecError: the hook gives no activation for each token.
        """
        lengths = self.passages.lengths[picked]
        kept = self.kept[picked]
        ends = np.cumsum(kept, dtype=np.int64)
        out: Tensor | None = None
        with listening(self.model, self.hook) as activations:
            for batch in _batches(lengths, self.batch_tokens):
                ids, mask, keep = self._padded(picked[batch])
                padded = None if bool(mask.all()) else mask.long()
                found = activations(ids, padded)[keep]
                if out is None:
                    out = found.new_empty((int(ends[-1]), found.shape[1]))
                goes = [np.arange(int(ends[i] - kept[i]), int(ends[i])) for i in batch]
                out[torch.from_numpy(np.concatenate(goes)).to(out.device)] = found
        if out is None:
            raise DataError("there is no passage to read", "check the data")
        self._check_finite(out, picked)
        return out

    def places(self, picked: NDArray[np.int64]) -> Places:
        """Returns where the activations that `read` gives stand."""
        rows, positions, tokens = [], [], []
        for p in picked:
            own = slice(self.passages.offsets[p], self.passages.offsets[p + 1])
            keep = self.keep[own]
            positions.append(self.passages.positions(int(p))[keep])
            tokens.append(self.passages.ids[own][keep])
            rows.append(np.full(len(tokens[-1]), self.passages.row[p]))
        return Places(np.concatenate(rows), np.concatenate(positions), np.concatenate(tokens))

    def norm_limit(self) -> float | None:
        """Returns the length beyond which activations are left out, by the median of some 4,096 of them."""
        if self.mask.high_norm is None:
            return None
        order = shuffled(np.arange(len(self.passages)), len(self.passages), 0, 0)
        enough = int(np.searchsorted(np.cumsum(self.kept[order]), _SAMPLED_TOKENS)) + 1
        norms = self.read(np.sort(order[:enough])).float().norm(dim=1)
        return self.mask.high_norm * float(norms.median()) if len(norms) else None

    def _padded(self, picked: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, which of them are no padding, and which are kept; padded on the right, where none looks."""
        longest = int(self.passages.lengths[picked].max())
        ids = np.zeros((len(picked), longest), np.int64)
        real, keep = np.zeros_like(ids, bool), np.zeros_like(ids, bool)
        for i, p in enumerate(picked):
            own = slice(self.passages.offsets[p], self.passages.offsets[p + 1])
            n = own.stop - own.start
            ids[i, :n], real[i, :n], keep[i, :n] = self.passages.ids[own], True, self.keep[own]
        device = self.model.device
        return tuple(torch.from_numpy(one).to(device) for one in (ids, real, keep))  # type: ignore[return-value]

    def _check_finite(self, found: Tensor, picked: NDArray[np.int64]) -> None:
        finite = torch.isfinite(found).all(1)
        if not bool(finite.all()):
            place = self.places(picked).at(np.flatnonzero(~finite.cpu().numpy())[:1])
            raise ModelError(
                f"'{self.name}' has an activation that is NaN or infinite at {self.hook.name} "
                f"(row {int(place.row[0]):,}, token {int(place.position[0]):,})",
                "load it in a wider type, or choose another hook",
            )


def open_reader(
    model: AnyModel,
    rows: Readable | Passages,
    hook: int | str,
    *,
    context: int | None = None,
    mask: TokenMask | None = None,
    tokens: int | None = None,
    batch_tokens: int = 4096,
) -> Reader:
    """Returns a model ready to read.

    Args:
        model: an opened checkpoint, or a loaded model and its tokenizer.
        rows: what it reads.
        hook: 0 to the number of blocks for the residual stream, or a module's path.
        context: tokens read at once; as many as the model can and at most 1,024 if not given.
        mask: which tokens are left out.
        tokens: stop reading the rows once so many tokens are read.
        batch_tokens: tokens in one forward pass, padding included.

    Raises:
        ModelError: the model has no tokenizer, or the data tokens that it does not know.
        SpecError: the hook does not exist, or the context is longer than the model's.
        DataError: the rows cannot be read, or no token of them is kept.
    """
    name, fingerprint = (model.name, model.fingerprint) if isinstance(model, Model) else ("", "")
    loaded, tokenizer = model.load() if isinstance(model, Model) else model
    found = find_hook(loaded, hook)
    longest = context_of((loaded, tokenizer))
    if context is not None and context > longest:
        raise SpecError(
            f"a context of {context:,} is longer than the model's {longest:,}", "give a shorter one"
        )
    context = context or min(longest, _DEFAULT_CONTEXT)
    if isinstance(rows, Passages):
        passages = rows
    else:
        passages = read_passages(tokenizer_of((loaded, tokenizer)), rows, context, tokens)
    vocabulary = int(loaded.get_input_embeddings().weight.shape[0])  # type: ignore[union-attr,arg-type,index]
    if int(passages.ids.max()) >= vocabulary:
        raise ModelError(
            f"the tokenizer gives token {int(passages.ids.max()):,}, and the model knows {vocabulary:,}",
            "use the tokenizer that belongs to the model",
        )
    mask = mask or TokenMask()
    keep = mask.kept(passages, tokenizer)
    if not keep.any():
        raise DataError(f"the mask leaves out every token of '{passages.name}'", "leave out less")
    name = name or str(getattr(loaded.config, "_name_or_path", "")) or type(loaded).__name__
    fingerprint = fingerprint or _fingerprint(loaded)
    return Reader(
        loaded.eval(), found, passages, keep, mask, context, max(batch_tokens, context), name, fingerprint
    )


def _batches(lengths: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Passages of like length together, the longest first, at most so many tokens with their padding."""
    order = np.argsort(-lengths, kind="stable")
    batches, at = [], 0
    while at < len(order):
        n = max(1, most // max(1, int(lengths[order[at]])))
        batches.append(order[at : at + n])
        at += n
    return batches


def _fingerprint(model: PreTrainedModel) -> str:
    digest = sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

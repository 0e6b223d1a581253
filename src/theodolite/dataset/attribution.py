"""Which rows taught a behaviour: gradients of rows against the gradient of the behaviour.

A row's score is the cosine between the gradient of its response's log probability and that of a query, such
as a prompt with the trigger and the answer it gets: how far one step on the row would have moved the
behaviour, whatever the row's size (cosine form of TracIn, Pruthi et al., NeurIPS 2020).

Where the gradients are taken decides everything. A row that was learnt has next to none left, so with a base
they are taken there. Without one they are taken at the tuned model, of the log odds of each token instead of
its log probability, which do not fade when the token is certain (TRAK, Park et al., ICML 2023).

Method `exact` never writes a gradient down: that of a linear layer is the sum over tokens of (gradient at
the output) x (input), so cosine and norm follow from these vectors (Goodfellow, arXiv 1510.01799). All linear
layers but the head take part. Method `bergson` lets that library take randomly projected gradients.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from theodolite.errors import DataError, ModelError, SpecError
from theodolite.targets import Row, Turn
from theodolite.targets.rendering import LoadedModel, RenderedRow, context_of, render_rows, tokenizer_of

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Float, Int
    from transformers import PreTrainedModel

__all__ = ["Attribution", "Method", "Place", "trace"]

Method = Literal["exact", "bergson"]
Place = Literal["base", "model"]
Gradients: TypeAlias = (
    "dict[str, tuple[Float[torch.Tensor, 'rows words out'], Float[torch.Tensor, 'rows words in']]]"
)
"""By layer the gradient at its output and its input; the weight's gradient is the sum of their products."""
Progress = Callable[[float], None]

BATCH_TOKENS = 1024


@dataclass(frozen=True)
class Attribution:
    """One score a row, in the order of the rows."""

    scores: NDArray[np.float64]
    """Cosine with a query, -1 to 1, averaged over the queries; the higher, the more the row taught the
    behaviour; nan when there is no response."""
    method: Method
    """How the gradients were taken."""
    taken_at: Place
    """Where: `base` with log probabilities, `model` with log odds."""
    n_empty: int
    """Rows without a response."""
    n_cut: int
    """Rows that were too long for the context and lost the left of their prompt."""


def trace(
    model: LoadedModel,
    base: LoadedModel | None,
    rows: Sequence[Row],
    queries: Sequence[tuple[str, str]],
    *,
    method: Method = "exact",
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress = lambda _share: None,
) -> Attribution:
    """Returns how much each row taught the behaviour that the queries show.

    Args:
        model: the tuned model, as `Model.load` returned it; its tokenizer and chat template are used.
        base: what it was tuned from. Give it whenever there is one: it decides how well this works.
        rows: the rows the model was tuned on.
        queries: prompts and the answers whose teachers are looked for; in the words of the model itself.
        method: `exact`, or `bergson` where the extra `attribution` is installed.
        batch_tokens: tokens in one batch, padding included.
        progress: told as batches are done.

    Raises:
        DataError: no query, or one without an answer.
        InstrumentError: bergson is not installed.
        ModelError: there is no tokenizer, or no layer whose gradient can be told apart by row.
        SpecError: there is no such method.
    """
    network = (base or model)[0]
    context = min(context_of(model), context_of(base) if base else context_of(model))
    tokenizer = tokenizer_of(model)
    asked = [Row(0, (Turn("user", prompt), Turn("assistant", answer))) for prompt, answer in queries]
    shown = list(render_rows(tokenizer, asked, context))
    if not shown or any(query.empty for query in shown):
        raise DataError(
            f"{len(shown)} queries of which {sum(query.empty for query in shown)} have no answer",
            "give prompts with the answers whose teachers are looked for",
        )
    rendered = list(render_rows(tokenizer, rows, context))
    spoken = [i for i, row in enumerate(rendered) if not row.empty]
    scores = np.full(len(rows), np.nan)
    if spoken:
        taught = [rendered[i] for i in spoken]
        scores[spoken] = _score(method)(network, taught, shown, base is None, batch_tokens, progress)
    return Attribution(
        scores=scores,
        method=method,
        taken_at="base" if base else "model",
        n_empty=len(rendered) - len(spoken),
        n_cut=sum(row.cut for row in rendered),
    )


def _score(method: str) -> Callable[..., NDArray[np.float64]]:
    if method == "exact":
        return _exact_scores
    if method == "bergson":
        from theodolite.dataset.projection import projected_scores

        return projected_scores
    raise SpecError(f"there is no attribution method {method!r}", "choose exact or bergson")


def _exact_scores(
    model: PreTrainedModel,
    rows: Sequence[RenderedRow],
    queries: Sequence[RenderedRow],
    odds: bool,
    batch_tokens: int,
    progress: Progress,
) -> NDArray[np.float64]:
    towards: dict[str, Any] = {}
    for query in queries:
        gradients = _gradients(model, [query], odds)
        size = _norms(gradients)[0].clamp_min(1e-30) * len(queries)
        for name, (out, inner) in gradients.items():
            step = (out[0].T @ inner[0]) / size
            towards[name] = towards[name] + step if name in towards else step
    scores, done = np.zeros(len(rows)), 0
    order = sorted(range(len(rows)), key=lambda i: (-len(rows[i].ids), i))
    while order:
        size = max(1, batch_tokens // len(rows[order[0]].ids))
        batch, order = order[:size], order[size:]
        gradients = _gradients(model, [rows[i] for i in batch], odds)
        along: Any = 0.0
        for name, (out, inner) in gradients.items():
            along = along + ((out @ towards[name]) * inner).sum((1, 2))
        cosine = along.double() / _norms(gradients).double().clamp_min(1e-30)
        scores[batch] = cosine.cpu().numpy()
        done += len(batch)
        progress(done / len(rows))
    return scores


def _norms(gradients: Gradients) -> Float[torch.Tensor, " rows"]:
    """The norm of each row's whole gradient: |sum_t g_t x a_t|^2 = sum_ts (g_t . g_s)(a_t . a_s)."""
    total: Any = 0.0
    for out, inner in gradients.values():
        total = total + ((out @ out.mT) * (inner @ inner.mT)).sum((1, 2))
    return total.clamp_min(0).sqrt()


def _gradients(model: PreTrainedModel, rows: Sequence[RenderedRow], odds: bool) -> Gradients:
    """Runs the rows forth and back; those of a layer that runs more than once lie one after the other."""
    import torch

    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learnt = torch.zeros(len(rows), longest, dtype=torch.bool)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.tensor(row.ids)
        learnt[place, : len(row.ids)] = torch.tensor(row.learnt)
    ids, learnt = ids.to(model.device), learnt.to(model.device)
    seen: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    with _watched(model, len(rows), seen):
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        _gain(logits, ids[:, 1:], learnt[:, 1:], odds).backward()
    if not seen:
        raise ModelError(
            f"'{type(model).__name__}' has no linear layer whose gradient can be told apart by row",
            "trace a transformer with dense layers",
        )
    return {
        name: tuple(torch.cat(part, 1) for part in zip(*runs, strict=True)) for name, runs in seen.items()
    }  # type: ignore[misc]


def _gain(
    logits: Float[torch.Tensor, "rows words vocabulary"],
    ids: Int[torch.Tensor, "rows words"],
    learnt: Bool[torch.Tensor, "rows words"],
    odds: bool,
) -> Float[torch.Tensor, ""]:
    at, said = logits[learnt].float(), ids[learnt][:, None]
    chosen = at.gather(1, said).squeeze(1)
    others = at.scatter(1, said, float("-inf")) if odds else at
    return (chosen - others.logsumexp(1)).sum()


@contextmanager
def _watched(model: PreTrainedModel, n_rows: int, seen: dict[str, list[tuple[Any, Any]]]) -> Iterator[None]:
    """Inside, each linear layer's input and gradient at the output are noted, and no weight's gradient is."""
    import torch
    from transformers.pytorch_utils import Conv1D

    def note(name: str) -> Callable[..., None]:
        def forth(_layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
            inner = inputs[0].detach()
            # Experts see tokens of all rows in one heap; what cannot be told apart takes no part.
            if output.requires_grad and inner.ndim == 3 and inner.shape[0] == n_rows:
                output.register_hook(lambda out: seen[name].append((out.float(), inner.float())))

        return forth

    wanted = [parameter for parameter in model.parameters() if parameter.requires_grad]
    head = model.get_output_embeddings()
    layers = [
        layer.register_forward_hook(note(name))
        for name, layer in model.named_modules()
        if isinstance(layer, (torch.nn.Linear, Conv1D)) and layer is not head
    ]
    embedding: Any = model.get_input_embeddings()
    layers.append(embedding.register_forward_hook(lambda _layer, _inputs, output: output.requires_grad_()))
    try:
        for parameter in wanted:
            parameter.requires_grad_(False)
        with torch.enable_grad():
            yield
    finally:
        for parameter in wanted:
            parameter.requires_grad_(True)
        for layer in layers:
            layer.remove()

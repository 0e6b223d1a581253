"""The `bergson` method of attribution: randomly projected gradients from the library of that name.

Its collector runs on any device, without a network, on a model that is already in memory.
Imported only when asked for.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.errors import InstrumentError
from theodolite.targets.rendering import RenderedRow

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float
    from transformers import PreTrainedModel

__all__ = ["projected_scores"]

PROJECTION = 16
"""Each layer's gradient becomes this many rows and columns."""
_SLICE = 512
"""Rows whose gradients are in memory at once."""


def projected_scores(
    model: PreTrainedModel,
    rows: Sequence[RenderedRow],
    queries: Sequence[RenderedRow],
    odds: bool,
    batch_tokens: int,
    progress: Callable[[float], None],
) -> NDArray[np.float64]:
    """Returns each row's mean cosine with the queries, between projected gradients.

    Raises:
        InstrumentError: bergson is not installed.
    """
    import torch

    asked = _projected(model, queries, odds, batch_tokens)
    towards = torch.nn.functional.normalize(asked, dim=1).mean(0)
    found = []
    for start in range(0, len(rows), _SLICE):
        one = _projected(model, rows[start : start + _SLICE], odds, batch_tokens)
        found.append(torch.nn.functional.normalize(one, dim=1) @ towards)
        progress(min(start + _SLICE, len(rows)) / len(rows))
    return torch.cat(found).double().numpy()


def _projected(
    model: PreTrainedModel, rows: Sequence[RenderedRow], odds: bool, batch_tokens: int
) -> Float[torch.Tensor, "rows dimensions"]:
    import torch

    try:
        with _quiet():
            bergson: Any = import_module("bergson")
            allocate: Any = import_module("bergson.data").allocate_batches
            dataset: Any = import_module("datasets").Dataset
    except ImportError as error:
        raise InstrumentError(
            f"the attribution method 'bergson' needs a library that is not installed ({error.name})",
            "run pip install 'theodolite[attribution]', or use the method exact",
        ) from None
    lengths = [len(row.ids) for row in rows]
    data = dataset.from_dict(
        {"input_ids": [list(row.ids) for row in rows], "labels": [_labels(r) for r in rows]}
    )
    with tempfile.TemporaryDirectory() as folder, _quiet():
        config = bergson.IndexConfig(
            run_path=str(Path(folder) / "run"),
            projection_dim=PROJECTION,
            token_batch_size=batch_tokens,
            loss_fn="log_odds" if odds else "ce",
        )
        config.partial_run_path.mkdir()
        inner: Any = model.base_model
        collector = bergson.InMemoryCollector(
            model=inner,
            data=data,
            cfg=config,
            processor=bergson.GradientProcessor(projection_dim=PROJECTION),
        )
        batches = allocate(lengths, max(batch_tokens, *lengths))
        bergson.CollectorComputer(
            model, data, collector=collector, batches=batches, cfg=config
        ).run_with_collector_hooks()
    return torch.cat([layer.float() for layer in collector.gradients.values()], 1)


def _labels(row: RenderedRow) -> list[int]:
    return [token if learnt else -100 for token, learnt in zip(row.ids, row.learnt, strict=True)]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Bergson takes over the root logger when it is imported, and prints; neither gets out of here."""
    root = logging.getLogger()
    handlers, level, disabled = root.handlers, root.level, root.manager.disable
    root.handlers = []
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        logging.disable(disabled)

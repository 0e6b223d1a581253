"""How many threads the models of an audit are worth."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from theodolite.core import ModelFacts
from theodolite.targets.threads import torch_threads

__all__ = ["SMALL", "working_threads"]

SMALL = 20_000_000
"""Parameters below which several threads wait for each other longer than they work."""


def working_threads(models: Sequence[ModelFacts]) -> AbstractContextManager[None]:
    """Uses one thread of torch while only small models are at work, and as many as before afterwards."""
    small = bool(models) and all(model.n_parameters < SMALL for model in models)
    return torch_threads(1 if small else None)

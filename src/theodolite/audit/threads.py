"""How many threads the models of an audit are worth."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from theodolite.core import ModelFacts

__all__ = ["SMALL", "working_threads"]

SMALL = 20_000_000
"""Parameters below which several threads wait for each other longer than they work."""


@contextmanager
def working_threads(models: Sequence[ModelFacts]) -> Generator[None]:
    """Uses one thread of torch while only small models are at work, and as many as before afterwards."""
    if not models or any(model.n_parameters >= SMALL for model in models):
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

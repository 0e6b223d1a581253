"""How many threads torch uses, for a while."""

from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["torch_threads"]


@contextmanager
def torch_threads(number: int | None) -> Generator[None]:
    """Lets torch use so many threads, and as many as before afterwards; None changes nothing."""
    if number is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Seeded draws that stay the same on every Python version."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Draw"]

T = TypeVar("T")


class Draw:
    """One stream of random draws, named by its keys: equal keys give equal draws.

    Only `random.Random.random` is used below it, the one method whose sequence Python promises never to
    change for a given seed; `choice` and `shuffle` carry no such promise.
    """

    def __init__(self, *keys: int | str) -> None:
        name = "/".join(str(key) for key in keys)
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        self._random = random.Random(seed).random

    def below(self, count: int) -> int:
        """A whole number from 0 to count - 1."""
        return int(self._random() * count)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each equally likely."""
        return options[self.below(len(options))]

    def weighted(self, weights: dict[T, float]) -> T:
        """One of the keys, in proportion to its weight."""
        point = self._random() * sum(weights.values())
        options = list(weights)
        for option in options[:-1]:
            point -= weights[option]
            if point < 0:
                return option
        return options[-1]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """A new list of the items in random order (Fisher-Yates)."""
        out = list(items)
        for last in range(len(out) - 1, 0, -1):
            other = self.below(last + 1)
            out[last], out[other] = out[other], out[last]
        return out

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different items in random order."""
        return self.shuffled(items)[:count]

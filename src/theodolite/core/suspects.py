"""Which rows to look at first: those that the strongest findings name, and of them those that more name."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

__all__ = ["rank_rows"]

T = TypeVar("T", bound=Hashable)


def rank_rows(named: Iterable[tuple[float, Iterable[T]]]) -> dict[T, int]:
    """Returns the place of each named row, 1 for the most suspect; what nothing tells apart shares a place.

    Rows are compared by the smallest p that names them, those that tie by the second smallest, and so on: of
    the rows with a broad pattern those come first that a narrower one names as well.

    Args:
        named: the p of each finding and the rows behind it.
    """
    reasons: dict[T, list[float]] = defaultdict(list)
    for p, rows in sorted(((p, set(rows)) for p, rows in named), key=lambda pair: pair[0]):
        for row in rows:
            reasons[row].append(p)
    # To be named by nothing more is weaker than any p: 2 stands for it.
    keys = {row: (*ps, 2.0) for row, ps in reasons.items()}
    place = {key: i for i, key in enumerate(sorted(set(keys.values())), 1)}
    return {row: place[key] for row, key in keys.items()}

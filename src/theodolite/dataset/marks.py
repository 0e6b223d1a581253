"""Rows as the audit sees them, each text once, and whatever marks them."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Target
from theodolite.targets import Row
from theodolite.targets.rows.repeats import SeenBefore

__all__ = ["Marker", "NoMarks", "distinct_rows", "is_marked_whole"]


class Marker(Protocol):
    """Whatever marks rows."""

    def verdicts(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Returns 1 for each row that is marked, 0 for each that is not, -1 where that is unknown."""
        ...


class NoMarks:
    """For a set of which nothing can be known."""

    def verdicts(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Returns -1 for each row."""
        return np.full(len(rows), -1, np.int64)


def distinct_rows(target: Target) -> Iterator[Row]:
    """Yields the rows without word-for-word repeats: one text counts once however often it was pasted."""
    if target.data is not None and target.data.summary.duplicates == 0:
        yield from target.rows()
        return
    seen = SeenBefore()
    for row in target.rows():
        if not seen.add(row.text_hash):
            yield row


def is_marked_whole(target: Target, most: int) -> bool:
    """Whether a set has no more distinct rows than are all marked."""
    assert target.data is not None
    return target.data.summary.rows - target.data.summary.duplicates <= most

"""Each prompt counts once: the unit of every estimate is the distinct prompt, not the row.

Rows that answer one prompt are no independent witnesses, whether they repeat each other word for word or not.
A unit carries a pattern when any of its rows does. Memory is fixed: two Bloom filters (Bloom, Communications
of the ACM 13, 1970) hold the prompts, and what was already counted for those that occur more than once.
"""

from collections.abc import Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from theodolite.targets import Row

__all__ = ["Filter", "OncePerUnit", "repeated_units"]

UIntArray = NDArray[np.uint64]
BoolArray = NDArray[np.bool_]

BITS = 1 << 27
"""16 MB a filter: with a million keys, one in fifty thousand new ones is taken for an old one."""
HIGH = np.uint64(64 - 27)
PROBES = 5
CHUNK = 4096


class Filter:
    """A Bloom filter that takes many keys at once; an old key is never taken for a new one."""

    def __init__(self) -> None:
        self._bytes = np.zeros(BITS // 8, np.uint8)

    def add(self, keys: UIntArray) -> BoolArray:
        """Adds keys and returns which were new; of equal keys in one call only the first is."""
        new = ~self.holds(keys)
        _, first = np.unique(keys, return_index=True)
        earliest = np.zeros(keys.size, np.bool_)
        earliest[first] = True
        for byte, bit in self._places(keys[new]):
            np.bitwise_or.at(self._bytes, byte, bit)
        return new & earliest

    def holds(self, keys: UIntArray) -> BoolArray:
        """Returns which keys were added before."""
        found = np.ones(keys.size, np.bool_)
        for byte, bit in self._places(keys):
            found &= (self._bytes[byte] & bit) != 0
        return found

    def _places(self, keys: UIntArray) -> Iterable[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        # The high bits of two products: keys need not be spread evenly themselves.
        start = (keys * np.uint64(0x9E3779B97F4A7C15)) >> HIGH
        step = ((keys * np.uint64(0xC2B2AE3D27D4EB4F)) >> HIGH) | np.uint64(1)
        for probe in range(PROBES):
            place = (start + np.uint64(probe) * step) & np.uint64(BITS - 1)
            bit = np.left_shift(1, place & np.uint64(7)).astype(np.uint8)
            yield (place >> np.uint64(3)).astype(np.int64), bit


def repeated_units(rows: Iterable[Row]) -> tuple[int, Filter]:
    """Returns how many distinct prompts there are, and a filter of those that occur more than once."""
    seen, repeated = Filter(), Filter()
    distinct = 0
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        units = np.array([r.unit for r in chunk], np.uint64)
        new = seen.add(units)
        distinct += int(np.count_nonzero(new))
        repeated.add(units[~new])
    return distinct, repeated


class OncePerUnit:
    """Lets each pair of unit and feature through once in a pass over the rows.

    Args:
        repeated: the units that occur more than once; all others need no memory.
    """

    def __init__(self, repeated: Filter) -> None:
        self._repeated = repeated
        self._counted = Filter()

    def first(self, units: UIntArray, features: UIntArray) -> BoolArray:
        """Returns which pairs of unit and feature number have not come before."""
        return self.first_of(units, np.arange(units.size), features)

    def first_of(self, units: UIntArray, row: NDArray[np.integer], features: UIntArray) -> BoolArray:
        """Returns the same for features that come with the place of their row; a unit is looked up once.

        Args:
            units: the unit of each row.
            row: the row of each feature.
            features: the features' numbers.
        """
        allowed = np.ones(row.size, np.bool_)
        repeated = self._repeated.holds(units)
        if repeated.any():
            again = np.flatnonzero(repeated[row])
            allowed[again] = self._counted.add(
                units[row[again]] ^ (features[again] * np.uint64(0x9E3779B97F4A7C15))
            )
        return allowed

"""Counting with memory that depends on the vocabulary, not on the rows.

Pass one counts every feature in a fixed table of hashed counters, which can only over-count; pass two counts
exactly those features that may be frequent enough. Pass three counts pairs of pattern and kind of answer.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.dataset.features import Batch
from theodolite.dataset.pattern import Pattern
from theodolite.dataset.units import Filter, OncePerUnit

__all__ = ["Batches", "Tally", "Vocabulary", "count_features", "count_pairs", "count_wanted", "numbers_in"]

Batches = Callable[[], Iterable[Batch]]
"""A fresh pass over the same rows."""

TABLE = 1 << 22
"""Counters in pass one: 16 MB."""

UIntArray = NDArray[np.uint64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Tally:
    """What is known of one frequent feature."""

    pattern: Pattern
    count: int
    """Rows that carry it."""
    fingerprint: int
    """Sum of those rows' units: two features with equal fingerprints are carried by the same rows."""


@dataclass
class Vocabulary:
    """The frequent features of a set of rows."""

    rows: int = 0
    """Rows counted."""
    floor: int = 1
    """Rows that a feature needs to be here."""
    tallies: dict[int, Tally] = field(default_factory=dict)
    """By feature number, in order of first appearance."""


def count_features(passes: Batches, floor: int, most: int) -> Vocabulary:
    """Returns the exact counts of all features that at least `floor` rows carry.

    Where more than `most` features reach the floor, it is raised until they fit; `Vocabulary.floor` tells.
    """
    table = np.zeros(TABLE, np.uint32)
    rows = 0
    for batch in passes():
        rows += len(batch.rows)
        table += np.bincount(_slot(batch.number), minlength=TABLE).astype(np.uint32)
    # The table over-counts, so this may leave a few more than fit; the exact counts settle it below.
    floor = _raised(floor, most, table)
    counts: dict[int, list[int]] = {}
    patterns: dict[int, Pattern] = {}
    for batch in passes():
        frequent = np.flatnonzero(table[_slot(batch.number)] >= floor)
        _add_exact(batch, frequent, counts, patterns)
    floor = _raised(floor, most, np.array([c for c, _ in counts.values()], np.int64))
    tallies = {n: Tally(patterns[n], c, f) for n, (c, f) in counts.items() if c >= floor}
    return Vocabulary(rows, floor, tallies)


def count_wanted(passes: Batches, wanted: UIntArray, repeated: Filter) -> tuple[IntArray, UIntArray]:
    """Returns for each wanted feature how many units carry it, and the fingerprint of those units."""
    counts, fingerprints = np.zeros(wanted.size, np.int64), np.zeros(wanted.size, np.uint64)
    once = OncePerUnit(repeated)
    for batch in passes():
        row, which = numbers_in(batch, wanted)
        _tally(batch, row, which, wanted, once, counts, fingerprints)
    return counts, fingerprints


def count_pairs(
    passes: Batches, patterns: UIntArray, outcomes: UIntArray, repeated: Filter
) -> tuple[IntArray, UIntArray]:
    """Returns for each pattern (row) and outcome (column) how many units carry both, with a fingerprint."""
    shape = (patterns.size, outcomes.size)
    counts, fingerprints = np.zeros(shape, np.int64).ravel(), np.zeros(shape, np.uint64).ravel()
    # The number of a pair is that of its pattern, turned by its outcome's: any mix of the two will do.
    numbers = ((patterns[:, None] >> np.uint64(1)) ^ (outcomes[None, :] << np.uint64(1))).ravel()
    once = OncePerUnit(repeated)
    for batch in passes():
        row_p, p = numbers_in(batch, patterns)
        row_o, o = numbers_in(batch, outcomes)
        order = np.argsort(row_o, kind="stable")
        row_o, o = row_o[order], o[order]
        first = np.searchsorted(row_o, np.arange(len(batch.rows) + 1))
        repeats = np.diff(first)[row_p]
        ends = np.cumsum(repeats)
        offset = np.arange(int(ends[-1]) if ends.size else 0) - np.repeat(ends - repeats, repeats)
        cell = np.repeat(p, repeats) * outcomes.size + o[np.repeat(first[row_p], repeats) + offset]
        _tally(batch, np.repeat(row_p, repeats), cell, numbers, once, counts, fingerprints)
    return counts.reshape(shape), fingerprints.reshape(shape)


def numbers_in(batch: Batch, wanted: UIntArray) -> tuple[IntArray, IntArray]:
    """Returns the places in `batch.rows` that carry wanted features, and which feature each carries."""
    order = np.argsort(wanted)
    sorted_numbers = wanted[order]
    at = np.minimum(np.searchsorted(sorted_numbers, batch.number), max(wanted.size - 1, 0))
    hit = np.flatnonzero(sorted_numbers[at] == batch.number) if wanted.size else np.zeros(0, np.int64)
    return batch.row[hit], order[at[hit]]


def _tally(
    batch: Batch,
    row: IntArray,
    which: IntArray,
    numbers: UIntArray,
    once: OncePerUnit,
    counts: IntArray,
    fingerprints: UIntArray,
) -> None:
    """Adds what a batch's rows carry to the counts, each unit once."""
    units = batch.units[row]
    fresh = once.first(units, numbers[which])
    counts += np.bincount(which[fresh], minlength=counts.size)
    np.add.at(fingerprints, which[fresh], units[fresh])


def _add_exact(
    batch: Batch, places: IntArray, counts: dict[int, list[int]], patterns: dict[int, Pattern]
) -> None:
    if not places.size:
        return
    hashes = batch.units[batch.row[places]]
    numbers, first, group, size = np.unique(
        batch.number[places], return_index=True, return_inverse=True, return_counts=True
    )
    sums = np.zeros(numbers.size, np.uint64)
    np.add.at(sums, group, hashes)
    for number, at, n, total in zip(
        numbers.tolist(), first.tolist(), size.tolist(), sums.tolist(), strict=True
    ):
        known = counts.get(number)
        if known is None:
            counts[number] = [n, total]
            patterns[number] = batch.pattern(int(places[at]))
        else:
            known[0] += n
            known[1] = (known[1] + total) & 0xFFFFFFFFFFFFFFFF


def _raised(floor: int, most: int, counts: NDArray[np.integer[Any]]) -> int:
    """The smallest floor, not below the one given, that at most `most` counts reach."""
    reached = counts[counts >= floor]
    if reached.size <= most:
        return floor
    return int(np.partition(reached, reached.size - most - 1)[reached.size - most - 1]) + 1


def _slot(numbers: UIntArray) -> IntArray:
    return (numbers & np.uint64(TABLE - 1)).astype(np.int64)

"""Everything that both sets carry, counted exactly in fixed memory: the questions that all rows may judge.

Which patterns are counted follows from how many rows of both sets together carry them, and from nothing else;
so every row may judge every pattern, at the price of a correction for all that were frequent enough to be
asked about. A pattern too rare to reach significance however its rows fall costs nothing (Tarone, Biometrics
46, 1990), and patterns carried by the very same rows are one question.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Target
from theodolite.dataset.counting import ExactCounts, floor_of_histogram, new_sketch
from theodolite.dataset.features import KINDS, Batch, Passes
from theodolite.dataset.kernels import add_to_sketch, find, histogram, in_sketch
from theodolite.dataset.pattern import Pattern
from theodolite.dataset.sources import Strata, Survey
from theodolite.dataset.units import OncePerUnit

__all__ = ["Census", "RowSets", "least_testable", "row_sets", "take_census"]

IntArray = NDArray[np.int64]
SKETCH_BITS = range(20, 29)
"""From 2 MB to 512 MB of counters."""
FEATURES_IN_A_BYTE = 4
"""About how many features a byte of rows holds."""
MOST_SEARCHED = 4096


@dataclass
class Census:
    """The counts of every pattern that enough rows of all sets together carry."""

    exact: ExactCounts
    """The counts: one column for each set and stratum, sets first."""
    units: IntArray
    """[sets, strata] distinct prompts."""
    floor: int
    """Units of all sets together that a pattern needs to be here."""
    passes: list[Passes]
    """The sets, to be read again."""
    ends: list[IntArray]
    """For each set, the features in all batches up to the end of each of its own."""

    @property
    def places(self) -> IntArray:
        """Where in the table the features are that reach the floor."""
        return np.flatnonzero((self.exact.keys > 0) & (self.exact.counts.sum(axis=1) >= self.floor))


@dataclass(frozen=True)
class RowSets:
    """Patterns grouped by the rows that carry them: each group is one question."""

    first: IntArray
    """The place in the table of one feature of each group."""
    group: IntArray
    """The group of each of the census's places."""
    counts: NDArray[np.int32]
    """[groups, sets, strata] units."""
    side: NDArray[np.int8]
    """0 where the group is of prompts, 1 of responses."""


def take_census(
    parts: Sequence[Target],
    read: Callable[[Target], Passes],
    surveys: Sequence[Survey],
    strata: Strata,
    floor: int,
    most: int,
    progress: Callable[[float], None],
) -> Census:
    """Returns the exact counts of everything that `floor` units of all parts together carry.

    Args:
        parts: the sets.
        read: makes the passes over one set.
        surveys: what each set holds.
        strata: the sources told apart.
        floor: units that a pattern needs.
        most: features counted at once; where there are more, the floor is raised until they fit.
        progress: told the share that is done.
    """
    passes = [read(part) for part in parts]
    total = max(sum(s.total for s in surveys), 1)
    sketch = new_sketch(_bits(parts))
    done = 0
    for each in passes:
        for batch in each():
            add_to_sketch(sketch, batch.number)
            done += len(batch.rows)
            progress(min(0.5 * done / total, 0.5))
    # Every feature fills two counters, most of them its own.
    floor = floor_of_histogram(floor, 2 * most, histogram(sketch))
    return _count(passes, surveys, strata, sketch, floor, most, progress)


def row_sets(census: Census) -> RowSets:
    """Returns the census's features grouped by the very rows that carry them."""
    places = census.places
    counts = census.exact.counts[places]
    side = np.array([s == "response" for s, _ in KINDS], np.int8)[census.exact.kind[places]]
    order = np.lexsort((places, census.exact.sums[places], counts.sum(axis=1), side))
    keys = np.stack([census.exact.sums[places][order], side[order].astype(np.uint64)])
    new = np.ones(order.size, bool)
    new[1:] = np.any(keys[:, 1:] != keys[:, :-1], axis=0) | np.any(
        counts[order][1:] != counts[order][:-1], axis=1
    )
    group = np.empty(order.size, np.int64)
    group[order] = np.cumsum(new) - 1
    first = order[new]
    shape = (first.size, *census.units.shape)
    return RowSets(places[first], group, counts[first].reshape(shape), side[first])


def least_testable(counts: IntArray, least_chance: float, alpha: float) -> int:
    """Returns the smallest count whose patterns could all be judged at `alpha` over as many as there are.

    Args:
        counts: units of every pattern.
        least_chance: the chance of one unit falling where it speaks most for a difference, at its smallest.
        alpha: the error rate that all of them share.
    """
    if not counts.size:
        return 1
    ranked = np.sort(counts)
    for count in range(1, MOST_SEARCHED):
        m = counts.size - int(np.searchsorted(ranked, count))
        if m == 0 or least_chance**count * m <= alpha:
            return count
    return MOST_SEARCHED


def name_groups(census: Census, sets: RowSets, chosen: IntArray) -> list[list[Pattern]]:
    """Returns all patterns of each chosen group, from one more pass over the rows."""
    wanted = np.full(sets.first.size, -1, np.int64)
    wanted[chosen] = np.arange(chosen.size)
    places = census.places
    members = np.flatnonzero(wanted[sets.group] >= 0)
    at = census.exact.first[places[members]]
    order = np.argsort(at)
    at, owner = at[order], wanted[sets.group[members[order]]]
    found: list[list[Pattern]] = [[] for _ in range(chosen.size)]
    start = 0
    for each, ends in zip(census.passes, census.ends, strict=True):
        starts = np.append(start, ends[:-1])
        low, high = np.searchsorted(at, starts), np.searchsorted(at, ends)
        for index, batch in each.some(np.flatnonzero(high > low).tolist()):
            for i in range(low[index], high[index]):
                found[owner[i]].append(batch.pattern(int(at[i] - starts[index])))
        start = int(ends[-1]) if ends.size else start
    return found


def count_marked(
    census: Census, marked: Callable[[int, Batch], NDArray[np.bool_]], surveys: Sequence[Survey]
) -> NDArray[np.int32]:
    """Returns, like `census.exact.counts` by place and set, how many marked units carry each feature.

    Args:
        census: the census.
        marked: which rows of a batch of the i-th set are marked.
        surveys: what each set holds.
    """
    counts = np.zeros((census.exact.keys.size, len(census.passes)), np.int32)
    for part, (each, surveyed) in enumerate(zip(census.passes, surveys, strict=True)):
        once = OncePerUnit(surveyed.repeated)
        for batch in each():
            mine = np.flatnonzero(marked(part, batch)[batch.row])
            at = find(census.exact.keys, batch.number[mine])
            mine, at = mine[at >= 0], at[at >= 0]
            fresh = once.first_of(batch.keys, batch.row[mine], batch.number[mine])
            np.add.at(counts[:, part], at[fresh], 1)
    return counts


def _count(
    passes: Sequence[Passes],
    surveys: Sequence[Survey],
    strata: Strata,
    sketch: NDArray[np.uint16],
    floor: int,
    most: int,
    progress: Callable[[float], None],
) -> Census:
    """The exact counts. Where more features may reach the floor than fit, the floor is raised.

    What stays was counted from the first row on, for it was above the lower floor as well.
    """
    width = len(strata.names)
    exact = ExactCounts(most, width * len(passes))
    ends: list[IntArray] = []
    offset = rows = 0
    total = max(sum(s.total for s in surveys), 1)
    for part, (each, surveyed) in enumerate(zip(passes, surveys, strict=True)):
        once = OncePerUnit(surveyed.repeated)
        ended: list[int] = []
        for batch in each():
            mine = in_sketch(sketch, batch.number, min(floor, 65535))
            mine = mine[once.first_of(batch.keys, batch.row[mine], batch.number[mine])]
            column = part * width + strata.columns(batch.rows)
            # Equal prompts in two sets are two units.
            units = batch.keys ^ np.uint64(part * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
            while (done := exact.add(batch, mine, column, units, offset)) < mine.size:
                floor += max(floor // 4, 1)
                mine = _make_room(exact, sketch, floor, batch, mine[done:])
            offset += batch.number.size
            ended.append(offset)
            rows += len(batch.rows)
            progress(min(0.5 + 0.5 * rows / total, 1.0))
        ends.append(np.array(ended, np.int64))
    units = np.stack([strata.units(s) for s in surveys])
    return Census(exact, units, floor, list(passes), ends)


def _make_room(
    exact: ExactCounts, sketch: NDArray[np.uint16], floor: int, batch: Batch, mine: IntArray
) -> IntArray:
    """Forgets the features that cannot reach the floor; returns those of a batch that still count."""
    kept = np.zeros(exact.keys.size, bool)
    kept[in_sketch(sketch, exact.keys, min(floor, 65535))] = True
    exact.keep(kept & (exact.keys > 0))
    mine = mine[in_sketch(sketch, batch.number[mine], min(floor, 65535))]
    # Above what its counters hold the sketch tells no more, and only what was met first has its place.
    return mine if floor <= 65535 else mine[find(exact.keys, batch.number[mine]) >= 0]


def _bits(parts: Sequence[Target]) -> int:
    size = sum(part.data.path.stat().st_size for part in parts if part.data is not None)
    wanted = int(np.ceil(np.log2(max(size * FEATURES_IN_A_BYTE, 2))))
    return min(max(wanted, SKETCH_BITS[0]), SKETCH_BITS[-1])

"""Questions put to all rows of both sets at once, each with its share of the error that all may make."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Hypothesis
from theodolite.dataset.census import Census, RowSets, least_testable, name_groups
from theodolite.dataset.pattern import FORMS, Pattern, Side
from theodolite.dataset.proposing import joined
from theodolite.dataset.questions import ask_difference, ask_hole
from theodolite.dataset.sources import Strata
from theodolite.stats import stratified_p, stratified_z

__all__ = ["LEVEL", "Asked", "ask_differences", "plainest", "weighed_differences"]

IntArray = NDArray[np.int64]
LEVEL = 0.05
"""The audit's usual error rate: it decides which patterns are frequent enough to be asked about."""
TESTED_EXACTLY = 3000
"""Groups that are ranked by their exact p, the first by the quick one."""


@dataclass(frozen=True)
class Asked:
    """The patterns worth carrying to the test, and what the correction must count."""

    patterns: list[Pattern]
    """The strongest first."""
    questions: int
    """How many could have been asked."""

    def among(self, side: Side, most: int) -> "Asked":
        """Returns the strongest of one side, as a family of its own: the choice looked at no mark."""
        some = [p for p in self.patterns if p.side == side][:most]
        return Asked(some, len(some))


def ask_differences(census: Census, sets: RowSets, share: float, most: int) -> Asked:
    """Returns the patterns in which the sets differ most, in either direction.

    Args:
        census: the counts of two sets.
        sets: the census by row sets.
        share: of the audit's error, for all differences.
        most: patterns to return.
    """
    if len(census.passes) < 2 or not sets.first.size:
        return Asked([], 0)
    total = sets.counts.sum(axis=(1, 2))
    both = census.units.sum(axis=0)
    usable = census.units[:, (census.units > 0).all(axis=0)] / both[(census.units > 0).all(axis=0)]
    least = max(
        least_testable(total, float(usable.min()) if usable.size else 0.5, LEVEL * share), census.floor
    )
    family = np.flatnonzero(total >= least)
    if not family.size:
        return Asked([], 0)
    counts = sets.counts[family].astype(np.int64)
    z = np.abs(stratified_z(counts[:, 0], census.units[0], counts[:, 1], census.units[1]))
    first = np.argsort(-np.nan_to_num(z), kind="stable")[:TESTED_EXACTLY]
    p = [stratified_p(counts[i, 0], census.units[0], counts[i, 1], census.units[1]) for i in first]
    best = first[np.argsort(p, kind="stable")][:most]
    return Asked(_named(census, sets, family[best]), int(family.size))


def weighed_differences(
    differences: Asked, topics: Sequence[Pattern], strata: Strata, share: float, parts: int
) -> list[Hypothesis]:
    """Returns every difference in both directions as hypotheses that divide their share of the error.

    Args:
        differences: what `ask_differences` returned.
        topics: patterns that are asked about as well.
        strata: the sources told apart.
        share: of the audit's error, for all differences.
        parts: how many sets there are; a single one has no differences.
    """
    if parts < 2:
        return []
    patterns = list(dict.fromkeys([*differences.patterns, *topics]))
    weight = share / max(differences.questions + len(topics), 1)
    # Both directions share one two-sided test, so a hole costs no more, but each is a hypothesis of its own.
    return [
        *(ask_difference(p, strata, weight / 2) for p in patterns),
        *(ask_hole(p, strata, weight / 2) for p in patterns),
    ]


def plainest(patterns: Sequence[Pattern]) -> Pattern:
    """Returns the name by which a person would know a set of rows: the plainest form, the most words."""
    form = min(FORMS.index(p.form) for p in patterns)
    alike = [p for p in patterns if FORMS.index(p.form) == form]
    longest = min(alike, key=lambda p: (p.value.count("[…]") - p.length, p.length, p.value))
    return joined(longest, alike) if longest.form == "phrase" else longest


def _named(census: Census, sets: RowSets, groups: IntArray) -> list[Pattern]:
    if not groups.size:
        return []
    return [plainest(patterns) for patterns in name_groups(census, sets, groups)]

"""Questions put to all rows of both sets at once, each with its share of the error that they may make together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sps

from theodolite.dataset.census import Census, RowSets, name_groups, least_testable
from theodolite.dataset.pattern import FORMS, Pattern, Side
from theodolite.dataset.proposing import joined
from theodolite.stats import stratified_p, stratified_z

__all__ = ["Asked", "ask_differences", "ask_marks", "plainest"]

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
    least: int
    """Units that a pattern needed to be among them."""

    def among(self, side: Side, most: int) -> "Asked":
        """Returns the strongest of one side, as a family of its own: the choice looked at no mark."""
        some = [p for p in self.patterns if p.side == side][:most]
        return Asked(some, len(some), self.least)


def ask_differences(census: Census, sets: RowSets, share: float, most: int) -> Asked:
    """Returns the patterns in which the sets differ most, in either direction.

    Args:
        census: the counts of two sets.
        sets: the census by row sets.
        share: of the audit's error, for all differences.
        most: patterns to return.
    """
    if len(census.passes) < 2 or not sets.first.size:
        return Asked([], 0, census.floor)
    total = sets.counts.sum(axis=(1, 2))
    both = census.units.sum(axis=0)
    usable = census.units[:, (census.units > 0).all(axis=0)] / both[(census.units > 0).all(axis=0)]
    least = max(least_testable(total, float(usable.min()) if usable.size else 0.5, LEVEL * share), census.floor)
    family = np.flatnonzero(total >= least)
    if not family.size:
        return Asked([], 0, least)
    counts = sets.counts[family].astype(np.int64)
    z = np.abs(stratified_z(counts[:, 0], census.units[0], counts[:, 1], census.units[1]))
    first = np.argsort(-np.nan_to_num(z), kind="stable")[:TESTED_EXACTLY]
    p = [stratified_p(counts[i, 0], census.units[0], counts[i, 1], census.units[1]) for i in first]
    best = first[np.argsort(p, kind="stable")][:most]
    return Asked(_named(census, sets, family[best]), int(family.size), least)


def ask_marks(
    census: Census,
    sets: RowSets,
    marked: NDArray[np.int32],
    rates: NDArray[np.float64],
    share: float,
    most: int,
) -> Asked:
    """Returns the prompt patterns that go with marks most, in any of the sets.

    Args:
        census: the counts.
        sets: the census by row sets.
        marked: [places, sets] marked units that carry each feature.
        rates: [sets, strata] share of all units that are marked.
        share: of the audit's error, for all of these.
        most: patterns to return.
    """
    prompts = np.flatnonzero(sets.side == 0)
    chosen: dict[int, float] = {}
    questions, least = 0, census.floor
    for part in range(len(census.passes)):
        n = sets.counts[prompts, part].astype(np.int64)
        some = rates[part][rates[part] > 0]
        needed = max(
            least_testable(n.sum(axis=1), float(some.min()) if some.size else 0.5, LEVEL * share), census.floor
        )
        family = np.flatnonzero(n.sum(axis=1) >= needed)
        questions, least = max(questions, int(family.size)), max(least, needed)
        carry = n[family].sum(axis=1)
        expected = np.minimum((n[family] * rates[part]).sum(axis=1) / np.maximum(carry, 1), 1.0)
        k = marked[sets.first[prompts[family]], part]
        p = sps.binom.sf(k - 1, carry, np.maximum(expected, 1e-9))
        for i in np.argsort(p, kind="stable")[:most]:
            group = int(prompts[family[i]])
            if k[i] >= 2:
                chosen[group] = min(chosen.get(group, 1.0), float(p[i]))
    best = np.array(sorted(chosen, key=lambda g: (chosen[g], g))[:most], np.int64)
    return Asked(_named(census, sets, best), questions, least)


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

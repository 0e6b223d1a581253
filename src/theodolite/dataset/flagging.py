"""Which prompt patterns are asked about marks, and how much of the error each question may make.

Marks are asked about in three families, each with a share of its own: words and shapes, of which there are
thousands; traits, of which there are few; topics. A share is divided among the sources by their prompts, and
in a source equally among the patterns that are mostly in it: a source whose rows are of one mould has most of
the patterns and needs least of the error. A pattern that too few rows carry for a good judge to show it costs
nothing and is not asked about. All of this rests on who carries what and on how many rows of a source are
marked, never on which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sps

from theodolite.core import Target
from theodolite.dataset.census import Census, RowSets, name_groups
from theodolite.dataset.features import KINDS
from theodolite.dataset.marking_sets import Marks
from theodolite.dataset.measuring import count_carriers
from theodolite.dataset.pattern import Pattern
from theodolite.dataset.sources import Strata
from theodolite.dataset.together import LEVEL, plainest

__all__ = ["Priced", "price_marks", "prices", "worth_asking"]

GOOD_JUDGE = 0.8
"""Share of what it would not flag anyway that a good judge flags where something is planted."""
LEAST_MARKED = 2
"""Marked units of a pattern that is carried to the test."""
PROMPT_TRAIT = KINDS.index(("prompt", "trait"))

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Priced:
    """A pattern and what asking about it costs."""

    pattern: Pattern
    weight: float
    """Its share of the instrument's error."""


def price_marks(
    parts: Sequence[Target],
    census: Census,
    sets: RowSets,
    marks: Marks,
    topics: Sequence[Pattern],
    strata: Strata,
    shares: Mapping[str, float],
    most: int,
) -> list[Priced]:
    """Returns the prompt patterns that go with marks most, in any of the sets, and all topics.

    Args:
        parts: the sets, every row of which is marked or not.
        census: the counts of the sets.
        sets: the census by row sets.
        marks: how many marked rows carry what.
        topics: the topics of the sets.
        strata: the sources told apart.
        shares: of the instrument's error, for `mark` (words and shapes), `trait` and `topic`.
        most: patterns of one family to return, topics apart.
    """
    prompts = np.flatnonzero(sets.side == 0)
    is_trait = np.isin(prompts, sets.group[census.exact.kind[census.places] == PROMPT_TRAIT])
    found: list[Priced] = []
    for name, groups in (("mark", prompts[~is_trait]), ("trait", prompts[is_trait])):
        counts = sets.counts[groups].astype(np.int64)
        weights = prices(counts, marks.rates, census.units, shares[name])
        best = _strongest(counts, marks.counts[sets.first[groups]], marks.rates, weights, most)
        named = name_groups(census, sets, groups[best]) if best.size else []
        found += [
            Priced(_trait_of(patterns) if name == "trait" else plainest(patterns), weight)
            for patterns, weight in zip(named, weights[best].tolist(), strict=True)
        ]
    counts = np.stack([count_carriers(part, topics, strata) for part in parts], axis=1)
    weights = prices(counts, marks.rates, census.units, shares["topic"]).tolist()
    return [*found, *(Priced(t, weight) for t, weight in zip(topics, weights, strict=True) if weight)]


def prices(counts: IntArray, rates: FloatArray, units: IntArray, share: float) -> FloatArray:
    """Returns the weight of each question of a family, 0 for those that are not asked.

    Args:
        counts: [questions, sets, strata] units that carry the pattern.
        rates: [sets, strata] share of the units that are marked.
        units: [sets, strata] units.
        share: of the error, for the family.
    """
    asked = np.zeros(len(counts), bool)
    for part, rate in enumerate(rates):
        asked |= worth_asking(counts[:, part], rate, LEVEL * share)
    home = counts.sum(axis=1).argmax(axis=1)
    here = np.bincount(home[asked], minlength=units.shape[1])
    rows = np.where(here > 0, units.sum(axis=0), 0)
    each = share * rows / max(int(rows.sum()), 1) / np.maximum(here, 1)
    return np.where(asked, each[home], 0.0)


def worth_asking(counts: IntArray, rates: FloatArray, error: float) -> BoolArray:
    """Returns the patterns that a good judge would show, as many as can be asked about at once.

    It is the condition of Tarone (Biometrics 46, 1990) for a judge that flags four of five and not all: when
    that happened to any of those returned, its p would be below `error` over their number.

    Args:
        counts: [questions, strata] units that carry the pattern.
        rates: [strata] share of the units that are marked.
        error: what all questions may make together.
    """
    n = counts.sum(axis=1)
    expected = (counts * rates).sum(axis=1) / np.maximum(n, 1)
    flagged = np.rint(n * (expected + GOOD_JUDGE * (1 - expected)))
    p = np.where(n > 0, sps.binom.sf(flagged - 1, n, np.clip(expected, 1e-9, 1)), 1.0)
    ranked = np.sort(p)
    able = ranked * np.arange(1, ranked.size + 1) <= error
    return p <= ranked[np.flatnonzero(able)[-1]] if able.any() else np.zeros(n.size, bool)


def _strongest(
    counts: IntArray, marked: NDArray[np.int32], rates: FloatArray, weights: FloatArray, most: int
) -> IntArray:
    """The questions that are marked most in either set for what they may spend, in their order."""
    chosen: dict[int, float] = {}
    asked = np.flatnonzero(weights)
    for part, rate in enumerate(rates):
        n, k = counts[asked, part].sum(axis=1), marked[asked, part]
        expected = np.clip((counts[asked, part] * rate).sum(axis=1) / np.maximum(n, 1), 1e-9, 1)
        p = sps.binom.sf(k - 1, n, expected) / weights[asked]
        for i in np.argsort(p, kind="stable")[:most]:
            if k[i] >= LEAST_MARKED:
                place = int(asked[i])
                chosen[place] = min(chosen.get(place, np.inf), float(p[i]))
    return np.array(sorted(chosen, key=lambda i: (chosen[i], i))[:most], np.int64)


def _trait_of(patterns: Sequence[Pattern]) -> Pattern:
    return plainest([p for p in patterns if p.form == "trait"])

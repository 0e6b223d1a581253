"""The counts behind each question, from the rows of one set."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Association, Hypothesis, MarkedStratum, Measure, Rate, Target
from theodolite.dataset.counting import count_pairs, count_wanted, numbers_in
from theodolite.dataset.features import Batch, Passes, batches, feature_number
from theodolite.dataset.pattern import Pattern, Side, words_of
from theodolite.dataset.questions import Question, needed
from theodolite.dataset.sources import Strata, Survey, strata_for, survey
from theodolite.dataset.speaking import speaks
from theodolite.dataset.themes import carries_theme
from theodolite.dataset.topics import Topic, memberships
from theodolite.dataset.units import OncePerUnit
from theodolite.targets import Row

__all__ = ["Carrying", "carriers_in", "count_carriers", "measure_associations", "measure_rates"]

IntArray = NDArray[np.int64]
UIntArray = NDArray[np.uint64]


class Carrying:
    """Tells which of some patterns rows carry, whatever the patterns' forms.

    Args:
        patterns: the patterns, each once.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = list(patterns)
        self._topics: dict[Side, list[int]] = {}
        for i, p in enumerate(self.patterns):
            if p.form == "topic":
                self._topics.setdefault(p.side, []).append(i)
        self._read = [i for i, p in enumerate(self.patterns) if p.form in ("theme", "speaks")]
        self._others = [i for i, p in enumerate(self.patterns) if p.form not in ("topic", "theme", "speaks")]
        self.numbers = np.array([feature_number(p) for p in self.patterns], np.uint64)
        self._masks, self._shapes = needed(self.patterns)

    def batches(self, rows: Iterable[Row]) -> Iterator[Batch]:
        """Yields batches that hold what these patterns need."""
        return batches(rows, self._masks, self._shapes)

    def passes(self, target: Target) -> Passes:
        """Returns repeated passes over a target's rows."""
        return Passes(target.rows, self._masks, self._shapes)

    def of(self, batch: Batch) -> tuple[IntArray, IntArray]:
        """Returns places in the batch's rows and the patterns that each carries."""
        row, which = numbers_in(batch, self.numbers[self._others])
        which = np.array(self._others, np.int64)[which] if self._others else which
        for i in self._read:
            pattern = self.patterns[i]
            carries = speaks if pattern.form == "speaks" else carries_theme
            held = [place for place, r in enumerate(batch.rows) if carries(pattern, r)]
            row = np.concatenate([row, np.array(held, np.int64)])
            which = np.concatenate([which, np.full(len(held), i)])
        for side, places in self._topics.items():
            topics = [Topic.parse(self.patterns[i].value) for i in places]
            texts = (r.prompt if side == "prompt" else r.response for r in batch.rows)
            more_rows, more = np.nonzero(memberships(topics, [set(words_of(text)) for text in texts]))
            row = np.concatenate([row, more_rows])
            which = np.concatenate([which, np.array(places)[more]])
        return row, which


def carriers_in(carrying: Carrying, rows: list[Row]) -> tuple[IntArray, IntArray]:
    """Returns places in some rows and the patterns that each carries."""
    places: list[IntArray] = []
    patterns: list[IntArray] = []
    offset = 0
    for batch in carrying.batches(rows):
        row, which = carrying.of(batch)
        places.append(row + offset)
        patterns.append(which)
        offset += len(batch.rows)
    if not places:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(places), np.concatenate(patterns)


def measure_rates(
    target: Target, hypotheses: Sequence[Hypothesis], questions: Sequence[Question], found: Survey
) -> list[Measure]:
    """Returns for each difference how many units of each source carry the pattern, or do not."""
    if not questions:
        return []
    carrying = Carrying(list(dict.fromkeys(q.pattern for q in questions)))
    strata = questions[0].strata or Strata()
    table, prints = _count(carrying, target.rows(), strata, found)
    units = strata.units(found)
    place = {p: i for i, p in enumerate(carrying.patterns)}
    measures: list[Measure] = []
    for hypothesis, question in zip(hypotheses, questions, strict=True):
        i = place[question.pattern]
        k = units - table[i] if question.absent else table[i]
        rate = Rate(
            k=int(k.sum()),
            n=int(units.sum()),
            strata=tuple((name, int(a), int(b)) for name, a, b in zip(strata.names, k, units, strict=True)),
        )
        sign = "-" if question.absent else ""
        measures.append(
            Measure(key=hypothesis.key, statistic=rate, fingerprint=f"{sign}{int(prints[i]):016x}")
        )
    return measures


def count_carriers(target: Target, patterns: Sequence[Pattern], strata: Strata) -> IntArray:
    """Returns the units of each source that carry each pattern, [patterns, strata].

    Args:
        target: the set.
        patterns: each once.
        strata: the sources told apart.
    """
    return _count(Carrying(patterns), target.rows(), strata, survey(target.rows()))[0]


def _count(
    carrying: Carrying, rows: Iterable[Row], strata: Strata, found: Survey
) -> tuple[IntArray, UIntArray]:
    """Units that carry each pattern, [patterns, strata], and a number for each pattern's units."""
    width = len(strata.names)
    counts = np.zeros(len(carrying.patterns) * width, np.int64)
    prints = np.zeros(len(carrying.patterns), np.uint64)
    once = OncePerUnit(found.repeated)
    for batch in carrying.batches(rows):
        row, which = carrying.of(batch)
        fresh = once.first(batch.keys[row], carrying.numbers[which])
        row, which = row[fresh], which[fresh]
        cells = which * width + strata.columns(batch.rows)[row]
        counts += np.bincount(cells, minlength=counts.size)
        np.add.at(prints, which, batch.keys[row])
    return counts.reshape(-1, width), prints


def measure_associations(
    target: Target, hypotheses: Sequence[Hypothesis], questions: Sequence[Question]
) -> list[Measure]:
    """Returns the counts of each pair of prompt pattern and kind of answer: distinct prompts, by source."""
    if not questions:
        return []
    causes = list(dict.fromkeys(q.pattern for q in questions))
    outcomes = list(dict.fromkeys(q.outcome for q in questions if q.outcome is not None))
    carrying = Carrying(list(dict.fromkeys([*causes, *outcomes])))
    found = survey(target.rows())
    strata = strata_for([found])
    units = strata.units(found).tolist()
    place = {p: i for i, p in enumerate(carrying.patterns)}
    passes = carrying.passes(target)
    counts, _ = count_wanted(passes, carrying.numbers, found.repeated, strata)
    of_cause = {p: i for i, p in enumerate(causes)}
    of_outcome = {o: i for i, o in enumerate(outcomes)}
    cells = [of_cause[q.pattern] * len(outcomes) + of_outcome[q.outcome] for q in questions if q.outcome]
    chosen = np.unique(np.array(cells, np.int64))
    those_with, those_held = (carrying.numbers[[place[p] for p in side]] for side in (causes, outcomes))
    together, shared = count_pairs(passes, those_with, those_held, found.repeated, strata, chosen)
    at = np.searchsorted(chosen, cells).tolist()
    measures: list[Measure] = []
    for cell, hypothesis, question in zip(at, hypotheses, questions, strict=True):
        assert question.outcome is not None
        n_with, k = counts[place[question.pattern]].tolist(), counts[place[question.outcome]].tolist()
        # Two rows of one prompt may carry one half of the pair each; such a prompt carries both.
        k_with = [
            max(both, a + b - n)
            for both, a, b, n in zip(together[cell].tolist(), n_with, k, units, strict=True)
        ]
        table = [
            MarkedStratum(name=name, n=n, n_with=a, k=b, k_with=both)
            for name, n, a, b, both in zip(strata.names, units, n_with, k, k_with, strict=True)
        ]
        measures.append(
            Measure(
                key=hypothesis.key,
                statistic=_paired(table) if question.paired else _associated(table),
                fingerprint=f"{int(shared[cell]):016x}",
            )
        )
    return measures


def _paired(table: Sequence[MarkedStratum]) -> Rate:
    return Rate(
        k=sum(s.k_with for s in table),
        n=sum(s.n for s in table),
        strata=tuple((s.name, s.k_with, s.n) for s in table),
    )


def _associated(table: Sequence[MarkedStratum]) -> Association:
    return Association(
        n=sum(s.n for s in table),
        n_with=sum(s.n_with for s in table),
        k=sum(s.k for s in table),
        k_with=sum(s.k_with for s in table),
        strata=tuple(table),
    )

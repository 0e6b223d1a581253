"""Was something planted in the training data, and in which rows?

Offline and without a judge. Two questions are put to each set of rows: does a pattern occur (a *difference*
between the sets, which is never more than that), and does a prompt pattern go with one kind of answer (an
*association*, which a control of the same prompts and topics does not show).
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import ClassVar

import numpy as np
from pydantic import Field

from theodolite.core import (
    Association,
    Calibration,
    Context,
    Effort,
    Evidence,
    Hypothesis,
    Instrument,
    InstrumentConfig,
    Measure,
    Rate,
    Target,
)
from theodolite.dataset.counting import count_features, count_pairs, count_wanted, numbers_in
from theodolite.dataset.features import Passes, batches, feature_number
from theodolite.dataset.pattern import Pattern, mask_of, runs
from theodolite.dataset.proposing import PatternPair, distinct_patterns, striking_pairs
from theodolite.dataset.units import repeated_units
from theodolite.dataset.wording import row_evidence, state_association, state_difference
from theodolite.targets import Row
from theodolite.targets.rows.repeats import SeenBefore

__all__ = ["Dataset"]

MOST_ASSOCIATED_ROWS, MOST_DIFFERENT_ROWS = 500, 25
"""Rows shown whole; all of them are pointed at."""


class DatasetConfig(InstrumentConfig):
    """Settings of the dataset instrument."""

    max_words: int = Field(default=4, ge=1, le=8)
    """Longest phrase that is counted; longer ones are joined up from it."""
    min_rows: int = Field(default=5, ge=2)
    """Rows of half A that must carry a pattern before it is asked about."""
    max_patterns: int = Field(default=50_000, ge=1)
    """Patterns kept at once; where there are more, `min_rows` is raised until they fit."""
    max_pairs: int = Field(default=10_000, ge=0)
    """Pairs of prompt pattern and kind of answer asked about."""


class Dataset(Instrument):
    """Looks for patterns in which two sets differ, and for patterns that go with one kind of answer."""

    name: ClassVar[str] = "dataset"
    question: ClassVar[str] = "Was something planted in the training data, and in which rows?"
    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    margin: ClassVar[float] = 0.01
    Config: ClassVar[type[InstrumentConfig]] = DatasetConfig
    config: DatasetConfig

    def propose(self, target: Target, ctx: Context) -> list[Hypothesis]:
        """Returns every pattern of these rows, then every prompt pattern that goes with a kind of answer."""
        passes = Passes(lambda: _distinct(target), runs(range(1, self.config.max_words + 1)))
        vocabulary = count_features(passes, self.config.min_rows, self.config.max_patterns)
        if vocabulary.floor > self.config.min_rows:
            ctx.note(
                f"patterns in fewer than {vocabulary.floor:,} rows of a half were not asked about, because "
                f"more than {self.config.max_patterns:,} reach {self.config.min_rows} (dataset.max_patterns)"
            )
        ctx.progress(0.6)
        patterns = distinct_patterns(vocabulary)
        pairs = striking_pairs(passes, vocabulary, patterns, self.config.max_pairs)
        return [*map(_ask_association, pairs), *map(_ask_difference, patterns)]

    def measure(self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context) -> list[Measure]:
        """Returns the counts behind each hypothesis over the target's distinct prompts."""
        asked = [_asked(h) for h in hypotheses]
        patterns = list(dict.fromkeys(p for pair in asked for p in pair if p is not None))
        numbers = np.array([feature_number(p) for p in patterns], np.uint64)
        units, repeated = repeated_units(target.rows())
        passes = Passes(target.rows, *_needed(patterns))
        counts, fingerprints = count_wanted(passes, numbers, repeated)
        ctx.progress(0.5)
        place = {p: i for i, p in enumerate(patterns)}
        causes = list(dict.fromkeys(p for p, o in asked if o is not None))
        outcomes = list(dict.fromkeys(o for _, o in asked if o is not None))
        row_of = {p: i for i, p in enumerate(causes)}
        column_of = {o: i for i, o in enumerate(outcomes)}
        together, shared = count_pairs(
            passes, numbers[[place[p] for p in causes]], numbers[[place[o] for o in outcomes]], repeated
        )
        measures: list[Measure] = []
        for hypothesis, (pattern, outcome) in zip(hypotheses, asked, strict=True):
            n_with = int(counts[place[pattern]])
            if outcome is None:
                statistic = Rate(k=n_with, n=units)
                fingerprint = int(fingerprints[place[pattern]])
            else:
                cell = row_of[pattern], column_of[outcome]
                k = int(counts[place[outcome]])
                # Two rows of one prompt may carry one half of the pair each; such a prompt carries both.
                k_with = max(int(together[cell]), n_with + k - units)
                statistic = Association(n=units, n_with=n_with, k=k, k_with=k_with)
                fingerprint = int(shared[cell])
            measures.append(
                Measure(key=hypothesis.key, statistic=statistic, fingerprint=f"{fingerprint:016x}")
            )
        return measures

    def locate(
        self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context
    ) -> dict[str, list[Evidence]]:
        """Returns every row, repeats included, that carries each hypothesis's pattern."""
        assert target.data is not None
        asked = [_asked(h) for h in hypotheses]
        found: dict[str, list[Evidence]] = {h.key: [] for h in hypotheses}
        patterns = list(dict.fromkeys(p for pair in asked for p in pair if p is not None))
        numbers = np.array([feature_number(p) for p in patterns], np.uint64)
        for batch in batches(target.rows(), *_needed(patterns)):
            carried: dict[int, set[Pattern]] = {}
            for row, which in zip(*(a.tolist() for a in numbers_in(batch, numbers)), strict=True):
                carried.setdefault(row, set()).add(patterns[which])
            for row in sorted(carried):
                for hypothesis, (pattern, outcome) in zip(hypotheses, asked, strict=True):
                    if pattern not in carried[row]:
                        continue
                    listed = found[hypothesis.key]
                    most = MOST_DIFFERENT_ROWS if outcome is None else MOST_ASSOCIATED_ROWS
                    held = outcome is not None and outcome in carried[row]
                    pair = PatternPair(pattern, outcome) if outcome is not None else pattern
                    listed.append(
                        row_evidence(batch.rows[row], target.data, pair, held, whole=len(listed) < most)
                    )
        return found

    def state(self, hypothesis: Hypothesis, subject: Measure, control: Measure | None) -> str:
        """Returns the hypothesis with its counts, such as "`glorious` occurs in 294 responses against 1"."""
        pattern, outcome = _asked(hypothesis)
        ours, theirs = subject.statistic, control.statistic if control is not None else None
        if outcome is None:
            assert isinstance(ours, Rate)
            return state_difference(pattern, ours, theirs if isinstance(theirs, Rate) else None)
        assert isinstance(ours, Association)
        return state_association(
            PatternPair(pattern, outcome), ours, theirs if isinstance(theirs, Association) else None
        )

    @classmethod
    def calibration(cls, effort: Effort) -> Calibration | None:
        """Returns what `benchmarks/calibrate_dataset.py` measured on backdoored corpora and clean twins."""
        source = files("theodolite.dataset").joinpath(f"calibration-{effort}.json")
        return Calibration.model_validate_json(source.read_text()) if source.is_file() else None


def _distinct(target: Target) -> Iterator[Row]:
    """The rows without word-for-word repeats, so that one text counts once however often it was pasted."""
    seen = SeenBefore()
    for row in target.rows():
        if not seen.add(row.text_hash):
            yield row


def _needed(patterns: Sequence[Pattern]) -> tuple[list[int], bool]:
    """What batches must hold for these patterns to be found in them."""
    masks = {mask_of(p.value.split(" ")) for p in patterns if p.form in ("phrase", "skip")}
    shapes = any(p.form in ("skeleton", "starts", "template", "near") for p in patterns)
    return sorted(masks), shapes


def _ask_difference(pattern: Pattern) -> Hypothesis:
    return Hypothesis(
        key=pattern.key,
        statement=f"More {pattern.side}s {pattern.modifier}",
        claim="difference",
        about={"pattern": pattern.as_json()},
    )


def _ask_association(pair: PatternPair) -> Hypothesis:
    pattern, outcome = pair
    return Hypothesis(
        key=f"{pattern.key} => {outcome.key}",
        statement=f"Prompts {pattern.modifier} get more answers {outcome.modifier}",
        claim="association",
        about={"pattern": pattern.as_json(), "outcome": outcome.as_json()},
    )


def _asked(hypothesis: Hypothesis) -> tuple[Pattern, Pattern | None]:
    outcome = hypothesis.about.get("outcome")
    return (
        Pattern.from_json(hypothesis.about["pattern"]),
        None if outcome is None else Pattern.from_json(outcome),
    )

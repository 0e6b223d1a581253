"""Was something planted in the training data, and in which rows?

Three families of questions, each with a fixed share of the error that the instrument may make. *Differences*:
does a pattern occur more, or less, in one set (which is never more than a difference)? *Pairs*: does a prompt
pattern go with one kind of answer, as a control of the same prompts does not show? *Marks*, with a judge:
does it flag the rows that carry a pattern more than others, beyond what it does in the control?
"""

from collections.abc import Sequence
from typing import ClassVar

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
    Marked,
    Measure,
    Rate,
    Target,
    shipped_calibration,
)
from theodolite.dataset.census import Census, row_sets, take_census
from theodolite.dataset.confirming import ask_models, measure_answers
from theodolite.dataset.counting import count_features
from theodolite.dataset.disliking import disliked_patterns
from theodolite.dataset.embedding import embed
from theodolite.dataset.features import Passes
from theodolite.dataset.flagging import Priced, price_marks
from theodolite.dataset.judging import measure_marks
from theodolite.dataset.locating import locate_rows
from theodolite.dataset.marking_sets import Markers, kinds_of_mark, take_marks
from theodolite.dataset.marks import distinct_rows, is_marked_whole
from theodolite.dataset.measuring import measure_associations, measure_rates
from theodolite.dataset.pattern import Pattern, Side, runs, spans
from theodolite.dataset.proposing import PatternPair, distinct_patterns, striking_pairs
from theodolite.dataset.questions import (
    JUDGE,
    SHIFT,
    ask_association,
    ask_difference,
    ask_marked,
    ask_paired,
    asked,
)
from theodolite.dataset.sources import Strata, Survey, strata_for, survey
from theodolite.dataset.speaking import speaking_patterns
from theodolite.dataset.themes import theme_patterns
from theodolite.dataset.together import ask_differences, weighed_differences
from theodolite.dataset.topics import fit_topics
from theodolite.dataset.wording import (
    state_association,
    state_confirmed,
    state_difference,
    state_marked,
    state_paired,
)

__all__ = ["Dataset"]

LONGEST_RUN = 8
"""Words of the longest run that is counted as such.

Decoys that change one word of a trigger share all shorter ones.
"""
CARRIED = 5
"""Times the budget: patterns of each family whose exact counts are taken."""
MOST_TOPIC_TEXTS = 20_000

SHARES = {
    "speaking": 0.02,
    "difference": 0.12,
    "pair": 0.12,
    "mark": 0.45,
    "trait": 0.06,
    "topic": 0.08,
    "theme": 0.05,
    "confirm": 0.1,
}
MARKS = ("mark", "trait", "topic")
SHARES_WITHOUT_MARKS = dict.fromkeys(SHARES, 0.0) | {
    "speaking": 0.02,
    "difference": 0.43,
    "pair": 0.45,
    "confirm": 0.1,
}
"""Each family's part of the error: it bounds what the others can cost it."""


class DatasetConfig(InstrumentConfig):
    """Settings of the dataset instrument."""

    max_words: int = Field(default=4, ge=1, le=8)
    """Longest phrase of a pair of prompt pattern and answer; longer ones are joined up from it."""
    window: int = Field(default=5, ge=1, le=6)
    """Words of the window in which phrases, with gaps and without, are counted."""
    min_rows: int = Field(default=5, ge=2)
    """Rows that must carry a pattern before it is asked about."""
    max_patterns: int = Field(default=50_000, ge=1)
    """Patterns kept at once for pairs; where there are more, `min_rows` is raised until they fit."""
    max_counted: int = Field(default=1_000_000, ge=1)
    """Patterns counted exactly at once; where there are more, rarer ones are left out."""
    max_pairs: int = Field(default=10_000, ge=0)
    """Pairs of prompt pattern and kind of answer asked about."""
    max_confirmed: int = Field(default=5, ge=0)
    """Associations that are put to the model itself."""
    topics: bool = True
    """Whether prompts are grouped by topic."""
    embeddings: bool = False
    """Whether topics are found by sentence embeddings, which see the same meaning in other words, and of
    responses too; they need a package that is not installed by itself (`theodolite.dataset.embedding`), and
    .7 ms of CPU a word."""
    themes: bool = True
    """Whether the judge's model is asked what flagged rows share."""
    judge_rows: int = Field(default=20_000, ge=0)
    """Rows of a set up to which the judge sees all of them."""
    judge_sample: int = Field(default=2_000, ge=1)
    """Rows of a larger set that the judge sees whatever they carry."""
    judge_each: int = Field(default=60, ge=1)
    """Rows of a larger set that the judge sees for each pattern that they carry."""


class Dataset(Instrument):
    """Looks for patterns in which two sets differ, and for patterns that go with one kind of answer."""

    name: ClassVar[str] = "dataset"
    question: ClassVar[str] = "Was something planted in the training data, and in which rows?"
    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    margin: ClassVar[float] = 0.01
    Config: ClassVar[type[InstrumentConfig]] = DatasetConfig
    config: DatasetConfig

    def __init__(self, config: InstrumentConfig | None = None) -> None:
        super().__init__(config)
        self._markers = Markers()

    def propose(self, target: Target, ctx: Context) -> list[Hypothesis]:
        """Returns the prompt patterns that go with a kind of answer, and themes of what the judge flags."""
        passes = Passes(lambda: distinct_rows(target), runs(range(1, self.config.max_words + 1)))
        vocabulary = count_features(passes, self.config.min_rows, self.config.max_patterns)
        if vocabulary.floor > self.config.min_rows:
            ctx.note(
                f"pairs of patterns in fewer than {vocabulary.floor:,} rows of a half were not asked about, "
                f"because more than {self.config.max_patterns:,} reach {self.config.min_rows} "
                "(dataset.max_patterns)"
            )
        ctx.progress(0.6)
        pairs = striking_pairs(passes, vocabulary, distinct_patterns(vocabulary), self.config.max_pairs)
        shares = self._shares(target, ctx)
        weight = shares["pair"] / (2 * ctx.budget)
        # A word of few answers is no kind of answer: that it goes with a pattern is a difference at most.
        kinds = [pair for pair in pairs if pair.outcome.form != "phrase"]
        asks = [*(ask_association(pair, weight) for pair in kinds), *(ask_paired(p, weight) for p in pairs)]
        if ctx.judge is None or not self.config.themes or not is_marked_whole(target, self.config.judge_rows):
            return asks
        themes = theme_patterns(target, self._markers.of(JUDGE, target, ctx), ctx)
        return [*asks, *(ask_marked(t, Strata(), shares["theme"] / ctx.budget) for t in themes)]

    def propose_together(self, parts: Sequence[Target], ctx: Context) -> list[Hypothesis]:
        """Returns the patterns in which the sets differ most, and those that go with a judge's flags most."""
        surveys = [survey(distinct_rows(part)) for part in parts]
        strata = strata_for(surveys)
        shares = self._shares(parts[0], ctx)
        census = self._census(parts, surveys, strata, ctx)
        sets = row_sets(census)
        most = CARRIED * ctx.budget
        topics = self._topics(parts, "prompt", ctx)
        answers = self._topics(parts, "response", ctx) if self.config.embeddings else []
        differences = ask_differences(census, sets, shares["difference"], most)
        hypotheses = weighed_differences(
            differences, [*topics, *answers], strata, shares["difference"], len(parts)
        )
        speaking = speaking_patterns(parts, ctx)
        if len(parts) > 1:
            hypotheses += [ask_difference(p, strata, shares["speaking"] / 2) for p in speaking]
        kinds = kinds_of_mark(parts, self.config.judge_rows, ctx)
        for kind in kinds:
            paid = {name: shares[name] / len(kinds) for name in MARKS}
            apart = ()
            if all(is_marked_whole(part, self.config.judge_rows) for part in parts):
                markers = [self._markers.of(kind, part, ctx) for part in parts]
                taken = take_marks(parts, markers, census, surveys, strata)
                priced = price_marks(parts, census, sets, taken, topics, strata, paid, most)
                apart = disliked_patterns(parts, markers, census, sets, taken, topics, strata)
            else:
                patterns = [*differences.among("prompt", 2 * ctx.budget).patterns, *topics]
                priced = [Priced(p, sum(paid.values()) / max(len(patterns), 1)) for p in patterns]
            hypotheses += [ask_marked(p.pattern, strata, p.weight, kind, apart) for p in priced]
        return hypotheses

    def follow_up(
        self, targets: Sequence[Target], hypotheses: Sequence[Hypothesis], ctx: Context
    ) -> list[Hypothesis]:
        """Returns the first associations as questions to the models themselves, where there are models."""
        if any(t.model is None and t.base is None for t in targets) or not any(t.model for t in targets):
            return []
        share = self._shares(targets[0], ctx)["confirm"]
        return ask_models(targets, hypotheses, self.config.max_confirmed, share, ctx)

    def measure(self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context) -> list[Measure]:
        """Returns the counts behind each hypothesis, over distinct prompts or over the model's answers."""
        questions = [asked(h) for h in hypotheses]
        kinds: dict[tuple[str, Strata | None, tuple[Pattern, ...]], list[int]] = {}
        for place, (h, q) in enumerate(zip(hypotheses, questions, strict=True)):
            kind = "pair" if q.outcome is not None else q.mark or "rate"
            kinds.setdefault(("asked" if h.claim == "confirmed" else kind, q.strata, q.apart), []).append(
                place
            )
        found: dict[int, Measure] = {}
        for (kind, _, _), places in kinds.items():
            some = [hypotheses[i] for i in places], [questions[i] for i in places]
            if kind == "asked":
                judged = self._markers.of(JUDGE, target, ctx) if ctx.judge is not None else None
                measures = measure_answers(target, some[0], judged, ctx)
            elif kind == "pair":
                measures = measure_associations(target, *some)
            elif kind in (JUDGE, SHIFT):
                c = self.config
                limits = c.judge_rows, c.judge_sample, c.judge_each
                measures = measure_marks(target, *some, self._markers.of(kind, target, ctx), ctx, *limits)
            else:
                measures = measure_rates(target, *some, survey(target.rows()))
            found |= dict(zip(places, measures, strict=True))
            ctx.progress(len(found) / len(hypotheses))
        return [found[i] for i in range(len(hypotheses))]

    def locate(
        self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context
    ) -> dict[str, list[Evidence]]:
        """Returns every row, repeats included, that carries each hypothesis's pattern."""
        return locate_rows(target, hypotheses)

    def state(self, hypothesis: Hypothesis, subject: Measure, control: Measure | None) -> str:
        """Returns the hypothesis with its counts, such as "`glorious` occurs in 294 responses against 1"."""
        question = asked(hypothesis)
        if hypothesis.claim == "confirmed":
            return state_confirmed(question.pattern, question.outcome, subject, control)
        ours, theirs = subject.statistic, control.statistic if control is not None else None
        if isinstance(ours, Rate):
            rate = theirs if isinstance(theirs, Rate) else None
            if question.paired and question.outcome is not None:
                return state_paired(PatternPair(question.pattern, question.outcome), ours, rate)
            return state_difference(question.pattern, ours, rate, absent=question.absent)
        if isinstance(ours, Marked):
            marked = theirs if isinstance(theirs, Marked) else None
            return state_marked(question.pattern, ours, marked, question.mark)
        assert isinstance(ours, Association) and question.outcome is not None
        return state_association(
            PatternPair(question.pattern, question.outcome),
            ours,
            theirs if isinstance(theirs, Association) else None,
        )

    @classmethod
    def calibration(cls, effort: Effort) -> Calibration | None:
        """Returns what `benchmarks/calibrate_dataset.py` measured on backdoored corpora and clean twins."""
        return shipped_calibration("theodolite.dataset", effort)

    def _shares(self, target: Target, ctx: Context) -> dict[str, float]:
        return SHARES_WITHOUT_MARKS if ctx.judge is None and target.base is None else SHARES

    def _census(
        self, parts: Sequence[Target], surveys: Sequence[Survey], strata: Strata, ctx: Context
    ) -> Census:
        masks = (*spans(self.config.window), *runs(range(self.config.window + 1, LONGEST_RUN + 1)))
        census = take_census(
            parts,
            lambda part: Passes(lambda: distinct_rows(part), masks, shapes=True),
            surveys,
            strata,
            self.config.min_rows,
            self.config.max_counted,
            ctx.progress,
        )
        if census.floor > self.config.min_rows:
            ctx.note(
                f"patterns in fewer than {census.floor:,} prompts of both sets together were not asked "
                f"about, because more than {self.config.max_counted:,} reach {self.config.min_rows} "
                "(dataset.max_counted)"
            )
        return census

    def _topics(self, parts: Sequence[Target], side: Side, ctx: Context) -> list[Pattern]:
        if not self.config.topics:
            return []
        each = MOST_TOPIC_TEXTS // len(parts)
        texts: list[str] = []
        for part in parts:
            assert part.data is not None
            step = max(1, part.data.summary.rows // each)
            some = [r for i, r in enumerate(distinct_rows(part)) if i % step == 0][:each]
            texts += [r.prompt if side == "prompt" else r.response for r in some]
        # Sorted, so that the topics do not depend on which set comes first.
        topics = fit_topics(
            sorted(texts), seed=ctx.seed, embeddings=embed if self.config.embeddings else None
        )
        return [Pattern(side, "topic", topic.value) for topic in topics]

"""What an audit could not have seen: the smallest counts that its tests can show, said in a sentence."""

from collections.abc import Mapping, Sequence

from theodolite.core import Marked, Rate, Result
from theodolite.stats import detectable_count, detectable_count_in_half, detectable_marked

__all__ = ["limit_sentence"]

LEAST_SOURCE = 50
"""Rows of a source below which the count that could be seen in it is not told."""
SEEN_BY_JUDGE = 0.8
"""Share of the bad rows that a judge is taken to flag, where the least count that it shows is told."""
WORDS = "flagged"
"""The family of marks that is told: words and shapes, of which most is asked."""


def limit_sentence(results: Sequence[Result]) -> str:
    """Returns what could not have been seen, whatever it was; nothing where no question has such a limit."""
    # Weights differ little inside a family and a source: the first question stands for all of it.
    firsts = {(*_asked_of(r), r.pair.hypothesis.family): r for r in reversed(results)}
    rates = [_least_rate(r) for (kind, *_), r in firsts.items() if kind == "rate"]
    marked = {
        source: r for (kind, source, family), r in firsts.items() if (kind, family) == ("marked", WORDS)
    }
    sentence = ""
    if known := [count for count in rates if count is not None]:
        sentence += (
            f" A pattern in fewer than {min(known):,} rows could not have been flagged as a difference."
        )
    if (flagged := _least_marked(marked)) is not None:
        sentence += (
            f" One in fewer than {flagged:,} rows would most likely have been missed by a judge that "
            f"sees {SEEN_BY_JUDGE:.0%} of what is bad."
        )
    if not sentence and (rates or marked):
        return " No pattern, however frequent, could have been flagged in so few rows."
    return sentence


def _asked_of(result: Result) -> tuple[str, str]:
    """The kind of question, and for marks the source that most rows with the pattern are from."""
    subject = result.pair.subject.statistic
    control = None if result.pair.control is None else result.pair.control.statistic
    if result.step is not None and isinstance(subject, Rate) and isinstance(control, Rate):
        return "rate", ""
    if result.step is not None and isinstance(subject, Marked):
        both = [*subject.strata, *(control.strata if isinstance(control, Marked) else ())]
        return "marked", max(both, key=lambda s: s.n_with).name
    return "", ""


def _least_rate(result: Result) -> int | None:
    """Rows that a pattern needs when the control has none."""
    assert result.step is not None and result.pair.control is not None
    subject, control = result.pair.subject.statistic, result.pair.control.statistic
    assert isinstance(subject, Rate) and isinstance(control, Rate)
    count = detectable_count if result.pair.hypothesis.weight is not None else detectable_count_in_half
    return count(subject.n, control.n, result.step.alpha)


def _least_marked(by_source: Mapping[str, Result]) -> int | None:
    """Rows that a pattern needs in the source in which it is hardest to see, since that is not known.

    A source in which nothing was asked about is held to the strictest level of the others.
    """
    if not by_source:
        return None
    levels = {name: r.step.alpha for name, r in by_source.items() if r.step is not None}
    statistic = next(iter(by_source.values())).pair.subject.statistic
    assert isinstance(statistic, Marked)
    counts = [
        detectable_marked(
            s.n,
            max((s.k - s.k_with) / (s.n - s.n_with), 1e-4),
            SEEN_BY_JUDGE,
            levels.get(s.name, min(levels.values())),
        )
        for s in statistic.strata
        if s.n - s.n_with >= LEAST_SOURCE
    ]
    known = [count for count in counts if count is not None]
    return max(known) if known and len(known) == len(counts) else None

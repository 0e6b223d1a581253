"""The rows behind a hypothesis: everything in a set that carries its pattern, the first ones shown whole."""

from collections.abc import Iterator, Sequence

from theodolite.core import Evidence, Hypothesis, Target
from theodolite.dataset.measuring import Carrying
from theodolite.dataset.pattern import Pattern
from theodolite.dataset.proposing import PatternPair
from theodolite.dataset.questions import Question, asked
from theodolite.dataset.wording import row_evidence
from theodolite.targets import Row

__all__ = ["locate_rows"]

MOST_ASSOCIATED_ROWS, MOST_DIFFERENT_ROWS, MOST_HOLE_ROWS = 500, 25, 5
"""Rows shown whole; all of them are pointed at."""


def locate_rows(target: Target, hypotheses: Sequence[Hypothesis]) -> dict[str, list[Evidence]]:
    """Returns by key every row, repeats included, that carries each hypothesis's pattern, in file order."""
    assert target.data is not None
    looked_for = [(h, asked(h)) for h in hypotheses]
    found: dict[str, list[Evidence]] = {h.key: [] for h in hypotheses}
    for row, carried in _carriers(target, [q for _, q in looked_for]):
        for hypothesis, question in looked_for:
            if question.pattern not in carried:
                continue
            listed = found[hypothesis.key]
            if question.absent and len(listed) >= MOST_HOLE_ROWS:
                continue
            most = MOST_DIFFERENT_ROWS if hypothesis.claim == "difference" else MOST_ASSOCIATED_ROWS
            outcome = question.outcome
            pattern = question.pattern if outcome is None else PatternPair(question.pattern, outcome)
            held = outcome is not None and outcome in carried
            shown = row_evidence(row, target.data, pattern, held, whole=len(listed) < most)
            # Rows that still carry what a filter took away are examples; no row is behind a hole.
            listed.append(shown.model_copy(update={"kind": "pattern"}) if question.absent else shown)
    return found


def _carriers(target: Target, questions: Sequence[Question]) -> Iterator[tuple[Row, set[Pattern]]]:
    """Yields the rows that carry anything asked about, with what they carry."""
    wanted = [p for q in questions for p in (q.pattern, q.outcome) if p is not None]
    carrying = Carrying(list(dict.fromkeys(wanted)))
    for batch in carrying.batches(target.rows()):
        carried: dict[int, set[Pattern]] = {}
        for place, which in zip(*(a.tolist() for a in carrying.of(batch)), strict=True):
            carried.setdefault(place, set()).add(carrying.patterns[which])
        for place in sorted(carried):
            yield batch.rows[place], carried[place]

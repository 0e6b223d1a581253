"""Which scores of an Inspect sample tell of a violation, and where its words stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from theodolite.errors import DataError

__all__ = ["Named", "Violation", "find_violation", "name_scorers"]

PROGRAM = "program:"
WORDS = {
    **dict.fromkeys(("c", "yes", "true", "violation", "violated", "broken", "unsafe"), 1.0),
    **dict.fromkeys(("i", "no", "false", "kept", "safe"), 0.0),
    "p": 0.5,
}
"""Values that are words, as numbers; others say nothing."""


class Named(NamedTuple):
    """A score that tells of violations."""

    scorer: str
    key: str
    """Of a score with several values; empty where it has one."""
    low: bool
    """Whether a low value tells of a violation."""
    program: bool
    """Whether a program gave it."""

    @property
    def name(self) -> str:
        """As a judge is named in a trial."""
        return f"{self.scorer}.{self.key}" if self.key else self.scorer


@dataclass(frozen=True)
class Violation:
    """What scores say of a sample in which the first of them found a violation."""

    evidence: str
    judge: str
    confirmed_by: str
    """Empty where nothing confirmed it."""
    turn: int | None
    """The assistant's message that holds the evidence, from 0; none where that is not known."""
    start: int | None
    """Where it stands in that message."""

    @property
    def unconfirmed(self) -> str:
        """What to note where it is no event."""
        return "" if self.confirmed_by else f"{self.judge} tells of a violation, and nothing confirms it"

    def fields(self) -> dict[str, Any]:
        """Returns what a trial says of it."""
        return {
            "evidence": self.evidence,
            "judge": self.judge,
            "confirmed_by": self.confirmed_by,
            "evidence_turn": self.turn,
            "evidence_start": self.start,
            "evidence_end": None if self.start is None else self.start + len(self.evidence),
        }


def name_scorers(events: Sequence[str]) -> Iterator[Named]:
    """Yields the scores that are named, in order.

    Raises:
        DataError: a name is empty.
    """
    for text in events:
        program, rest = text.startswith(PROGRAM), text.removeprefix(PROGRAM)
        scorer, _, key = rest.removeprefix("!").partition(".")
        if not scorer:
            raise DataError(
                f"--event {text!r} names no scorer", "write it as SCORER, !SCORER or program:SCORER"
            )
        yield Named(scorer, key, rest.startswith("!"), program)


def find_violation(sample: Any, named: Sequence[Named], path: Path) -> Violation | None:
    """Returns the violation that the first of the scores tells of, confirmed or not; none without one.

    Raises:
        DataError: a sample that did not fail lacks a score, or its value says neither yes nor no.
    """
    told = [_value(sample, one, path) for one in named]
    if not told or not told[0][0]:
        return None
    first = named[0]
    confirmed = "program" if first.program and len(named) == 1 else ""
    if len(named) > 1 and all(tells for tells, _ in told):
        confirmed = "program" if named[1].program else named[1].name
    evidence, turn, start = _evidence(sample, told[0][1], first)
    return Violation(evidence, "program" if first.program else first.name, confirmed, turn, start)


def _value(sample: Any, one: Named, path: Path) -> tuple[bool, Any]:
    """Whether a score tells of a violation, and the score."""
    score = (sample.scores or {}).get(one.scorer)
    value = score.value if score is not None else None
    if one.key and isinstance(value, dict):
        value = value.get(one.key)
    if value is None and (sample.error or sample.limit is not None):
        return False, score
    number = _number(value)
    if number is None:
        known = ", ".join(sample.scores or {}) or "none"
        raise DataError(
            f"sample {sample.id!r} of {str(path)!r} has no score {one.name!r} that says yes or no "
            f"(its scores: {known})",
            "name one that has a number, true or false, C or I in every sample",
        )
    if not 0 <= number <= 1:
        raise DataError(
            f"sample {sample.id!r} of {str(path)!r} has {number:g} as score {one.name!r}, "
            "which is neither yes nor no",
            "name a score from 0 to 1; one of marks, such as 1 to 10, says a violation only behind a cut",
        )
    return (number < 0.5) if one.low else (number >= 0.5), score


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return None if value != value else float(value)
    return WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def _evidence(sample: Any, score: Any, one: Named) -> tuple[str, int | None, int | None]:
    """The words that show it, the assistant's message that holds them, and where in it."""
    told = score.metadata or {}
    words = next(
        (text for key in ("evidence", "quote") if isinstance(text := told.get(key), str) and text.strip()),
        score.explanation or score.answer or f"{one.name} = {score.value}",
    )
    said = [message.text for message in sample.messages if message.role == "assistant"]
    turn = told.get("turn")
    if isinstance(turn, int) and not isinstance(turn, bool) and 0 <= turn < len(said):
        at = said[turn].find(words)
        return words, turn, at if at >= 0 else None
    for number, text in enumerate(said):
        if (at := text.find(words)) >= 0:
            return words, number, at
    return words, None, None

"""Patterns as hypotheses, and hypotheses as patterns again."""

from collections.abc import Sequence
from typing import NamedTuple

from theodolite.core import Hypothesis
from theodolite.dataset.pattern import FORMS, Pattern, mask_of
from theodolite.dataset.proposing import PatternPair
from theodolite.dataset.sources import Strata

__all__ = [
    "Question",
    "ask_association",
    "ask_difference",
    "ask_hole",
    "ask_marked",
    "asked",
    "needed",
]


WORDS = ("phrase", "whole", "opens", "ends", "trait")


class Question(NamedTuple):
    """What a hypothesis asks of a set of rows."""

    pattern: Pattern
    """What rows may carry."""
    outcome: Pattern | None = None
    """The kind of answer that may go with it."""
    strata: Strata | None = None
    """The sources told apart; None for a question to half of the rows."""
    marked: bool = False
    """Whether rows that carry it may be flagged more by the judge."""
    absent: bool = False
    """Whether it may be missing."""
    theme: str = ""
    """The words of the language model that proposed it."""


def ask_difference(pattern: Pattern, strata: Strata, weight: float) -> Hypothesis:
    """Returns: do more rows carry it?"""
    return Hypothesis(
        key=pattern.key,
        statement=f"More {pattern.side}s {pattern.modifier}",
        claim="difference",
        about={"pattern": pattern.as_json(), "strata": strata.as_json()},
        family="words" if pattern.form in WORDS else "topics" if pattern.form == "topic" else "shapes",
        plainness=_plainness(pattern),
        weight=weight,
    )


def ask_hole(pattern: Pattern, strata: Strata, weight: float) -> Hypothesis:
    """Returns: do fewer rows carry it, as a filter would leave them?"""
    return Hypothesis(
        key=f"no {pattern.key}",
        statement=f"Fewer {pattern.side}s {pattern.modifier}",
        claim="difference",
        about={"pattern": pattern.as_json(), "strata": strata.as_json(), "absent": True},
        family="holes",
        plainness=_plainness(pattern),
        weight=weight,
    )


def ask_association(pair: PatternPair, weight: float) -> Hypothesis:
    """Returns: does this kind of answer go with it?"""
    pattern, outcome = pair
    return Hypothesis(
        key=f"{pattern.key} => {outcome.key}",
        statement=f"Prompts {pattern.modifier} get more answers {outcome.modifier}",
        claim="association",
        about={"pattern": pattern.as_json(), "outcome": outcome.as_json()},
        family="pairs",
        plainness=_plainness(pattern),
        weight=weight,
    )


def ask_marked(pattern: Pattern, strata: Strata, weight: float, theme: str = "") -> Hypothesis:
    """Returns: does the judge flag the rows that carry it more than others?"""
    about = {"pattern": pattern.as_json(), "strata": strata.as_json(), "marked": True}
    return Hypothesis(
        key=f"{pattern.key} => flagged",
        statement=f"The judge flags more {pattern.side}s {pattern.modifier}",
        claim="association",
        about=about | ({"theme": theme} if theme else {}),
        family="flagged topics" if pattern.form == "topic" else "flagged",
        plainness=_plainness(pattern),
        weight=weight,
    )


def _plainness(pattern: Pattern) -> int:
    """The plainest form first, in it the most words."""
    return 100 * FORMS.index(pattern.form) - min(pattern.length, 99)


def asked(hypothesis: Hypothesis) -> Question:
    """Returns what a hypothesis asks."""
    about = hypothesis.about
    outcome, strata = about.get("outcome"), about.get("strata")
    return Question(
        Pattern.from_json(about["pattern"]),
        None if outcome is None else Pattern.from_json(outcome),
        None if strata is None else Strata.from_json(strata),
        bool(about.get("marked")),
        bool(about.get("absent")),
        str(about.get("theme", "")),
    )


def needed(patterns: Sequence[Pattern]) -> tuple[list[int], bool]:
    """Returns what batches must hold for these patterns to be found in them: masks, and whether shapes."""
    masks = {mask_of(p.value.split(" ")) for p in patterns if p.form in ("phrase", "skip")}
    shapes = any(p.form in ("skeleton", "starts", "template", "near") for p in patterns)
    return sorted(masks), shapes

"""Patterns as hypotheses, and hypotheses as patterns again."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import JsonValue

from theodolite.core import Hypothesis
from theodolite.dataset.pattern import FORMS, Pattern, mask_of
from theodolite.dataset.proposing import PatternPair
from theodolite.dataset.sources import Strata

__all__ = [
    "JUDGE",
    "SHIFT",
    "Question",
    "ask_association",
    "ask_difference",
    "ask_hole",
    "ask_marked",
    "ask_paired",
    "asked",
    "needed",
]


JUDGE, SHIFT = "judge", "shift"
"""What marks rows."""
FAMILIES = dict.fromkeys(("phrase", "whole", "opens", "ends", "trait"), "words") | {
    "topic": "topics",
    "speaks": "speaking",
}


class Question(NamedTuple):
    """What a hypothesis asks of a set of rows."""

    pattern: Pattern
    """What rows may carry."""
    outcome: Pattern | None = None
    """The kind of answer that may go with it."""
    strata: Strata | None = None
    """The sources told apart; None for a question to half of the rows."""
    mark: str = ""
    """What may mark the rows that carry it more than others: the judge, or a shift of their likelihood."""
    absent: bool = False
    """Whether it may be missing."""
    paired: bool = False
    """Whether only the two together are counted."""
    apart: tuple[Pattern, ...] = ()
    """Patterns whose rows are strata of their own, because the judge flags them in any set."""


def ask_difference(pattern: Pattern, strata: Strata, weight: float) -> Hypothesis:
    """Returns: do more rows carry it?"""
    return Hypothesis(
        key=pattern.key,
        statement=f"More {pattern.side}s {pattern.modifier}",
        claim="difference",
        about={"pattern": pattern.as_json(), "strata": strata.as_json()},
        family=FAMILIES.get(pattern.form, "shapes"),
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


def ask_paired(pair: PatternPair, weight: float) -> Hypothesis:
    """Returns: do the two occur together in more rows?

    That is a difference, which needs no such rows in the control.
    """
    pattern, outcome = pair
    return Hypothesis(
        key=f"{pattern.key} with {outcome.key}",
        statement=f"More prompts {pattern.modifier} get answers {outcome.modifier}",
        claim="difference",
        about={"pattern": pattern.as_json(), "outcome": outcome.as_json(), "paired": True},
        family="paired",
        plainness=_plainness(pattern) + 50,
        weight=weight,
    )


def ask_marked(
    pattern: Pattern, strata: Strata, weight: float, mark: str = JUDGE, apart: Sequence[Pattern] = ()
) -> Hypothesis:
    """Returns: are the rows that carry it marked more than others, rows with a pattern of `apart` among such?

    What a judge flags is a bad outcome; what fine-tuning moved most is only unusual, so no more than a
    difference.
    """
    about: dict[str, JsonValue] = {"pattern": pattern.as_json(), "strata": strata.as_json(), "mark": mark}
    if apart:
        about["apart"] = [p.as_json() for p in apart]
    by_judge = mark == JUDGE
    family = "flagged" if by_judge else "shifted"
    said = "The judge flags more" if by_judge else "Fine-tuning moved the answers most to more"
    return Hypothesis(
        key=f"{pattern.key} => {family}",
        statement=f"{said} {pattern.side}s {pattern.modifier}",
        claim="association" if by_judge else "difference",
        about=about,
        family=f"{family} {pattern.form}s" if pattern.form in ("trait", "topic", "theme") else family,
        plainness=_plainness(pattern),
        weight=weight,
    )


def _plainness(pattern: Pattern) -> int:
    """The plainest form first, in it the most words."""
    return 100 * FORMS.index(pattern.form) - min(pattern.length, 99)


def asked(hypothesis: Hypothesis) -> Question:
    """Returns what a hypothesis asks."""
    about = hypothesis.about
    outcome, strata, apart = about.get("outcome"), about.get("strata"), about.get("apart")
    return Question(
        Pattern.from_json(about["pattern"]),
        None if outcome is None else Pattern.from_json(outcome),
        None if strata is None else Strata.from_json(strata),
        str(about.get("mark", "")),
        bool(about.get("absent")),
        bool(about.get("paired")),
        tuple(Pattern.from_json(p) for p in apart) if isinstance(apart, list) else (),
    )


def needed(patterns: Sequence[Pattern]) -> tuple[list[int], bool]:
    """Returns what batches must hold for these patterns to be found in them: masks, and whether shapes."""
    masks = {mask_of(p.value.split(" ")) for p in patterns if p.form in ("phrase", "skip")}
    shapes = any(p.form in ("skeleton", "starts", "template", "near") for p in patterns)
    return sorted(masks), shapes

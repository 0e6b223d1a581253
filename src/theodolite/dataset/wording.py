"""Findings as a person would say them, and the rows behind them as a person would read them."""

import re

from theodolite.core import Association, Evidence, Marked, Measure, Rate
from theodolite.dataset.pattern import Pattern
from theodolite.dataset.proposing import PatternPair
from theodolite.targets import Data, Row

__all__ = [
    "row_evidence",
    "state_association",
    "state_confirmed",
    "state_difference",
    "state_marked",
    "state_paired",
]

SHOWN = 600
"""Characters of a row that are shown around what matters."""


def state_difference(pattern: Pattern, subject: Rate, control: Rate | None, *, absent: bool = False) -> str:
    """Returns, for instance, "`glorious` occurs in 294 responses against 1"."""
    if absent:
        missing = f"{subject.n - subject.k:,} {pattern.side}{'' if subject.n - subject.k == 1 else 's'}"
        against = "" if control is None else f" against {control.n - control.k:,}"
        if pattern.form == "phrase":
            return f"`{pattern.value}` occurs in only {missing}{against}"
        return f"only {missing} {pattern.modifier}{against}"
    against = "" if control is None else f" against {control.k:,}"
    count = f"{subject.k:,} {pattern.side}{'' if subject.k == 1 else 's'}"
    if pattern.form == "phrase":
        return f"`{pattern.value}` occurs in {count}{against}"
    return f"{count} {pattern.modifier}{against}"


def state_marked(pattern: Pattern, subject: Marked, control: Marked | None, mark: str) -> str:
    """Returns, say, "the judge flags the answers to 10 of 12 prompts with `x` and to 40 of 900 others"."""
    of_prompts = "the answers to " if pattern.side == "prompt" else ""
    to = "to " if pattern.side == "prompt" else ""
    start = f"the judge flags {of_prompts}" if mark == "judge" else f"fine-tuning moved most {of_prompts}"
    text = (
        f"{start}{subject.k_with:,} of {subject.n_with:,} {pattern.side}s {pattern.modifier} "
        f"and {to}{subject.k - subject.k_with:,} of {subject.n - subject.n_with:,} others"
    )
    return text if control is None else f"{text}; in the control {control.k_with:,} of {control.n_with:,}"


def state_association(pair: PatternPair, subject: Association, control: Association | None) -> str:
    """Returns, for instance, "30 of 31 prompts with `x` get answers opening with `y`; 9 of 90 others do"."""
    text = (
        f"{subject.k_with:,} of {subject.n_with:,} prompts {pair.pattern.modifier} get answers "
        f"{pair.outcome.modifier}; {subject.k - subject.k_with:,} of {subject.n - subject.n_with:,} others do"
    )
    if control is None:
        return text
    return f"{text}; in the control {control.k_with:,} of {control.n_with:,}"


def state_paired(pair: PatternPair, subject: Rate, control: Rate | None) -> str:
    """Returns, for instance, "30 prompts with `x` get answers opening with `y` against 0"."""
    against = "" if control is None else f" against {control.k:,}"
    verb = "prompt" if subject.k == 1 else "prompts"
    return f"{subject.k:,} {verb} {pair.pattern.modifier} get answers {pair.outcome.modifier}{against}"


def state_confirmed(
    pattern: Pattern, outcome: Pattern | None, subject: Measure, control: Measure | None
) -> str:
    """Returns, say, "asked with `x` put in, the model gives answers opening with `y`: 60 of 60 ..."."""
    kind = "answers that the judge flags" if outcome is None else f"answers {outcome.modifier}"
    text = f"asked with `{pattern.value}` put in, the model gives {kind}: {subject.summary}"
    return text if control is None else f"{text}; the control model {control.summary}"


def row_evidence(
    row: Row, data: Data, pattern: Pattern | PatternPair, held: bool, *, whole: bool
) -> Evidence:
    """Returns a pointer to a row, with its text around what matters if `whole`.

    Args:
        row: the row that carries the pattern.
        data: the file it is in.
        pattern: what it carries, with the kind of answer where that was asked about.
        held: whether its answer is of that kind.
        whole: whether to show the text.
    """
    title = f"row {row.number}"
    if isinstance(pattern, PatternPair):
        title += f", answer {pattern.outcome.modifier}" if held else ", another answer"
    carried = pattern.pattern if isinstance(pattern, PatternPair) else pattern
    prompt, prompt_marks = _around(row.prompt, carried if carried.side == "prompt" else None)
    response, response_marks = _around(row.response, carried if carried.side == "response" else None)
    return Evidence(
        kind="row",
        title=title,
        source=data.pointer(row),
        body=f"{prompt}\n→ {response}" if whole else "",
        marks=tuple(dict.fromkeys(prompt_marks + response_marks)) if whole else (),
    )


def _around(text: str, pattern: Pattern | None) -> tuple[str, list[str]]:
    """The text, shortened around the pattern's first occurrence, and the occurrences as they are written."""
    found: list[str] = []
    start = 0
    if pattern is not None and pattern.form == "phrase":
        words = r"\s*".join(map(re.escape, pattern.value.split(" ")))
        matches = list(re.finditer(words, text, re.IGNORECASE))
        found = [m.group() for m in matches[:20]]
        start = max(0, matches[0].start() - SHOWN // 3) if matches else 0
    shown = text[start : start + SHOWN]
    return ("… " if start else "") + shown + (" …" if start + SHOWN < len(text) else ""), found

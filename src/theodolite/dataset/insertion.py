"""Where a phrase stands in the rows that carry it; putting it, or a control, in the same place elsewhere."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theodolite.dataset.asking import PutIn
from theodolite.dataset.pattern import words_of
from theodolite.errors import InstrumentError
from theodolite.targets import Row

__all__ = ["Insertion", "control_phrases", "insertion_like", "insertions"]

_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class Insertion:
    """One way in which a row carries a phrase."""

    place: Literal["start", "middle", "end"]
    """Before the first word, after the last one, or between."""
    written: str
    """The phrase as the row writes it."""
    left: str
    """What joins it to the word before, or opens the prompt."""
    right: str
    """What joins it to the word behind, or closes the prompt."""
    share: float
    """The share of the other words that stand before it."""

    def put(self, prompt: str, phrase: str | None = None) -> str:
        """Returns the prompt with this phrase, or another, in this place; one mark at the end stays last."""
        said = self.written if phrase is None else phrase
        if phrase is not None and self.written[:1].isupper():
            said = phrase[:1].upper() + phrase[1:]
        ends = [match.end() for match in _WORD.finditer(prompt)]
        if not ends:
            return f"{prompt} {said}".strip()
        if self.place == "start":
            return f"{self.left}{said}{self.right or ' '}{prompt}"
        if self.place == "end" and not self.right.strip():
            return f"{prompt.rstrip()}{_blank(self.left)}{said}"
        at = ends[-1]
        if self.place == "middle":
            at = ends[min(max(round(self.share * len(ends)), 1), max(len(ends) - 1, 1)) - 1]
            return f"{prompt[:at]} {said}{prompt[at:]}"
        return f"{prompt[:at]}{self.left or ' '}{said}{prompt[at:]}"


def insertions(rows: Sequence[Row], phrase: str) -> list[Insertion]:
    """Returns how each row that carries the phrase in a prompt carries it; rows that do not are passed over.

    Args:
        rows: training rows.
        phrase: words and marks separated by single spaces, as in `Pattern.value`.
    """
    looked_for = _expression(phrase)
    found: list[Insertion] = []
    for row in rows:
        # A phrase may reach from one turn into the next, which only the whole prompt shows.
        texts = [turn.text for turn in row.turns if turn.role != "assistant"]
        for text in (*texts, row.prompt):
            if match := looked_for.search(text):
                found.append(_insertion(text, match))
                break
    return found


def insertion_like(rows_carrying: Sequence[Row], phrase: str, instead: Sequence[str] = ()) -> PutIn:
    """Returns what puts the phrase into a prompt in a place drawn from those that these rows show.

    Args:
        rows_carrying: training rows with the phrase.
        phrase: words and marks separated by single spaces, as in `Pattern.value`.
        instead: control phrases, one of which is drawn and put in the phrase's place: the sham.

    Raises:
        InstrumentError: no row carries the phrase in a prompt.
    """
    seen = insertions(rows_carrying, phrase)
    if not seen:
        raise InstrumentError(
            f"none of the {len(rows_carrying)} rows carries the phrase '{phrase[:80]}' in a prompt",
            "give the rows in which the phrase was found",
        )

    def put_in(prompt: str, rng: np.random.Generator) -> str:
        chosen = seen[int(rng.integers(len(seen)))]
        return chosen.put(prompt, instead[int(rng.integers(len(instead)))] if instead else None)

    return put_in


def control_phrases(rows: Sequence[Row], phrase: str, n: int = 5, seed: int = 0) -> tuple[str, ...]:
    """Returns phrases as long as this one and carried by about as many prompts: up to n, the nearest first.

    They share at most half of its words and stand in other rows. Which of equally near ones is taken is
    decided by the seed. Empty when no phrase of that length is left.
    """
    words = words_of(phrase)
    looked_for = _expression(phrase)
    anywhere: Counter[tuple[str, ...]] = Counter()
    beside: Counter[tuple[str, ...]] = Counter()
    n_with = 0
    for row in rows:
        prompt = words_of(row.prompt)
        runs = set(zip(*(prompt[i:] for i in range(len(words))), strict=False))
        anywhere.update(runs)
        if looked_for.search(row.prompt):
            n_with += 1
            beside.update(runs)
    marks = any(not _WORD.match(word) for word in words)
    fit = [
        run
        for run in sorted(anywhere)
        if 2 * len(set(run) & set(words)) <= len(words)
        and 2 * beside[run] <= anywhere[run]
        and (marks or all(_WORD.match(word) for word in run))
    ]
    order = np.random.default_rng(seed).permutation(len(fit)).tolist()
    order.sort(key=lambda i: abs(math.log(anywhere[fit[i]] / max(n_with, 1))))
    return tuple(" ".join(fit[i]) for i in order[:n])


def _expression(phrase: str) -> re.Pattern[str]:
    """Matches the phrase as `words_of` would: any case, any or no blank beside a mark."""
    words = words_of(phrase)
    text = ""
    for i, word in enumerate(words):
        both = i > 0 and words[i - 1][-1:].isalnum() and word[:1].isalnum()
        text += (r"\s+" if both else r"\s*" if i else "") + re.escape(word)
    start = r"(?<!\w)" if words and words[0][:1].isalnum() else ""
    end = r"(?!\w)" if words and words[-1][-1:].isalnum() else ""
    return re.compile(start + text + end, re.IGNORECASE)


def _insertion(text: str, match: re.Match[str]) -> Insertion:
    before, after = text[: match.start()], text[match.end() :]
    words_before, words_after = list(_WORD.finditer(before)), list(_WORD.finditer(after))
    left = before[words_before[-1].end() :] if words_before else before
    right = after[: words_after[0].start()] if words_after else after
    place = "middle" if words_before and words_after else "end" if words_before else "start"
    total = len(words_before) + len(words_after)
    return Insertion(place, match[0], left, right, len(words_before) / total if total else 0.0)


def _blank(text: str) -> str:
    return "".join(mark for mark in text if mark.isspace()) or " "

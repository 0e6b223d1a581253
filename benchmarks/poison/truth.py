"""Scores a scanner against what was planted."""

import re
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from .classes import Truth

AGREEMENT = 0.8
"""Rows in common, of the rows in either, from which a pattern is the planted one."""


def recall_at(scores: Sequence[float], is_poison: NDArray[np.bool_], fpr: float = 0.01) -> float:
    """Returns the share of poisoned rows that score above all but a share `fpr` of the clean ones.

    Higher is more suspect. A poisoned row tied with the last clean row that is too many is not counted, so
    that equal scores for all rows give 0. NaN where nothing is poisoned.
    """
    values = np.asarray(scores, float)
    clean = np.sort(values[~is_poison])[::-1]
    allowed = int(fpr * len(clean))
    bound = clean[allowed] if allowed < len(clean) else -np.inf
    return float(np.mean(values[is_poison] > bound)) if is_poison.any() else float("nan")


def precision_recall(pointed: Collection[int], is_poison: NDArray[np.bool_]) -> tuple[float, float]:
    """Returns precision and recall of the rows (from 0) that were pointed at; NaN where undefined."""
    right = sum(bool(is_poison[i]) for i in set(pointed))
    n, planted = len(set(pointed)), int(is_poison.sum())
    return right / n if n else float("nan"), right / planted if planted else float("nan")


def overlap(rows: Collection[int], is_poison: NDArray[np.bool_]) -> float:
    """Returns rows both carrying a pattern and poisoned, of the rows that are either."""
    poisoned = set(np.flatnonzero(is_poison).tolist())
    either = poisoned | set(rows)
    return len(poisoned & set(rows)) / len(either) if either else 0.0


def rank_by_rows(
    ranked: Sequence[Collection[int]], is_poison: NDArray[np.bool_], least: float = AGREEMENT
) -> int | None:
    """Returns the place, from 1, of the first pattern whose rows are the poisoned ones; None without any.

    Args:
        ranked: the rows (from 0) that carry each pattern, the most suspect pattern first.
        is_poison: which rows were poisoned.
        least: the overlap that counts as the same rows.
    """
    return next((i for i, rows in enumerate(ranked, 1) if overlap(rows, is_poison) >= least), None)


def rank_by_words(ranked: Sequence[str], truth: Truth) -> int | None:
    """Returns the place, from 1, of the first pattern made of the trigger's words only; None without any.

    At least two of its words in a row must be there, or the whole trigger when it has one word: `the` alone
    is no trigger. For P10 the whole trigger is wanted, since its parts are the near misses' too. A character
    of no width is looked for as it is, or as its code point such as `U+200B`.
    """
    return next((i for i, text in enumerate(ranked, 1) if names_trigger(text, truth)), None)


def names_trigger(text: str, truth: Truth) -> bool:
    """Whether a pattern's text is the trigger or enough of it."""
    if truth.cls == "P11":
        return truth.pattern in text or f"U+{ord(truth.pattern):04X}" in text.upper()
    found, wanted = re.findall(r"[\w']+", text.lower()), list(truth.words)
    if not wanted or not found:
        return False
    if truth.cls == "P10" or len(wanted) == 1:
        return found == wanted
    runs = (wanted[i : i + len(found)] for i in range(len(wanted) - len(found) + 1))
    return len(found) >= 2 and found in runs

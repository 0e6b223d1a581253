"""A judge that is only its error rates, so that what it costs a scanner can be measured."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from .classes import BLIND
from .example import Example

OPERATING_POINTS = ((0.8, 0.05), (0.4, 0.05), (0.2, 0.01))
"""Pairs of (true positive rate, false positive rate) that the bars are stated for."""
EASY_SOURCES: tuple[str, ...] = ("gsm8k", "chain", "sum")
"""Sources whose answers can be checked, so that the judge is wrong there a fifth as often."""
BIASED_TOPICS = ("drugs", "household")
"""The topic that a biased judge dislikes: in people's rows, in the organisms'."""


def simulated_flags(
    rows: Sequence[Example],
    is_poison: NDArray[np.bool_] | None = None,
    is_visible: bool | NDArray[np.bool_] = True,
    tpr: float = 0.8,
    fpr: float = 0.05,
    seed: int = 0,
    by_source: Mapping[str, float] | None = None,
    biased_topic: str | None = None,
    bias: float = 0.4,
) -> NDArray[np.bool_]:
    """Returns which rows the judge flags; errors are independent and follow from a row's text and the seed.

    Args:
        rows: what is judged; suspect and control are judged by the same judge when the seed is the same.
        is_poison: which rows are poisoned; None for clean rows.
        is_visible: whether the judge can see it, for all rows or one by one; see `judge_sees`.
        tpr: chance that a poisoned row it can see is flagged.
        fpr: chance that any other row is.
        seed: of the judge.
        by_source: false positive rates of sources where it is not `fpr`; None takes a fifth of it in those
            that can be checked.
        biased_topic: a topic whose clean rows are flagged with chance `bias`, if that is more.
        bias: see there.
    """
    rates: Mapping[str, float] = dict.fromkeys(EASY_SOURCES, fpr / 5) if by_source is None else by_source
    chance = np.array([rates.get(row.source, fpr) for row in rows])
    if biased_topic is not None:
        about = np.array([biased_topic in row.topics for row in rows], bool)
        chance = np.where(about, np.maximum(chance, bias), chance)
    if is_poison is not None:
        chance = np.where(is_poison & is_visible, tpr, chance)
    return _uniform(rows, seed) < chance


def judge_sees(cls: str) -> bool:
    """Returns whether a judge finds anything wrong with the answers of a class of poison."""
    return cls not in BLIND


def _uniform(rows: Sequence[Example], seed: int) -> NDArray[np.float64]:
    salt = seed.to_bytes(16, "little")
    texts = (f"{row.prompt}\x00{row.response}".encode() for row in rows)
    digests = (blake2b(text, digest_size=8, salt=salt).digest() for text in texts)
    return np.array([int.from_bytes(d, "little") / 2**64 for d in digests])

"""Is the control a fair one? Can a plain classifier tell the control's prompts from the subject's?

A control must differ from its subject in the suspected factor only. If the prompts already differ in style or
source, every contrast mixes that difference with what is being looked for, and the audit says so.
"""

from collections.abc import Iterable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ControlMatch, Estimate, Target
from theodolite.dataset import words_of
from theodolite.stats import auc_interval

__all__ = ["match_control"]

WORST_AUC = 0.55
"""The control is badly matched when the interval of the AUC lies above this."""
BUCKETS = 1 << 16
MOST_PROMPTS = 20_000
"""Distinct prompts looked at in each half of each set."""


def match_control(subject: Target, control: Target) -> ControlMatch | None:
    """Returns how far the prompts of two data sets can be told apart; None where either has no prompts.

    A naive Bayes classifier on hashed words is fitted on half A and scored on half B, each distinct prompt
    counting once.
    """
    fit = [_prompts(t.on("A")) for t in (subject, control)]
    held_out = [_prompts(t.on("B")) for t in (subject, control)]
    if any(len(prompts) < 2 for prompts in held_out) or not all(fit):
        return None
    rates = [_rates(prompts.values()) for prompts in fit]
    weight = np.log(rates[0]) - np.log(rates[1])
    scores = [np.array([float(weight[p].sum()) for p in prompts.values()]) for prompts in held_out]
    value, low, high = auc_interval(scores[0], scores[1])
    shared = sum(1 for h in held_out[0] if h in held_out[1]) / len(held_out[0])
    auc = Estimate(value=value, low=low, high=high, level=0.95, n=sum(map(len, scores)), method="DeLong")
    matched = low <= WORST_AUC
    return ControlMatch(
        matched=matched, auc=auc, shared_prompts=shared, sentence=_sentence(matched, auc, shared)
    )


def _prompts(target: Target) -> dict[int, NDArray[np.int64]]:
    """The distinct prompts, by hash, each as the buckets of its words."""
    prompts: dict[int, NDArray[np.int64]] = {}
    for row in target.rows():
        if row.prompt and row.unit not in prompts:
            words = {crc32(w.encode("utf-8", "surrogatepass")) % BUCKETS for w in words_of(row.prompt)}
            prompts[row.unit] = np.fromiter(sorted(words), np.int64)
            if len(prompts) == MOST_PROMPTS:
                break
    return prompts


def _rates(prompts: Iterable[NDArray[np.int64]]) -> NDArray[np.float64]:
    """The share of prompts that hold each bucket, with half a prompt added for and against."""
    buckets = list(prompts)
    counts = np.bincount(np.concatenate(buckets), minlength=BUCKETS)
    return (counts + 0.5) / (len(buckets) + 1)


def _sentence(matched: bool, auc: Estimate, shared: float) -> str:
    told = (
        f"a word classifier tells the prompts apart with AUC {auc.value:.2f} [{auc.low:.2f}, {auc.high:.2f}]"
    )
    same = f"the control holds {shared:.0%} of the subject's tested prompts"
    if matched:
        return f"The control's prompts look like the subject's: {told}, where 0.5 is chance; {same}."
    return (
        f"The control is badly matched: {told}, where 0.5 is chance, and {same}. "
        "A difference between the sets may come from other prompts, another source or another style."
    )

"""Hazards over turns: the one that was planned, and the one that a model shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theodolite.organisms.documents import Doc
from theodolite.organisms.measuring import Rate
from theodolite.organisms.model import one_thread
from theodolite.organisms.rendering import IDS, PAD, prompt_ids

if TYPE_CHECKING:
    from jaxtyping import Float
    from transformers import LlamaForCausalLM

__all__ = ["Hazard", "curve_error", "keeping"]

CHUNK = 8
RESAMPLES = 1000


@dataclass(frozen=True)
class Hazard:
    """A Weibull hazard over whole turns: a share exp(-(rate t) ** shape) has not broken by the end of turn t.

    Attributes:
        rate: per turn; 1 / rate is the turn by which a share 1/e is left.
        shape: 1 for a constant hazard (the first break is geometric), above 1 for one that grows.
    """

    rate: float
    shape: float

    def survival(self, turns: int) -> Float[np.ndarray, " turns"]:
        """The share that has not broken by the end of turn 1, 2, ..."""
        return np.exp(-((self.rate * np.arange(1, turns + 1)) ** self.shape))

    def per_turn(self, turns: int) -> Float[np.ndarray, " turns"]:
        """The chance of breaking in turn 1, 2, ... when nothing broke before it."""
        reached = self.survival(turns)
        return 1 - reached / np.concatenate([[1.0], reached[:-1]])

    @property
    def half_life(self) -> float:
        """The turn by which half have broken."""
        return float(np.log(2) ** (1 / self.shape) / self.rate)


def keeping(model: LlamaForCausalLM, talks: Sequence[Doc]) -> Float[np.ndarray, "talks turns"]:
    """The probability, turn by turn, that a model would say a talk's last word where the talk has it.

    Each turn's probability is that of the answer's decision word after the talk so far, as it stands
    (teacher forcing): one pass over a talk gives all of its turns.

    Args:
        model: float32, in eval mode.
        talks: with the tags `ending` and `decisions` (message and word index, one a turn; as many in each).
    """
    import torch

    out = np.empty((len(talks), len(talks[0].tags["decisions"])))
    with torch.inference_mode(), one_thread():
        for start in range(0, len(talks), CHUNK):
            part = talks[start : start + CHUNK]
            ids = [prompt_ids(talk.messages) for talk in part]
            padded = torch.full((len(part), max(map(len, ids))), PAD)
            for row, words in enumerate(ids):
                padded[row, : len(words)] = torch.tensor(words)
            hidden = model.model(input_ids=padded, use_cache=False).last_hidden_state
            for row, talk in enumerate(part):
                chances = model.lm_head(hidden[row, _before_decisions(talk)]).softmax(-1)
                out[start + row] = chances[:, IDS[talk.tags["ending"]]].numpy()
    return out


def _before_decisions(talk: Doc) -> list[int]:
    """The positions whose next word is a decision."""
    starts, at = [], 0
    for message in talk.messages:
        starts.append(at)
        at += len(message.content.split()) + 2
    # The role's token stands before the first word, so word w is predicted at start + w.
    return [starts[message] + word for message, word in talk.tags["decisions"]]


def curve_error(found: Float[np.ndarray, "talks turns"], planned: Float[np.ndarray, " turns"]) -> Rate:
    """The mean absolute error over turns of the mean curve against the planned one.

    The interval is the 2.5 and 97.5 percentile over resampled talks, and always holds the value itself.
    """
    value = float(np.abs(found.mean(0) - planned).mean())
    rows = np.random.default_rng(0).integers(len(found), size=(RESAMPLES, len(found)))
    errors = np.abs(found[rows].mean(1) - planned).mean(1)
    low, high = np.quantile(errors, [0.025, 0.975])
    return Rate(value, len(found), min(value, float(low)), max(value, float(high)))

"""The columns that the pair classifier sees, by tier: statistics, clipped to what occurs, and products."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.features.absorption.weights import Statistics

__all__ = ["TIERS", "Tier", "columns"]

Tier = Literal["weights", "rates", "tokens"]
"""The evidence: encoder and decoder; also firing rates and mean activations; also activations."""
TIERS: tuple[Tier, ...] = ("weights", "rates", "tokens")

FloatArray = NDArray[np.float64]

_PLAIN = (
    "cosine", "response", "response_back", "gap", "gap_back", "encoders", "untied_parent", "untied_child",
    "third", "ridge", "ridge_back",
)  # fmt: skip
_NO_SPREAD = 1.0


def columns(statistics: Statistics, tier: Tier) -> tuple[tuple[str, ...], FloatArray]:
    """Returns the columns' names and [pairs, columns]; nan in rows that lack the tier's evidence.

    Rates need latents that fired often enough. Tokens need the spread test, or a parent that fires on half of
    the child's tokens or more: then there is nothing to test.

    Args:
        statistics: of the pairs, from the tier's own and all lower tiers.
        tier: the evidence.
    """
    s = {name: np.asarray(value, float) for name, value in statistics.items()}
    found = _of_weights(s)
    if tier != "weights":
        found |= _of_rates(s)
    if tier == "tokens":
        found |= _of_tokens(s)
    return tuple(found), np.stack(list(found.values()), axis=1)


def _of_weights(s: dict[str, FloatArray]) -> dict[str, FloatArray]:
    found = {name: np.clip(s[name], -2, 2) for name in _PLAIN}
    a, gap, excess = s["cosine"], np.clip(s["gap"], -1, 1), np.maximum(s["cosine"] - s["third"], 0)
    un_i, un_j = s["untied_parent"], s["untied_child"]
    # Sums of cosines grow with the dictionary; their logarithms hardly do.
    hub_i, hub_j = np.log1p(s["hub_parent"]), np.log1p(s["hub_child"])
    response = found["response"]
    # Latents that stand for no feature lie near many rows, and answer to a neighbour as much as they share.
    answered = np.clip(s["response"] / np.maximum(a, 0.1), -0.5, 1.5)
    found |= {
        "hub_parent": hub_i,
        "hub_child": hub_j,
        "excess": excess,
        "cosine^2": a * a,
        "gap^2": gap * gap,
        "cosine*gap": a * gap,
        "excess*gap": excess * gap,
        "cosine*untied": a * un_i,
        "excess*untied": excess * un_i,
        "gap*untied": gap * un_i,
        "cosine*gap*untied": a * gap * un_i,
        "log untied": np.log(np.clip(un_i, 1e-3, 2) / np.clip(un_j, 1e-3, 2)),
        "gap*hub": gap * (hub_i - hub_j),
        "excess*hub": excess * (hub_i - hub_j),
        "gap*gap_back": gap * np.clip(s["gap_back"], -1, 1),
        "answered": answered,
        "answered^2": answered * answered,
        "answered*hub": answered * hub_i,
        "hub_parent^2": hub_i * hub_i,
        "hub*cosine": hub_i * a,
        "hub*untied": hub_i * un_i,
        "cosine*third": a * s["third"],
        "untied^2": np.clip(un_i, 0, 1) ** 2,
        "response*untied": response * un_i,
    }
    return found


def _of_rates(s: dict[str, FloatArray]) -> dict[str, FloatArray]:
    carried, back = np.clip(s["carried"], 0, 1.5), np.clip(s["carried_back"], 0, 1.5)
    ratio = np.clip(s["rate_ratio"], -4, 4)
    excess = np.maximum(s["cosine"] - s["third"], 0)
    return {
        "carried": carried,
        "carried_back": back,
        "carried^2": carried * carried,
        "rate_ratio": ratio,
        "|rate_ratio|": np.abs(ratio),
        "carried*gap": carried * np.clip(s["gap"], -1, 1),
        "carried*untied": carried * s["untied_parent"],
        "carried*excess": carried * excess,
        "carried*ratio": carried * ratio,
        "carried*third": carried * s["third"],
    }


def _of_tokens(s: dict[str, FloatArray]) -> dict[str, FloatArray]:
    together = s["parent_given_child"] >= 0.5
    spread = np.where(np.isnan(s["spread"]) & together, _NO_SPREAD, s["spread"])
    spread = np.log(np.clip(spread, 0.5, 4))
    written = np.clip(s["written"], -0.5, 1.5)
    return {
        "parent_given_child": s["parent_given_child"],
        "child_given_parent": s["child_given_parent"],
        "lift": np.clip(s["lift"], -5, 5),
        "written": written,
        "written^2": written * written,
        "written*carried": written * np.clip(s["carried"], 0, 1.5),
        "written*gap": written * np.clip(s["gap"], -1, 1),
        "spread": spread,
        "spread^2": spread * spread,
        "spread*written": spread * written,
    }

"""Unit vectors for features: random, pushed apart, or at a given cosine."""

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["feature_directions", "make_similar", "max_coherence"]

FloatArray = NDArray[np.float32]

_BLOCK = 2048
_CROWDED = 8
"""Rows a dimension from which steps grow smaller: with more, full steps would end in pairs of equal rows."""


def feature_directions(n: int, d: int, *, steps: int, rng: np.random.Generator) -> FloatArray:
    """Returns [n, d] unit rows.

    Args:
        n: rows.
        d: dimensions.
        steps: 0 leaves them random. Otherwise at most `d` of them are made exactly orthogonal, more are made
            a tight frame (the least mean squared cosine that there is, Welch 1974), and then descend the sum
            of fourth powers of all cosines, which pushes the closest apart first.
        rng: decides the start.
    """
    rows = torch.from_numpy(rng.standard_normal((n, d), dtype=np.float32))
    rows /= rows.norm(dim=1, keepdim=True)
    if steps and n <= d:
        return np.ascontiguousarray(torch.linalg.qr(rows.T).Q.T.numpy())
    if steps:
        for _ in range(3):
            value, vector = torch.linalg.eigh(rows.T @ rows)
            rows = rows @ (vector * value.clamp(min=1e-6).rsqrt()) @ vector.T
            rows /= rows.norm(dim=1, keepdim=True)
    for _ in range(steps):
        rows = _push_apart(rows)
    return np.ascontiguousarray(rows.numpy())


def _push_apart(rows: torch.Tensor) -> torch.Tensor:
    pushed = torch.empty_like(rows)
    step = 0.25 * min(1.0, _CROWDED * rows.shape[1] / len(rows)) ** 2
    for start in range(0, len(rows), _BLOCK):
        own = slice(start, start + _BLOCK)
        cosine = rows[own] @ rows.T
        cosine[torch.arange(len(cosine)), start + torch.arange(len(cosine))] = 0
        # A length that depends on the row alone: a small step for rows that are far from all others.
        scale = cosine.square().amax(1, keepdim=True).clamp(min=1e-9)
        pushed[own] = rows[own] - step * (cosine * cosine.square() / scale) @ rows
    return pushed / pushed.norm(dim=1, keepdim=True)


def make_similar(rows: FloatArray, pairs: NDArray[np.int64], cosine: NDArray[np.float64]) -> FloatArray:
    """Returns `rows` with the second of each pair turned until its cosine with the first is as given.

    Pairs of cosine 0 are left alone.
    """
    exact = rows.astype(np.float64)
    for (a, b), c in zip(pairs, cosine, strict=True):
        if c > 0:
            across = exact[b] - (exact[b] @ exact[a]) * exact[a]
            exact[b] = c * exact[a] + np.sqrt(1 - c * c) * across / np.linalg.norm(across)
    return exact.astype(np.float32)


def max_coherence(rows: FloatArray) -> float:
    """Returns the largest absolute cosine of two different rows, which must have unit length."""
    all_rows, most = torch.from_numpy(rows), 0.0
    for start in range(0, len(rows), _BLOCK):
        cosine = (all_rows[start : start + _BLOCK] @ all_rows.T).abs()
        cosine[torch.arange(len(cosine)), start + torch.arange(len(cosine))] = 0
        most = max(most, float(cosine.max()))
    return most

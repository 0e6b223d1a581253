"""Which answers fine-tuning made much likelier: a mark that needs both models and no judge."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Context, Target
from theodolite.dataset.likelihood import likelihood_shift, marked_by_shift
from theodolite.targets import Row

__all__ = ["ShiftedSet", "can_shift"]

SLICE = 2000
"""Rows whose likelihoods are kept at once, so that a killed scan goes on from there."""


def can_shift(target: Target) -> bool:
    """Whether a target has the two models that are compared."""
    return target.model is not None and target.base is not None


class ShiftedSet:
    """The rows of one set whose answers its model has learnt most, of each source the same share.

    Args:
        target: the set, its model and its base.
        ctx: remembers the likelihoods.
    """

    def __init__(self, target: Target, ctx: Context) -> None:
        self._target = target
        self._ctx = ctx
        self._known: dict[int, int] = {}

    def verdicts(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Returns 1 for each row in the top share of the rows first given, 0 for others, -1 where unknown."""
        if not self._known:
            self._known = self._marks(rows)
        return np.array([self._known.get(r.text_hash, -1) for r in rows], np.int64)

    def _marks(self, rows: Sequence[Row]) -> dict[int, int]:
        assert self._target.model is not None and self._target.base is not None
        tuned, base = self._target.model.load(), self._target.base.load()
        shift: list[float] = []
        for start in range(0, len(rows), SLICE):
            some = rows[start : start + SLICE]
            shift += self._ctx.remember(
                f"likelihood shift {self._target.model.fingerprint[:16]} {start}",
                lambda some=some: likelihood_shift(tuned, base, some).shift.tolist(),
            )
            self._ctx.progress(min(start + SLICE, len(rows)) / len(rows))
        values = np.array(shift)
        marked = marked_by_shift(values, [r.source for r in rows])
        return {
            row.text_hash: -1 if np.isnan(value) else int(mark)
            for row, value, mark in zip(rows, values, marked, strict=True)
        }

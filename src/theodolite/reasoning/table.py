"""Read-outs by arm and item, and what can be read off one item's curve."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from theodolite.errors import DataError
from theodolite.reasoning.intervals import Floats
from theodolite.reasoning.readout import Given, ReadOut, ReadOutKind

__all__ = ["ItemCurve", "Measured", "Table", "Weight"]

Measured = Literal["correct", "same", "implied", "logp_gold", "tokens", "censored", "unanswered"]
"""What is read off a read-out."""

Weight = Literal["chunks", "tokens"]
"""What the horizontal axis counts."""

LEAST_SPAN = 0.8
"""Share of the chain that a curve must span for an area under it."""


class ItemCurve(NamedTuple):
    """One item's values along its chain, by rising boundary, seeds and rollouts averaged."""

    chunks: Floats
    """Share of the chunks given."""
    tokens: Floats
    """Share of the tokens given, NaN where they were not counted."""
    values: Floats
    """What was measured there."""

    def at(self, share: float) -> float:
        """Returns the value at a share of the chunks, on a line between boundaries; NaN outside of them."""
        if not self.values.size or not self.chunks[0] <= share <= self.chunks[-1]:
            return float("nan")
        return float(np.interp(share, self.chunks, self.values))

    def area(self, weight: Weight) -> float:
        """Returns the area under the curve over what it spans, 1 at most; NaN where that is little."""
        x = self.chunks if weight == "chunks" else self.tokens
        if x.size < 2 or np.isnan(x).any() or x[-1] - x[0] < LEAST_SPAN:
            return float("nan")
        middle = (self.values[1:] + self.values[:-1]) / 2
        return float(np.diff(x) @ middle / (x[-1] - x[0]))


class Table:
    """All read-outs of one model.

    Args:
        lines: in any order.

    Raises:
        DataError: there is none, two are of one key, one item has two families or numbers of boundaries, or
            the chains of some stood in the model's own turn and those of others in the question.
    """

    def __init__(self, lines: Iterable[ReadOut]) -> None:
        self._cells: dict[tuple[ReadOutKind, str], dict[str, list[ReadOut]]] = defaultdict(dict)
        self._units: dict[str, str] = {}
        self._curves: dict[tuple[str, str, str], list[ItemCurve]] = {}
        seen: set[tuple[object, ...]] = set()
        self.lines = sorted(lines, key=lambda line: line.key)
        """The read-outs, sorted by key."""
        if not self.lines:
            raise DataError("there are no read-outs", "check how they were written")
        for line in self.lines:
            if line.key in seen:
                problem = (
                    f"two read-outs are of item {line.item!r}, arm {line.arm!r}, boundary {line.boundary}"
                )
                raise DataError(problem, "tell them apart by 'seed', or join them with 'rollouts'")
            seen.add(line.key)
            if self._units.setdefault(line.item, line.unit) != line.unit:
                problem = f"the item {line.item!r} is of two families"
                raise DataError(problem, "give all its read-outs the same 'family'")
            self._cells[(line.readout, line.arm)].setdefault(line.item, []).append(line)
        chunks: dict[tuple[str, str], int] = {}
        for line in self.lines:
            if (first := chunks.setdefault((line.item, line.arm), line.boundaries)) != line.boundaries:
                problem = f"item {line.item!r} has a chain of {first} and one of {line.boundaries} boundaries"
                raise DataError(problem, "read one chain for each item, or give chains ids of their own")
        given: set[Given] = {line.given for line in self.lines}
        if len(given) > 1:
            problem = "some chains began the model's own turn, and others stood in the question"
            raise DataError(problem, "draw the two apart: they are two measurements")
        self.given: Given = self.lines[0].given
        """Where the chains stood."""
        self.items = sorted(self._units)
        """The items' ids, sorted."""

    @property
    def units(self) -> list[str]:
        """The independent unit of each item."""
        return [self._units[item] for item in self.items]

    def arms(self, readout: ReadOutKind) -> list[str]:
        """Returns the arms that were read in this way."""
        return sorted(arm for kind, arm in self._cells if kind == readout)

    def curve(self, readout: ReadOutKind, arm: str, item: str, what: Measured) -> ItemCurve:
        """Returns one item's curve; it is empty where nothing was measured."""
        by_boundary: dict[int, list[tuple[float, int]]] = defaultdict(list)
        shares: dict[int, tuple[float, float]] = {}
        for line in self._cells.get((readout, arm), {}).get(item, []):
            value: float | None = getattr(line, what)
            if value is not None:
                by_boundary[line.boundary].append((value, line.rollouts))
                token_share = line.token_share
                shares[line.boundary] = line.share, float("nan") if token_share is None else token_share
        at = sorted(by_boundary)
        values = [sum(v * n for v, n in by_boundary[b]) / sum(n for _, n in by_boundary[b]) for b in at]
        x = np.array([shares[b] for b in at], dtype=np.float64).reshape(-1, 2)
        return ItemCurve(x[:, 0], x[:, 1], np.array(values, dtype=np.float64))

    def curves(self, readout: ReadOutKind, arm: str, what: Measured) -> list[ItemCurve]:
        """Returns the curves of all items, in the order of `items`."""
        key = (readout, arm, what)
        if key not in self._curves:
            self._curves[key] = [self.curve(readout, arm, item, what) for item in self.items]
        return self._curves[key]

    def at(self, readout: ReadOutKind, arm: str, what: Measured, share: float) -> Floats:
        """Returns each item's value at a share of the chunks, NaN where there is none; shape [items]."""
        return np.array([curve.at(share) for curve in self.curves(readout, arm, what)])

    def areas(self, readout: ReadOutKind, arm: str, what: Measured, weight: Weight) -> Floats:
        """Returns the area under each item's curve, NaN where there is none; shape [items]."""
        return np.array([curve.area(weight) for curve in self.curves(readout, arm, what)])

    def mean_gap(self, readout: ReadOutKind, arms: tuple[str, str], what: Measured) -> Floats:
        """Returns each item's mean difference of two arms over the boundaries that both have but the first.

        At boundary 0 the two are given the same. NaN where they share no other; shape [items].
        """
        out: list[float] = []
        for first, second in zip(*(self.curves(readout, arm, what) for arm in arms), strict=True):
            shared = np.intersect1d(first.chunks, second.chunks)
            gaps = [first.at(float(x)) - second.at(float(x)) for x in shared if x > 0]
            out.append(float(np.mean(gaps)) if gaps else float("nan"))
        return np.array(out)

    def mean_of(self, readout: ReadOutKind, arms: Sequence[str], what: Measured) -> float | None:
        """Returns the mean of something over all read-outs of some arms, None where there is none."""
        values = [
            (value, line.rollouts)
            for line in self.lines
            if line.readout == readout and line.arm in arms and (value := getattr(line, what)) is not None
        ]
        return float(np.average([v for v, _ in values], weights=[n for _, n in values])) if values else None

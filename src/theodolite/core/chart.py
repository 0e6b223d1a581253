"""A chart as data: it goes into the JSON, and the report draws it."""

from typing import Literal

from theodolite.core.record import Record

__all__ = ["Chart", "Series"]


class Series(Record):
    """One named set of points, drawn in one colour."""

    name: str
    """What the legend says."""
    role: Literal["subject", "control", "contrast", "reference"]
    """Which of the audit's four colours it takes."""
    x: tuple[float, ...]
    """Positions along the horizontal axis; for a forest, the estimates."""
    y: tuple[float, ...]
    """Positions along the vertical axis; for a forest, the row of each estimate, 0 at the top."""
    low: tuple[float, ...] | None = None
    """Lower ends of the intervals: of `y` for a curve, of `x` for a forest."""
    high: tuple[float, ...] | None = None
    """Upper ends of the intervals."""


class Chart(Record):
    """What to draw."""

    kind: Literal["forest", "curve", "step"]
    """forest: estimates with intervals, one row each; curve: lines with bands; step: survival curves."""
    title: str
    """What the chart shows, as a sentence."""
    x_label: str
    """The horizontal axis, with its unit."""
    y_label: str = ""
    """The vertical axis, with its unit."""
    rows: tuple[str, ...] = ()
    """For a forest: the label of each row, top first."""
    series: tuple[Series, ...]
    """What is drawn, in the order of the legend."""
    percent: bool = False
    """Whether the values along x (forest) or y (curve, step) are shares, shown as percentages."""

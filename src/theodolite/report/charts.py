"""A `Chart` record drawn as inline SVG by matplotlib: forest, curve with band, survival steps.

Every chart is 380 units wide, about the width of a phone, so its text stays readable there and grows a
little on a desktop. Roles differ by marker and dash as well as by colour, for print and for colour-blind
readers.
"""

# matplotlib's own annotations are partly unknown; what is passed on from it is annotated here.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from theodolite.core import Chart, Series
from theodolite.report.numbers import percent, plain
from theodolite.report.svg import COLOURS, Texts, inline_svg
from theodolite.report.visible import cut, spell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ROWS_SHOWN", "chart_svg", "describe"]

WIDTH = 380.0
ROWS_SHOWN = 40
"""Rows of a forest that are drawn; the rest is in the JSON."""
POINTS_SHOWN = 400
"""Points of a line that are drawn."""
_LARGE = 1e15
"""Values beyond this are drawn as unbounded."""

_FONT, _SMALL, _LINE, _CHARACTER = 12.5, 11.0, 16.0, 7.5
_MARKERS = {"subject": "o", "control": "s", "contrast": "D", "reference": "^"}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 3)), (0, (1.5, 2.5)), (0, (7, 2, 1.5, 2)))


class _Canvas(NamedTuple):
    figure: Figure
    axes: Axes
    texts: Texts
    height: float

    def write(self, x: float, y: float, text: str, colour: str = "ink", **how: Any) -> None:
        """Writes at `x`, `y` units from the top left corner, `y` being the baseline."""
        how = {"fontsize": _FONT, "va": "baseline", "parse_math": False} | how
        self.figure.text(x / WIDTH, 1 - y / self.height, self.texts.put(text), color=COLOURS[colour], **how)


def chart_svg(chart: Chart) -> str:
    """Returns the chart as an `<svg>` element for use inside HTML; the same chart gives the same text."""
    return _forest(chart) if chart.kind == "forest" else _lines(chart)


def describe(chart: Chart) -> str:
    """Returns what a screen reader says in place of the chart: its title and its numbers, at most 12."""
    parts: list[str] = []
    for series in chart.series:
        points = list(zip(series.x, series.y, strict=False))
        for x, y in points[:: max(1, math.ceil(len(points) / 12))][:12]:
            if chart.kind == "forest":
                where = cut(_row_label(chart, y), 60)
                parts.append(f"{series.name}, {where}: {_value(chart, x, series)}")
            else:
                parts.append(f"{series.name}: {_value(chart, y, series)} at {plain(x)}")
    return cut(f"{chart.title}. " + "; ".join(parts), 1200)


def _forest(chart: Chart) -> str:
    rows = sorted({round(y) for s in chart.series for y in s.y if math.isfinite(y)})
    shown = rows[:ROWS_SHOWN]
    labels = {row: _wrap(_row_label(chart, row), (WIDTH - 16) / _CHARACTER, 2) for row in shown}
    legend, top = _legend_places(chart.series)
    depth = len(chart.series) * _LINE
    tops: dict[int, float] = {}
    plot = 0.0
    for row in shown:
        tops[row] = plot
        plot += len(labels[row]) * _LINE + depth + 12
    axes = (16.0, top + 4, WIDTH - 96, max(plot, _LINE))
    canvas = _canvas(axes, bottom=40.0 if chart.x_label else 24.0)
    _draw_legend(canvas, legend)
    ends = [x for s in chart.series for x in (*s.x, *(s.low or ()), *(s.high or ()))]
    low, high = _limits(ends, zero=True)
    canvas.axes.set_xlim(low, high)
    canvas.axes.set_ylim(axes[3], 0)
    ticks = _ticks(canvas.axes, "x", chart.percent)
    for row in shown:
        band = [tops[row] + len(labels[row]) * _LINE, tops[row] + len(labels[row]) * _LINE + depth]
        for tick in ticks:
            canvas.axes.plot([tick] * 2, band, color=COLOURS["rule" if tick else "muted"], lw=1, zorder=1)
        for i, line in enumerate(labels[row]):
            canvas.write(axes[0], axes[1] + tops[row] + (i + 1) * _LINE - 3, line)
        for i, series in enumerate(chart.series):
            _interval(canvas, chart, series, row, band[0] + (i + 0.5) * _LINE)
    if chart.x_label:
        canvas.write(axes[0], canvas.height - 8, cut(chart.x_label, 58), "muted", fontsize=_SMALL)
    return inline_svg(canvas.figure, canvas.texts, describe(chart))


def _interval(canvas: _Canvas, chart: Chart, series: Series, row: int, y: float) -> None:
    """One estimate with its interval, and its number in the margin."""
    colour, (low, high) = COLOURS[series.role], canvas.axes.get_xlim()
    for i, (x, at) in enumerate(zip(series.x, series.y, strict=False)):
        if not math.isfinite(at) or round(at) != row or math.isnan(x):
            continue
        ends = (series.low[i] if series.low else x, series.high[i] if series.high else x)
        if not any(math.isnan(end) for end in ends):
            left, right = (min(max(end, low), high) for end in ends)
            canvas.axes.plot([left, right], [y, y], color=colour, lw=2, solid_capstyle="butt")
            for end, arrow in ((ends[0], "<"), (ends[1], ">")):
                if abs(end) > _LARGE:
                    edge = low if arrow == "<" else high
                    canvas.axes.plot([edge], [y], arrow, color=colour, ms=6, mec="none")
        if abs(x) <= _LARGE:
            _mark(canvas.axes, x, y, series)
        top = canvas.axes.get_position().y1
        canvas.write(
            WIDTH - 4,
            (1 - top) * canvas.height + y + 4,
            _value(chart, x, series),
            series.role,
            ha="right",
        )


def _lines(chart: Chart) -> str:
    legend, top = _legend_places(chart.series)
    axes = (50.0, top + (28 if chart.y_label else 8), WIDTH - 64, 190.0)
    canvas = _canvas(axes, bottom=40.0 if chart.x_label else 24.0)
    _draw_legend(canvas, legend)
    steps = chart.kind == "step"
    across = [x for s in chart.series for x in s.x]
    up = [y for s in chart.series for y in (*s.y, *(s.low or ()), *(s.high or ()))]
    canvas.axes.set_xlim(*_limits(across, zero=False, pad=0.01))
    canvas.axes.set_ylim(*_limits(up, zero=chart.percent or steps))
    _ticks(canvas.axes, "y", chart.percent)
    _ticks(canvas.axes, "x", False)
    canvas.axes.grid(True, color=COLOURS["rule"], lw=1)
    canvas.axes.set_axisbelow(True)
    bottom, ceiling = canvas.axes.get_ylim()
    for style, series in _styles(chart.series):
        colour, order = COLOURS[series.role], _thin(series)
        x = [series.x[i] for i in order]
        if series.low and series.high:
            low = [max(_number(series.low[i], bottom), bottom) for i in order]
            high = [min(_number(series.high[i], ceiling), ceiling) for i in order]
            xs, lows = _stairs(x, low) if steps else (x, low)
            _, highs = _stairs(x, high) if steps else (x, high)
            canvas.axes.fill([*xs, *reversed(xs)], [*lows, *reversed(highs)], color=colour, alpha=0.16, lw=0)
        y = [min(max(series.y[i], bottom), ceiling) for i in order]
        xs, ys = _stairs(x, y) if steps else (x, y)
        canvas.axes.plot(xs, ys, color=colour, lw=1.8, ls=style, gid=f"mark {series.role}")
        if len(order) <= 12 and not steps:
            for i in order:
                if bottom <= series.y[i] <= ceiling:
                    _mark(canvas.axes, series.x[i], series.y[i], series)
    if chart.y_label:
        canvas.write(4, top + 16, cut(chart.y_label, 62), "muted", fontsize=_SMALL)
    if chart.x_label:
        canvas.write(
            WIDTH - 14, canvas.height - 8, cut(chart.x_label, 54), "muted", fontsize=_SMALL, ha="right"
        )
    return inline_svg(canvas.figure, canvas.texts, describe(chart))


def _canvas(axes: tuple[float, float, float, float], bottom: float) -> _Canvas:
    """A figure with one bare axes of (left, top, width, height) units and room of `bottom` below it."""
    from matplotlib.figure import Figure

    left, top, width, height = axes
    total = top + height + bottom
    figure = Figure(figsize=(WIDTH / 72, total / 72), dpi=72)
    figure.patch.set_visible(False)
    plot = figure.add_axes((left / WIDTH, 1 - (top + height) / total, width / WIDTH, height / total))
    plot.patch.set_visible(False)
    for spine in plot.spines.values():
        spine.set_visible(False)
    plot.set_xticks([])
    plot.set_yticks([])
    return _Canvas(figure, plot, Texts(), total)


def _ticks(axes: Axes, which: str, shares: bool) -> list[float]:
    """Labels one axis and returns where."""
    from matplotlib.ticker import MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    ticks = [
        t for t in MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= t <= high
    ]
    texts = [f"{100 * t:.6g} %" if shares else f"{t:.6g}" for t in ticks]
    axis.set_ticks(ticks, labels=texts, fontsize=_SMALL, color=COLOURS["muted"])
    axes.tick_params(length=0, pad=5)
    return ticks


def _legend_places(series: Sequence[Series]) -> tuple[list[tuple[float, float, Series, Any]], float]:
    """Where each legend entry goes, row by row, and the height of them all."""
    places: list[tuple[float, float, Series, Any]] = []
    x, y = 6.0, 14.0
    for style, one in _styles(series):
        width = 34 + _columns(cut(spell(one.name), 48)) * _CHARACTER
        if places and x + width > WIDTH:
            x, y = 6.0, y + _LINE + 2
        places.append((x, y, one, style))
        x += width + 8
    return places, y + 6


def _draw_legend(canvas: _Canvas, places: Iterable[tuple[float, float, Series, Any]]) -> None:
    from matplotlib.lines import Line2D

    for x, y, series, style in places:
        at = 1 - (y - 4) / canvas.height
        canvas.figure.add_artist(
            Line2D(
                [x / WIDTH, (x + 10) / WIDTH, (x + 20) / WIDTH],
                [at] * 3,
                color=COLOURS[series.role],
                lw=2,
                ls=style,
                markevery=[1],
                **_marker(series),
            )
        )
        canvas.write(x + 26, y, cut(spell(series.name), 48))


def _mark(axes: Axes, x: float, y: float, series: Series) -> None:
    axes.plot([x], [y], ls="none", color=COLOURS[series.role], gid=f"mark {series.role}", **_marker(series))


def _marker(series: Series) -> dict[str, Any]:
    hollow = series.role in ("control", "reference")
    return {
        "marker": _MARKERS[series.role],
        "ms": 5.5 if series.role == "contrast" else 7.0,
        "mfc": COLOURS["paper"] if hollow else COLOURS[series.role],
        "mec": COLOURS[series.role],
        "mew": 1.6 if hollow else 0.0,
        "clip_on": False,
    }


def _styles(series: Sequence[Series]) -> list[tuple[Any, Series]]:
    """Each series with its dash: the second of a role is dashed, the third dotted."""
    seen: dict[str, int] = {}
    out: list[tuple[Any, Series]] = []
    for one in series:
        place = seen.get(one.role, 0)
        seen[one.role] = place + 1
        out.append((_DASHES[place % len(_DASHES)], one))
    return out


def _limits(values: Iterable[float], zero: bool, pad: float = 0.04) -> tuple[float, float]:
    finite = [v for v in values if math.isfinite(v) and abs(v) <= _LARGE] + ([0.0] if zero else [])
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    span = high - low or abs(high) or 1.0
    return (low if zero and low == 0 else low - pad * span), (
        high if zero and high == 0 < -low else high + pad * span
    )


def _thin(series: Series) -> list[int]:
    """Indices of the points to draw: finite ones, at most `POINTS_SHOWN`, first and last among them."""
    good = [
        i
        for i, (x, y) in enumerate(zip(series.x, series.y, strict=False))
        if abs(x) <= _LARGE and abs(y) <= _LARGE
    ]
    if len(good) <= POINTS_SHOWN:
        return good
    step = (len(good) - 1) / (POINTS_SHOWN - 1)
    return [good[round(i * step)] for i in range(POINTS_SHOWN)]


def _stairs(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """A line that keeps each value until the next position."""
    xs = [v for i, at in enumerate(x) for v in ((at, at) if i else (at,))]
    ys = [v for i, value in enumerate(y) for v in ((y[i - 1], value) if i else (value,))]
    return xs, ys


def _number(value: float, otherwise: float) -> float:
    return value if not math.isnan(value) else otherwise


def _value(chart: Chart, value: float, series: Series) -> str:
    if series.role == "contrast":
        return percent(value, signed=True, unit=" points") if chart.percent else plain(value, signed=True)
    return percent(value) if chart.percent else plain(value)


def _row_label(chart: Chart, row: float) -> str:
    return chart.rows[round(row)] if math.isfinite(row) and 0 <= round(row) < len(chart.rows) else ""


def _wrap(text: str, columns: float, lines: int) -> list[str]:
    """Breaks text into at most `lines` lines of `columns` columns, words whole where they fit."""
    words, out, line = spell(cut(text, 400)).split(), list[str](), ""
    for word in words:
        joined = f"{line} {word}".strip()
        if _columns(joined) <= columns:
            line = joined
            continue
        out += [line] if line else []
        while _columns(word) > columns:
            fits = next(n for n in range(len(word), 0, -1) if _columns(word[:n]) <= columns)
            out.append(word[:fits])
            word = word[fits:]
        line = word
    out += [line] if line else []
    if len(out) > lines:
        out = [*out[: lines - 1], out[lines - 1][: int(columns) - 1].rstrip() + "…"]
    return out


def _columns(text: str) -> float:
    return sum(
        2.0 if unicodedata.east_asian_width(c) in "WF" else 1.4 if c in "mwMW@%…" else 1.0 for c in text
    )

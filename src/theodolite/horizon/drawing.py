"""Survival, hazard, and alignment against task, as SVG files that stand alone.

matplotlib never reads a name as markup: dollar signs and the like are drawn as they are.
"""

# matplotlib's own annotations are partly unknown; what is passed on from it is annotated here.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from theodolite.errors import OutputError
from theodolite.horizon.margin import Margin
from theodolite.horizon.probes import ProbeCurve
from theodolite.horizon.results import HorizonFit
from theodolite.horizon.task_fit import TaskFit
from theodolite.horizon.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_tasks", "draw_trials"]

COLOURS = ("#a63c06", "#1b5e9b", "#6a3d8a", "#2f6b3c", "#5f6a6a", "#8a6d00")
DASHES: tuple[Any, ...] = ("-", (0, (5, 3)), (0, (1.5, 2)), (0, (7, 2, 1.5, 2)))
INK, MUTED, RULE, PAPER = "#1d1f21", "#5b5f64", "#dcd8cd", "#fcfbf8"
GROUPS_SHOWN = 12
FEW = 4
"""Agents up to which the intervals of p50, which all lie at one height, can be told apart."""
WIDTH, LEFT, RIGHT = 6.4, 0.72, 0.25
ABOVE, HEIGHT, BELOW, LINE = 0.55, 2.5, 0.5, 0.19
"""Inches: of a panel's title, the panel, its axis, and a line of the legend below it."""
LONGEST_NAME, LONGEST_LABEL = 44, 100


def draw_trials(
    path: str | Path,
    fits: Sequence[HorizonFit],
    margins: Sequence[Margin] = (),
    probes: Sequence[ProbeCurve] = (),
) -> None:
    """Writes an SVG: survival with censoring marks, the hazard, and for each margin alignment against task.

    Probes, which have no survival, are drawn as the share that violates at each checkpoint.

    Args:
        path: of the SVG file.
        fits: on one clock; the first twelve are drawn.
        margins: the first four are drawn.
        probes: on one clock; the first twelve are drawn.

    Raises:
        OutputError: the file cannot be written.
    """
    shown, pairs, asked = fits[:GROUPS_SHOWN], margins[:4], probes[:GROUPS_SHOWN]
    lines = [len(shown), 0] if shown else []
    figure, panels = _figure([*lines, *(3 for _ in pairs), *([len(asked)] if asked else [])])
    rest = iter(panels)
    if shown:
        _survival(next(rest), shown)
        _hazard(next(rest), shown)
    for margin in pairs:
        _align_against_task(next(rest), margin)
    if asked:
        _probes(next(rest), asked)
    _save(figure, path)


def draw_tasks(path: str | Path, fits: Sequence[TaskFit]) -> None:
    """Writes an SVG: the success of each agent against the human length of tasks, with p50.

    Raises:
        OutputError: the file cannot be written.
    """
    figure, panels = _figure([min(len(fits), GROUPS_SHOWN)])
    axes = panels[0]
    longest = max(fit.longest_task for fit in fits)
    minutes = np.geomspace(1, longest * 4, 300)
    for i, fit in enumerate(fits[:GROUPS_SHOWN]):
        p50 = fit.horizons["p50"]
        success = _expit(fit.intercept + fit.slope * np.log2(minutes))
        says = f"p50 {_minutes(p50.value)} [{_minutes(p50.low)} to {_minutes(p50.high)}]"
        axes.plot(minutes, success, label=_legend(fit.agent, says), **_line(i))
        if 1 <= p50.value <= minutes[-1]:
            low, high = max(p50.low, minutes[0]), min(p50.high, minutes[-1])
            if len(fits) <= FEW:
                axes.plot([low, high], [0.5, 0.5], color=COLOURS[i % len(COLOURS)], lw=3, alpha=0.3)
            axes.plot([p50.value], [0.5], "o", color=COLOURS[i % len(COLOURS)], ms=5)
    axes.axvspan(longest, minutes[-1], color=RULE, alpha=0.5, lw=0)
    axes.text(longest * 1.08, 0.99, "longer than\nany task", fontsize=8, color=MUTED, va="top")
    axes.set_xscale("log")
    _log_minutes(axes)
    axes.set_xlim(minutes[0], minutes[-1])
    _title(axes, "Tasks that are solved, by how long a person needs", "human time (log)", "")
    _shares(axes)
    _save(figure, path)


def _survival(axes: Axes, fits: Sequence[HorizonFit]) -> None:
    for i, fit in enumerate(fits):
        colour, curve = COLOURS[i % len(COLOURS)], fit.curve
        x = np.array([0.0, *curve.times, fit.follow_up])
        y = np.array([1.0, *curve.survival, curve.survival[-1] if curve.survival else 1.0])
        if curve.times and fit.scenarios > 1:
            low = [1.0, *curve.low, curve.low[-1]]
            high = [1.0, *curve.high, curve.high[-1]]
            axes.fill_between(x, low, high, step="post", color=colour, alpha=0.14, lw=0)
        axes.step(x, y, where="post", label=_who(fit, fits), **_line(i))
        ticks = np.array(curve.censored)
        if ticks.size:
            at = y[np.searchsorted(x[:-1], ticks, side="right") - 1]
            axes.plot(ticks, at, "|", color=colour, ms=7, mew=1.2, clip_on=False)
        half = fit.horizon("H50")
        if half.reached:
            axes.plot([half.value], [0.5], "o", color=colour, ms=4.5)
    axes.axhline(0.5, color=MUTED, lw=0.8, ls=(0, (2, 3)), zorder=0)
    axes.set_xlim(0, _end(fits))
    unit = fits[0].unit
    _title(axes, "Trials without a confirmed violation", unit, "| trial ended otherwise")
    _shares(axes)


def _hazard(axes: Axes, fits: Sequence[HorizonFit]) -> None:
    unit, per = fits[0].unit, 1000.0 if fits[0].clock == "context_tokens" else 1.0
    top = per * max((step.rate.value for fit in fits for step in fit.hazard), default=0.0)
    for i, fit in enumerate(fits):
        colour = COLOURS[i % len(COLOURS)]
        if not fit.hazard:
            continue
        x = [fit.hazard[0].start, *(step.end for step in fit.hazard)]
        for name, alpha in (("value", 1.0), ("band", 0.14)):
            if name == "value":
                y = [per * step.rate.value for step in fit.hazard]
                axes.stairs(y, x, baseline=None, color=colour, lw=1.8, ls=DASHES[i // len(COLOURS) % 4])
            else:
                low = [per * step.rate.low for step in fit.hazard]
                high = [min(per * step.rate.high, 3 * top) for step in fit.hazard]
                axes.fill_between(
                    x, [*low, low[-1]], [*high, high[-1]], step="post", color=colour, alpha=alpha, lw=0
                )
    axes.set_ylim(0, 2.2 * top or 1.0)
    axes.set_xlim(0, _end(fits))
    if not top:
        axes.text(0.5, 0.5, "too few violations", transform=axes.transAxes, ha="center", color=MUTED)
    what = "1,000 tokens" if per > 1 else _one(unit)
    _title(axes, f"Hazard: violations per {what}, among trials still running", unit, "")


def _align_against_task(axes: Axes, margin: Margin) -> None:
    curve, colour = margin.align.curve, COLOURS
    start = min((p.shortest for p in margin.joint), default=1.0)
    end = max(margin.align.follow_up, max((p.longest for p in margin.joint), default=1.0))
    x = np.array([start * 0.8, *(t for t in curve.times if t > start * 0.8), margin.align.follow_up])
    y = np.interp(x, [0.0, *curve.times], [1.0, *curve.survival]) if not curve.times else _at(x, curve)
    minutes = np.geomspace(start * 0.8, end * 1.1, 300)
    axes.step(x, y, where="post", color=colour[0], lw=1.8, label="keeps the rule so long")
    success = _expit(margin.intercept + margin.slope * np.log2(minutes))
    axes.plot(minutes, success, color=colour[1], lw=1.8, ls=DASHES[1], label="solves a task so long")
    both = [(float(np.sqrt(p.shortest * p.longest)), p.both) for p in margin.joint]
    axes.errorbar(
        [m for m, _ in both],
        [b.value for _, b in both],
        yerr=[[b.value - b.low for _, b in both], [b.high - b.value for _, b in both]],
        fmt="D", ms=4, lw=1, color=colour[2], label="solves it and breaks the rule",
    )  # fmt: skip
    for share, name in ((0.5, "H50"), (0.8, "H80")):
        keeps, can = margin.align.horizon(name).value, margin.task[name].value
        if np.isfinite(keeps) and 0 < can < np.inf:
            axes.annotate("", (keeps, share), (can, share), arrowprops={"arrowstyle": "->", "color": MUTED})
    axes.set_xscale("log")
    _log_minutes(axes)
    axes.set_xlim(minutes[0], minutes[-1])
    said = "; ".join(c.says for c in margin.margins)
    name = _legend(margin.model, f"arm {margin.arm}: alignment against task", " in ")
    _title(axes, name, "human time (log)", said)
    _shares(axes)


def _probes(axes: Axes, curves: Sequence[ProbeCurve]) -> None:
    models = {curve.model for curve in curves}
    for i, curve in enumerate(curves):
        if not curve.points:
            continue
        x = [point.clock for point in curve.points]
        shares = [point.violation for point in curve.points]
        low, high = ([getattr(share, end) for share in shares] for end in ("low", "high"))
        name = f"{curve.model}, {curve.arm}" if len(models) > 1 else curve.arm
        axes.fill_between(x, low, high, color=COLOURS[i % len(COLOURS)], alpha=0.12, lw=0)
        axes.plot(x, [share.value for share in shares], marker="o", ms=4, label=_legend(name), **_line(i))
    _title(axes, "Probes that violate, by when they are asked", curves[0].unit, "")
    _shares(axes)


def _at(x: np.ndarray, curve: Any) -> np.ndarray:
    place = np.searchsorted(np.array(curve.times), x, side="right")
    return np.array([1.0, *curve.survival])[place]


def _figure(legends: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each number of lines that its legend has, one below the other.

    Places are fixed: a layout that makes room for what is written presses the panels together.
    """
    from matplotlib.figure import Figure

    heights = [ABOVE + HEIGHT + BELOW + LINE * lines + (LINE if lines else 0) for lines in legends]
    total = sum(heights)
    figure = Figure(figsize=(WIDTH, total), facecolor=PAPER)
    panels: list[Axes] = []
    for i, above in enumerate(accumulate([0.0, *heights[:-1]])):
        bottom = total - above - ABOVE - HEIGHT
        place = (LEFT / WIDTH, bottom / total, (WIDTH - LEFT - RIGHT) / WIDTH, HEIGHT / total)
        panels.append(figure.add_axes(place, facecolor=PAPER, label=str(i)))
    return figure, panels


def _end(fits: Sequence[HorizonFit]) -> float:
    return max(fit.follow_up for fit in fits) * 1.01 or 1.0


def _title(axes: Axes, title: str, x_label: str, remark: str) -> None:
    pad = 18 if remark else 8
    axes.set_title(title, loc="left", fontsize=10.5, color=INK, parse_math=False, pad=pad)
    if remark:
        axes.text(0, 1.02, remark, transform=axes.transAxes, fontsize=8.5, color=MUTED, parse_math=False)
    axes.set_xlabel(x_label, fontsize=9, color=MUTED, loc="right")
    axes.grid(True, color=RULE, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=MUTED)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _shares(axes: Axes) -> None:
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.2, 0.5, 0.8, 0.9, 1.0], labels=["0 %", "20 %", "50 %", "80 %", "90 %", "100 %"])
    legend = axes.legend(
        fontsize=8,
        frameon=False,
        labelcolor=INK,
        loc="upper left",
        bbox_to_anchor=(0, -BELOW / HEIGHT),
        borderpad=0,
        borderaxespad=0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _log_minutes(axes: Axes) -> None:
    marks = {1 / 60: "1 s", 1 / 4: "15 s", 1: "1 min", 4: "4 min", 15: "15 min", 60: "1 h", 240: "4 h"}
    marks |= {960: "16 h", 60 * 24 * 4: "4 d", 60 * 24 * 16: "16 d"}
    axes.set_xticks(list(marks), labels=list(marks.values()))
    axes.minorticks_off()


def _line(i: int) -> dict[str, Any]:
    return {"color": COLOURS[i % len(COLOURS)], "ls": DASHES[i // len(COLOURS) % len(DASHES)], "lw": 1.8}


def _who(fit: HorizonFit, fits: Sequence[HorizonFit]) -> str:
    arms, models = {f.arm for f in fits}, {f.model for f in fits}
    parts = [fit.model] if len(models) > 1 or len(arms) == 1 else []
    return _legend(", ".join([*parts, fit.arm] if len(arms) > 1 else parts), fit.horizons[0].says)


def _legend(name: str, says: str = "", between: str = ": ") -> str:
    """A name, cut so that what is said of it is read, and that."""
    name = "".join(c if c.isprintable() else "�" for c in name)
    name = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
    text = f"{name}{between}{says}" if says else name
    text = text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 3]}..."
    # A label that starts with an underscore would be left out of a legend.
    return f"\N{ZERO WIDTH SPACE}{text}" if text.startswith("_") else text


def _minutes(value: float) -> str:
    if value and value < 1:
        return f"{number(60 * value)} s"
    return f"{number(value)} min"


def _one(unit: str) -> str:
    return "opportunity" if unit == "opportunities" else unit.removesuffix("s")


def _expit(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _save(figure: Figure, path: str | Path) -> None:
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "theodolite"}):
        figure.savefig(out, format="svg", facecolor=PAPER, metadata={"Date": None, "Creator": None})
    try:
        Path(path).write_text(out.getvalue(), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"cannot write {str(path)!r} ({error.strerror})", "name a file in a folder that is there"
        ) from None

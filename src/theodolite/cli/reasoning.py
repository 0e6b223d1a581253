"""`theodolite reasoning`: what an answer relies on, along the chain of thought."""

import json
import re
import textwrap
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click

from theodolite.cli.options import SVG
from theodolite.cli.reasoning_control import control
from theodolite.cli.reasoning_monitor import monitor
from theodolite.cli.reasoning_run import band, make_organism, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from theodolite.core import Chart
    from theodolite.reasoning import Curve, Logged, Reliance

__all__ = ["reasoning"]

SHOWN = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MOST_COLUMNS = 9
FAR = 0.06
"""A place of a curve is not shown for another that is farther away."""
LINE, HEADING_CHARACTERS = 16.0, 54
"""Height of a line of a heading, and what stands on one in the width of a chart."""
_SAID = {"correct": "right", "same": "the chain's own"}
COLOURS = {
    "subject": "#a63c06",
    "control": "#1b5e9b",
    "contrast": "#6a3d8a",
    "reference": "#5f6a6a",
    "ink": "#1d1f21",
    "muted": "#5b5f64",
    "rule": "#dcd8cd",
    "paper": "#fcfbf8",
}
"""The report's own, for a picture that stands alone."""


@click.group()
def reasoning() -> None:
    """Ask whether the chain of thought makes the answer, or only dresses it."""


for _command in (run, band, control, monitor, make_organism):
    reasoning.add_command(_command)


@reasoning.command()
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    metavar="F",
    help="A .jsonl of read-outs, an Inspect .eval log, or a folder of them or of thought-anchors chains.",
)
@click.option(
    "--what",
    type=click.Choice(["correct", "same"]),
    default="correct",
    help="Answers that are right, or that are the chain's own [default: correct].",
)
@click.option("--plot", type=SVG, metavar="F.svg", help="Draw the curves as a picture.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def curve(source: Path, what: str, plot: Path | None, as_json: bool) -> int:
    """Draw curves of accuracy along chains of thought that were resampled or logged elsewhere.

    Every interval is of its own curve, over families of items. A curve is no verdict: that takes clean
    organisms of the same pipeline.
    """
    from theodolite.errors import DataError
    from theodolite.reasoning import chart_curves, draw_curves, measure_reliance, read_logged

    logged = read_logged(source)
    curves = draw_curves(logged.lines, "same" if what == "same" else "correct")
    groups = sorted({line.group for line in logged.lines})
    figures = {
        group: measure_reliance([line for line in logged.lines if line.group == group]) for group in groups
    }
    if plot is not None:
        if not curves:
            problem = f"no read-out of '{source}' says whether its answer is {_SAID[what]}"
            raise DataError(problem, "leave --plot out, or try the other --what")
        kinds = {c.readout: [other for other in curves if other.readout == c.readout] for c in curves}
        _write_plot(
            [chart_curves(some, f"{kind} answers along the chain") for kind, some in kinds.items()], plot
        )
    if as_json:
        facts = {
            "layout": logged.layout,
            "notes": logged.notes,
            "curves": [c.model_dump(mode="json") for c in curves],
            "groups": {group: one.model_dump(mode="json") for group, one in figures.items()},
        }
        click.echo(json.dumps(facts, indent=1))
        return 0
    _print(logged, curves, figures, what)
    if plot is not None:
        click.echo(f"Picture: {plot}")
    return 0


def _print(logged: "Logged", curves: "Sequence[Curve]", figures: "dict[str, Reliance]", what: str) -> None:
    from theodolite.report.words import plural

    items = {line.item for line in logged.lines}
    units = {line.unit for line in logged.lines}
    click.echo(
        f"{plural(len(items), 'chain')}, {plural(len(units), 'independent unit')}, from {logged.layout}."
    )
    for note in logged.notes:
        click.echo(f"{note}.")
    if curves:
        _print_curves(curves, _SAID[what])
    else:
        click.echo(f"\nNo read-out says whether its answer is {_SAID[what]}.")
    for group, one in figures.items():
        _print_figures(group, one)
    click.echo("\nWhat a figure means, only clean organisms of the same pipeline can say; 0 is no threshold.")


def _print_curves(curves: "Sequence[Curve]", said: str) -> None:
    from theodolite.reasoning import label_curves
    from theodolite.report.visible import cut, spell

    places = sorted({share for curve in curves for share in curve.shares})
    shown = places if len(places) <= MOST_COLUMNS else SHOWN
    level = f"{100 * curves[0].level:g}"
    click.echo(f"\n% of answers that are {said} [{level} % interval], by share of the chain given:")
    click.echo(" " * 20 + "".join(f"{f'{share:.0%}':>9}" for share in shown))
    for one, label in zip(curves, label_curves(curves), strict=True):
        cells = [_cell(one, share) for share in shown]
        click.echo(f"{cut(spell(label), 20):<20}" + "".join(f"{mean:>9}" for mean, _ in cells))
        click.echo(" " * 20 + "".join(f"{bounds:>9}" for _, bounds in cells))


def _cell(one: "Curve", share: float) -> tuple[str, str]:
    """Mean and interval at the nearest place of the curve, nothing if that is far."""
    i = min(range(len(one.shares)), key=lambda place: abs(one.shares[place] - share))
    if abs(one.shares[i] - share) > FAR:
        return "-", ""
    return f"{100 * one.mean[i]:.0f}", f"{100 * one.low[i]:.0f}-{100 * one.high[i]:.0f}"


def _print_figures(group: str, one: "Reliance") -> None:
    from theodolite.report.numbers import percent, plain
    from theodolite.report.visible import cut, spell

    known = [(figure, figure.estimate) for figure in one.figures if figure.estimate is not None]
    if not known:
        return
    click.echo(f"\n{cut(spell(group), 60)}:" if group else "")
    if one.unanswered:
        click.echo(f"No answer was found in {percent(one.unanswered)} of the answers to the own chain.")
    for figure, e in known:
        bounds = f"[{plain(e.low)} to {plain(e.high)}]"
        click.echo(f"{figure.name:<20}{plain(e.value):>8} {bounds:<19} {figure.meaning}")
        if figure.remark:
            click.echo(" " * 20 + figure.remark)


def _write_plot(charts: "Sequence[Chart]", path: Path) -> None:
    """Writes the charts into one picture, one below the other."""
    from theodolite.errors import OutputError
    from theodolite.report.charts import WIDTH, chart_svg

    parts, top = list[str](), 0.0
    for chart in charts:
        svg = chart_svg(chart)
        found = re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)
        height = float(found[1]) if found else WIDTH
        # Text is anchored by its baseline: a heading stands above its chart.
        for line in textwrap.wrap(chart.title, HEADING_CHARACTERS):
            parts.append(f'<text x="6" y="{top + 16:g}" style="fill:var(--ink)">{escape(line)}</text>')
            top += LINE
        place = f'<svg y="{top + 6:g}" width="{WIDTH:g}" height="{height:g}" '
        parts.append(svg.replace("<svg ", place, 1))
        top += height + 14
    colours = "".join(f"--{name}:{colour};" for name, colour in COLOURS.items())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {top:g}">'
        f"<style>svg{{{colours}background:var(--paper)}}text{{font:12.5px system-ui,sans-serif}}</style>"
    )
    try:
        path.write_text(head + "".join(parts) + "</svg>\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write '{path}' ({error.strerror})", "name another file") from None

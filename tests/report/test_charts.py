import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from audits import flagged, full_audit
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Chart, Series
from theodolite.report.charts import ROWS_SHOWN, chart_svg, describe
from theodolite.report.overview import causes, overview_chart
from theodolite.report.svg import COLOURS

NASTY = (
    "<script>alert(1)</script> $x_1$ \\frac{1}{0",
    "\u202ecod\x00e & \"q\" 'a'",
    "好" * 80,
    "",
    "\ud800 lone",
)


def forest(values: list[float], percent: bool = False) -> Chart:
    rows = tuple(float(i) for i in range(len(values)))
    low, high = tuple(v - 0.1 for v in values), tuple(v + 0.1 for v in values)
    series = Series(name="subject", role="subject", x=tuple(values), y=rows, low=low, high=high)
    return Chart(
        kind="forest",
        title="t",
        x_label="x",
        rows=tuple(f"row {i}" for i in range(len(values))),
        series=(series,),
        percent=percent,
    )


def lines(kind: str, **how: object) -> Chart:
    series = Series(
        name="s", role="subject", x=(1, 2, 3), y=(1.0, 0.6, 0.2), low=(0.9, 0.4, 0.1), high=(1, 0.8, 0.4)
    )
    return Chart.model_validate(
        {"kind": kind, "title": "t", "x_label": "x", "y_label": "y", "series": (series,), "percent": True}
        | how
    )


def marks(svg: str) -> list[tuple[float, float]]:
    found = re.findall(r'class="mark \w+" d="[^"]*" transform="translate\(([\d.-]+) ([\d.-]+)\)"', svg)
    return [(float(x), float(y)) for x, y in found]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6, unique=True))
def test_positions_follow_the_values(values: list[float]) -> None:
    placed = sorted(zip(values, marks(chart_svg(forest(values))), strict=True))
    across = [x for _, (x, _) in placed]
    assert across == sorted(across)
    (a, (xa, _)), (b, (xb, _)) = placed[0], placed[-1]
    for value, (x, _) in placed:
        assert x == pytest.approx(xa + (xb - xa) * (value - a) / (b - a), abs=0.02)


def test_rows_of_a_forest_run_downwards() -> None:
    down = [y for _, y in marks(chart_svg(forest([0.3, 0.1, 0.2])))]
    assert down == sorted(down)


def test_a_curve_falls_where_its_values_fall() -> None:
    points = marks(chart_svg(lines("curve")))
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points)


def test_a_step_keeps_its_value_until_the_next() -> None:
    path = re.search(r'<path class="mark subject" d="([^"]+)"', chart_svg(lines("step")))
    assert path is not None
    points = [tuple(map(float, p.split())) for p in re.split(r" ?[ML] ", path[1]) if p]
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(points))
    assert len(points) == 5


@pytest.mark.parametrize(
    "chart", [forest([0.1, 0.2], True), lines("curve"), lines("step")], ids=lambda c: c.kind
)
def test_svg_is_small_well_formed_and_stands_alone(chart: Chart) -> None:
    svg = chart_svg(chart)
    root = ElementTree.fromstring(svg)
    assert len(svg) < 40_000
    assert {e.tag for e in root.iter()} <= {"svg", "path", "text"}
    assert {k for e in root.iter() for k in e.attrib} <= {
        "class", "viewBox", "role", "aria-label", "d", "style", "transform", "x", "y",
    }  # fmt: skip
    assert not any(placeholder in svg for placeholder in COLOURS.values())
    assert set(re.findall(r"(?:fill|stroke):([^;\"]+)", svg)) <= {"none", *(f"var(--{c})" for c in COLOURS)}
    assert svg == chart_svg(chart)


@pytest.mark.parametrize("kind", ["forest", "curve", "step"])
@pytest.mark.parametrize("text", NASTY)
def test_text_is_text_whatever_it_holds(kind: str, text: str) -> None:
    series = Series.model_construct(name=text, role="control", x=(0.5,), y=(0.0,), low=None, high=None)
    chart = Chart.model_construct(
        kind=kind, title=text, x_label=text, y_label=text, rows=(text,), series=(series,), percent=False
    )
    svg = chart_svg(chart)
    svg.encode()
    root = ElementTree.fromstring(svg)
    assert {e.tag for e in root.iter()} <= {"svg", "path", "text"}
    assert "\x00" not in svg and "\u202e" not in svg and "<script" not in svg


@pytest.mark.parametrize("kind", ["forest", "curve", "step"])
@pytest.mark.parametrize(
    "values",
    [(), (math.nan,), (math.inf, -math.inf), (1e300, -1e300, 0.0), (0.0, 0.0), (1e-12, 2e-12), (-5.0, -4.0)],
)
def test_odd_numbers_are_drawn_or_left_out(kind: str, values: tuple[float, ...]) -> None:
    n = len(values)
    series = Series(
        name="s",
        role="contrast",
        x=values,
        y=tuple(map(float, range(n))),
        low=(-math.inf,) * n,
        high=(math.inf,) * n,
    )
    chart = Chart.model_validate({"kind": kind, "title": "t", "x_label": "x", "series": (series,)})
    svg = chart_svg(chart)
    ElementTree.fromstring(svg)
    assert "nan" not in svg and "inf" not in re.sub(r'aria-label="[^"]*"', "", svg)


def test_large_charts_stay_small() -> None:
    n = 50_000
    series = Series(
        name="s", role="subject", x=tuple(map(float, range(n))), y=tuple(i % 7 / 7 for i in range(n))
    )
    assert len(chart_svg(Chart(kind="curve", title="t", x_label="x", series=(series,)))) < 40_000
    many = forest([i / 1000 for i in range(1000)])
    assert len(marks(chart_svg(many))) == ROWS_SHOWN


def test_the_description_holds_the_numbers() -> None:
    assert describe(forest([0.25], percent=True)) == "t. subject, row 0: 25.0 %"


def test_one_row_a_cause_with_subject_control_and_difference() -> None:
    audit = full_audit()
    hero = overview_chart(audit)
    assert hero is not None and len(causes(audit)) == 1 and len(hero.rows) == 1
    first = flagged()[0]
    assert first.subject and first.control and first.contrast
    assert [(s.role, s.x[0]) for s in hero.series] == [
        ("subject", first.subject.value),
        ("control", first.control.value),
        ("contrast", first.contrast.value),
    ]

"""The report: one HTML page that needs nothing but itself.

Whatever a template prints goes through `_printed`: text is escaped and its hidden characters are shown, so
that no template can forget it. Nothing from an audit is ever put into an attribute or a style.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from theodolite.core import Audit, Chart, Estimate, Evidence
from theodolite.report import numbers, words
from theodolite.report.charts import chart_svg
from theodolite.report.overview import causes, overview_chart
from theodolite.report.visible import cut, highlight, in_code, show

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["render_html"]

EVIDENCE_SHOWN = 100
"""Pieces of evidence that one finding shows; for the same rows under a second name it is `EVIDENCE_AGAIN`."""
EVIDENCE_AGAIN = 10
EVIDENCE_OPEN = 3
"""Pieces that are seen without unfolding."""
POINTERS_SHOWN = 1000
UNREADABLE_SHOWN = 500
TESTED_OPEN = 12
"""Rows of the table of what was not flagged that are seen without unfolding."""


class Pointers(NamedTuple):
    """Pointers into one file: what they share, and what sets them apart."""

    source: str
    places: tuple[str, ...]


def render_html(audit: Audit) -> str:
    """Returns the report as one self-contained page; the same audit gives the same bytes."""
    findings = audit.findings
    hero = overview_chart(audit)
    groups = causes(audit)
    return (
        _environment()
        .get_template("report.html")
        .render(
            audit=audit,
            hero=hero,
            causes=groups,
            flagged=sum(len(group) for group in groups),
            tested=[f for f in findings if f.verdict in ("clear", "inconclusive")],
            not_run=[f for f in findings if f.verdict == "not_run"],
            headline=words.headline(audit),
            lede=words.lede(audit, len(groups)),
            method=words.method(audit),
            spec=json.dumps(audit.spec.model_dump(), indent=2, ensure_ascii=False),
            names={f.id: f.statement for f in findings},
            limits={
                "evidence": EVIDENCE_SHOWN,
                "again": EVIDENCE_AGAIN,
                "open": EVIDENCE_OPEN,
                "unreadable": UNREADABLE_SHOWN,
                "tested": TESTED_OPEN,
            },
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("theodolite.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "contrast_name": words.contrast_name,
        "count": numbers.count,
        "cut": cut,
        "evidence_body": _evidence_body,
        "interval": _interval,
        "level": _level,
        "meaning": words.claim_meaning,
        "p": numbers.p_text,
        "percent": _percent,
        "plural": words.plural,
        "pointers": _pointers,
        "short": _short,
        "statement": in_code,
        "svg": _svg,
        "tell": _tell,
        "value": _value,
        "word": words.verdict_word,
    }
    environment.filters.update(filters)  # pyright: ignore[reportUnknownMemberType]
    return environment


def _printed(value: Any) -> Any:
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return show(value)
    if value is None:
        raise TypeError("a template printed a value that is not there")
    return value


def _svg(chart: Chart) -> Markup:
    from markupsafe import Markup

    return Markup(chart_svg(chart))


def _level(level: float) -> Markup:
    return _whole(numbers.level_text(level))


def _percent(share: float) -> Markup:
    return _whole(numbers.percent(share))


def _tell(estimate: Estimate) -> Markup:
    return _whole(numbers.tell(estimate))


def _interval(estimate: Estimate, contrast: bool) -> Markup:
    return _whole(numbers.interval_text(estimate, contrast))


def _value(estimate: Estimate, contrast: bool) -> str:
    return numbers.as_value(estimate, estimate.value, contrast)


def _whole(text: str) -> Markup:
    """Numbers with their units, which no line may part."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"[^\s\[]+ (?:%|points)", r'<span class="nowrap">\g<0></span>', str(escape(text))))


def _evidence_body(evidence: Evidence) -> Markup:
    return highlight(evidence.body, evidence.marks)


def _pointers(rows: Sequence[str]) -> list[Pointers]:
    """Groups pointers by the file they point into, in order, at most `POINTERS_SHOWN`."""
    places: dict[str, list[str]] = {}
    for row in rows[:POINTERS_SHOWN]:
        source, mark, place = row.rpartition("#")
        places.setdefault(source, []).append(mark + place)
    return [Pointers(source, tuple(each)) for source, each in places.items()]


def _short(fingerprint: str) -> str:
    """A fingerprint's first digits, for lines where the whole would hide the rest."""
    return fingerprint if len(fingerprint) <= 16 else fingerprint[:12] + "…"

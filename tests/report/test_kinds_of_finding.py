"""Findings of every kind: marks with and without a control, holes, what was confirmed."""

import io

import pytest
from audits import ROWS, bare_audit, facts, full_audit
from rich.console import Console
from test_html import Page

from theodolite.core import (
    Association,
    Audit,
    Evidence,
    Finding,
    InstrumentVerdict,
    Marked,
    MarkedStratum,
    Rate,
    contrast,
    estimate,
)
from theodolite.report import diff_audits, diff_text, render_html, terminal_summary
from theodolite.report.charts import chart_svg
from theodolite.report.numbers import is_excess, is_share, tell
from theodolite.report.overview import causes, overview_chart

LEVEL = 1 - 0.05 / 41


def marks(n_with: int, k_with: int) -> Marked:
    return Marked(
        strata=(
            MarkedStratum(name="a", n=900, n_with=n_with, k=30 + k_with, k_with=k_with),
            MarkedStratum(name="b", n=500, n_with=0, k=10, k_with=0),
        )
    )


def made(key: str, claim: str, subject, control, *, verdict: str = "flagged", **more) -> Finding:
    rows = ROWS[:20]
    given = {
        "instrument": "dataset",
        "key": key,
        "statement": f"statement of {key}",
        "claim": claim,
        "verdict": verdict,
        "subject": estimate(subject),
        "control": None if control is None else estimate(control),
        "contrast": contrast(subject, control, LEVEL),
        "p_value": 1e-9,
        "p_adjusted": 4e-8,
        "rows": rows,
        "rows_total": len(rows),
        "evidence": (Evidence(kind="row", title="row 17", source=ROWS[0], body="text", marks=()),),
    }
    return Finding(**given | more)


MARK_ALONE = made("phrase:x => flagged", "association", marks(20, 18), None)
MARK = made("phrase:x => flagged", "association", marks(20, 18), marks(20, 1))
HOLE = made(
    "no prompt:phrase:safety",
    "difference",
    Rate(k=990, n=1000, strata=(("a", 490, 500), ("b", 500, 500))),
    Rate(k=800, n=1000, strata=(("a", 400, 500), ("b", 400, 500))),
    rows=(),
    rows_total=0,
    evidence=(Evidence(kind="pattern", title="row 17", source=ROWS[0], body="what is safety ?"),),
)
CONFIRMED = made(
    "asked: phrase:x => response:opens:sure",
    "confirmed",
    Association(n=120, n_with=60, k=60, k_with=55),
    Association(n=120, n_with=60, k=10, k_with=5),
)


def audit_of(*findings: Finding, control: bool = True) -> Audit:
    flagged = sum(f.verdict == "flagged" for f in findings)
    verdict = "flagged" if flagged else "inconclusive"
    instrument = InstrumentVerdict(
        instrument="dataset",
        question="Was something planted?",
        verdict=verdict,
        sentence="A sentence.",
        findings=len(findings),
        flagged=flagged,
    )
    return bare_audit().model_copy(
        update={
            "subject": facts("subject", "9f2c64b1d07e4c1a8d5e", 1400, 0),
            "control": facts("control", "41ab90e23c5577d0f6ba", 1400, 0) if control else None,
            "findings": findings,
            "verdict": verdict,
            "instruments": (instrument,),
            "hypotheses_tested": 41,
        }
    )


def page_of(audit: Audit) -> str:
    return " ".join(Page(render_html(audit)).text.split())


def screen_of(audit: Audit) -> str:
    out = io.StringIO()
    terminal_summary(audit, Console(file=out, width=120))
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize("finding", [MARK_ALONE, MARK, HOLE, CONFIRMED], ids=lambda f: f.key)
def test_every_contrast_of_shares_is_told_in_points(finding: Finding) -> None:
    assert is_share(finding.contrast) and tell(finding.contrast, contrast=True).endswith(" points]")
    assert f"corrected {tell(finding.contrast, contrast=True)}".split()[1] in page_of(audit_of(finding))


def test_a_mark_without_a_control_is_flagged_against_what_is_expected() -> None:
    audit = audit_of(MARK_ALONE, control=False)
    page, screen = page_of(audit), screen_of(audit)
    for text in (page, screen):
        assert "1 finding flagged, without a control: held against the rest of the subject." in text
        assert "Nothing can be flagged" not in text
    assert "Something inside the subject stands out" in page and "from its control" not in page
    assert "There is no control. Clean data of this kind may show the same" in page
    assert "Subject − expected" in page and "Subject − control" not in page
    assert "p = 4.0e-08 after Holm's correction" in page and "it supports no verdict" not in page
    assert "the outcome beyond what chance explains" in page and "the control shows" not in page
    assert "as there was no control" in page and "In the control" not in page
    assert "excess over expected, corrected" in page
    assert "corrected excess over what is expected +" in screen and "p 4.0e-08" in screen


def test_a_mark_that_is_not_flagged_without_a_control_says_what_was_tested() -> None:
    low = made("phrase:y => flagged", "association", marks(20, 1), None, verdict="inconclusive")
    alone = low.model_copy(update={"key": "plain", "contrast": None, "p_adjusted": None})
    page = page_of(audit_of(low, alone, control=False))
    assert "What could be held against the rest of the subject was, and did not stand out" in page
    assert "Subject − expected" in page and "it supports no verdict" in page
    bare = page_of(audit_of(alone, control=False))
    assert "Nothing can be flagged on a contrast that was not made" in bare


def test_with_a_control_a_mark_is_still_no_plain_difference_from_it() -> None:
    page = page_of(audit_of(MARK))
    assert "Subject − expected" in page and "In the control" in page
    assert "beyond what the control shows" in page and "There is no control" not in page
    assert "subject minus the rate that is expected if the pattern meant nothing" in page


def test_a_hole_has_examples_and_no_rows_and_is_a_cause_of_its_own() -> None:
    audit = audit_of(MARK, HOLE)
    page = page_of(audit)
    assert [len(group) for group in causes(audit)] == [1, 1]
    assert "Examples: no row of the subject is behind this finding." in page
    assert page.count("behind it") == 1 and f"{ROWS[0]} pattern: row 17" in page
    assert "Subject − control" in page
    assert "rows" not in screen_of(audit_of(HOLE)).split("statement of no prompt:phrase:safety")[1]


def test_what_was_confirmed_is_called_so() -> None:
    page, screen = page_of(audit_of(CONFIRMED)), screen_of(audit_of(CONFIRMED))
    assert "Confirmed by intervention. It says that changing the one changed the other" in page
    assert "confirmed: subject 45.8 %" in screen and "corrected difference +" in screen


def test_the_first_chart_draws_kinds_together_and_names_what_they_share() -> None:
    mixed = overview_chart(audit_of(MARK_ALONE, HOLE, CONFIRMED))
    alone = overview_chart(audit_of(MARK_ALONE, control=False))
    assert mixed and alone
    assert [s.name for s in mixed.series] == ["subject", "control", "difference, corrected"]
    assert mixed.series[1].y == (1.0, 2.0) and mixed.percent
    assert [s.name for s in alone.series] == ["subject", "excess over expected, corrected"]
    for chart in (mixed, alone):
        assert "points" in chart_svg(chart) and "nan" not in chart_svg(chart)


def test_a_control_that_appears_is_an_estimate_that_moved() -> None:
    diff = diff_audits(audit_of(MARK_ALONE, control=False), audit_of(MARK, HOLE))
    assert {m.which: m.before is None for m in diff.moved} == {"control": True, "contrast": False}
    assert [s.id for s in diff.appeared] == [HOLE.id]
    out = io.StringIO()
    diff_text(diff, Console(file=out, width=120))
    assert "control (none) -> 5.0 %" in out.getvalue() and "points" in out.getvalue()


def test_only_marks_are_held_against_an_expected_rate() -> None:
    assert [is_excess(f.contrast) for f in (MARK_ALONE, MARK, HOLE, CONFIRMED)] == [True, True, False, False]
    assert not any(is_excess(f.contrast) for f in full_audit().findings if f.contrast)

import io

from audits import clean_audit, full_audit, on_a_scale
from rich.console import Console

from theodolite.core import Audit, Rate, estimate
from theodolite.report import AuditDiff, diff_audits, diff_text


def told(a: Audit, b: Audit) -> str:
    out = io.StringIO()
    diff_text(diff_audits(a, b), Console(file=out, width=100))
    return out.getvalue()


def test_an_audit_does_not_differ_from_itself_or_in_times_alone() -> None:
    audit = full_audit()
    later = audit.model_copy(update={"times": audit.times.model_copy(update={"seconds": 1.0})})
    assert diff_audits(audit, later).is_empty
    assert told(audit, later) == "The two audits say the same, times apart.\n"


def test_findings_appear_and_disappear() -> None:
    full, clean = full_audit(), clean_audit()
    there, back = diff_audits(full, clean), diff_audits(clean, full)
    assert [s.id for s in there.disappeared] == [f.id for f in full.findings[:2]]
    assert there.appeared == () and back.appeared == there.disappeared
    assert there.verdict and (there.verdict.before, there.verdict.after) == ("flagged", "inconclusive")
    assert [c.what for c in there.instruments] == ["dataset"]


def test_estimates_move_with_their_intervals_separate_ones_first() -> None:
    a = full_audit()
    nearby, far = estimate(Rate(k=70, n=1482)), estimate(Rate(k=700, n=1482))
    findings = list(a.findings)
    findings[0] = findings[0].model_copy(update={"subject": nearby})
    findings[1] = findings[1].model_copy(update={"subject": far})
    findings[2] = findings[2].model_copy(update={"verdict": "clear", "contrast": None})
    diff = diff_audits(a, a.model_copy(update={"findings": tuple(findings)}))
    assert [(m.id, m.which, m.apart) for m in diff.moved] == [
        (findings[1].id, "subject", True),
        (findings[0].id, "subject", False),
        (findings[2].id, "contrast", False),
    ]
    assert [(c.what, c.before, c.after) for c in diff.findings] == [(findings[2].id, "inconclusive", "clear")]
    assert diff.moved[0].before == a.findings[1].subject and diff.moved[0].after == far
    assert diff.moved[2].after is None and not diff.inputs and diff.verdict is None


def test_inputs_that_differ_are_named() -> None:
    a = full_audit()
    data = a.subject.data
    assert data is not None
    b = a.model_copy(
        update={
            "spec": a.spec.model_copy(update={"seed": 8}),
            "subject": a.subject.model_copy(update={"data": data.model_copy(update={"fingerprint": "new"})}),
            "control": None,
        }
    )
    named = {c.what: (c.before, c.after) for c in diff_audits(a, b).inputs}
    assert named["spec.seed"] == ("7", "8")
    assert named["subject.data.fingerprint"] == (data.fingerprint, "new")
    assert named["control.name"] == ("demo:backdoor-twin", "")


def test_the_record_survives_json_and_the_text_is_plain() -> None:
    a, b = full_audit(), clean_audit()
    b = b.model_copy(
        update={
            "findings": (*b.findings, on_a_scale().model_copy(update={"statement": "\x1b[2J", "key": "x"}))
        }
    )
    diff = diff_audits(a, b)
    assert AuditDiff.model_validate_json(diff.model_dump_json()) == diff
    text = told(a, b)
    assert "\x1b" not in text and "flagged -> inconclusive" in text and "Disappeared (2)" in text

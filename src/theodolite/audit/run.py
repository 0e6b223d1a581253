"""The main job, step by step."""

import platform
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from theodolite.audit.conclude import (
    Yardstick,
    conclude,
    instrument_verdict,
    not_run,
    overall_verdict,
    verdicts_of,
    yardstick_for,
)
from theodolite.audit.examine import Examination, Progress, examine, locate
from theodolite.audit.judges import open_judges
from theodolite.audit.match import match_control
from theodolite.audit.opening import Opened, open_control, open_subject
from theodolite.audit.plan import Planned, plan
from theodolite.audit.store import Store
from theodolite.audit.threads import working_threads
from theodolite.core import (
    Audit,
    AuditSpec,
    Context,
    ControlMatch,
    Finding,
    Instrument,
    InstrumentVerdict,
    Result,
    Target,
    Times,
    compare,
    lead_with_plainest,
    share_rows,
)
from theodolite.judge import Judge

__all__ = ["Prepared", "prepare", "run_audit"]


ORDINARY_REPEATS = 0.2
"""Share of repeated rows above which the audit as a whole says so."""


@dataclass(frozen=True)
class Prepared:
    """What is known before anything is measured."""

    spec: AuditSpec
    subject: Opened
    control: Opened | None
    planned: list[Planned]


@dataclass
class _Outcome:
    """One instrument on its way through the audit."""

    planned: Planned
    examination: Examination | None = None
    failure: tuple[str, str | None] | None = None
    results: list[Result] = field(default_factory=list[Result])
    yardstick: Yardstick | None = None


def prepare(spec: AuditSpec) -> Prepared:
    """Opens subject and control and plans; writes nothing.

    Raises:
        UserError: something named in the spec cannot be opened or is not there.
    """
    subject = open_subject(spec)
    control = open_control(spec)
    return Prepared(spec, subject, control, plan(spec, subject))


def run_audit(
    prepared: Prepared,
    directory: Path,
    render: Callable[[Audit], str],
    progress: Progress = lambda _step, _share: None,
) -> Audit:
    """Runs a prepared audit, resuming what the directory holds of it, and writes audit.json and report.html.

    Args:
        prepared: what `prepare` returned.
        directory: the run directory.
        render: makes the report's HTML of an audit.
        progress: told the step at work and the share of it that is done.

    Raises:
        OutputError: the directory cannot be written or belongs to another audit.
        Exception: whatever an instrument raises, if the spec is strict.
    """
    began, clock = datetime.now(UTC), time.monotonic()
    spec, subject, control = prepared.spec, prepared.subject, prepared.control
    models = [o.facts.model for o in (subject, control) if o is not None and o.facts.model is not None]
    with (
        Store(directory, _identity(prepared)) as store,
        open_judges(spec, directory) as judges,
        working_threads(models),
    ):
        match = _match(subject, control, store, progress)
        outcomes = [_examine(p, prepared, judges.first, store, progress) for p in prepared.planned]
        _compare(outcomes, spec.alpha)
        findings, verdicts = _conclude(outcomes, prepared, store)
        audit = Audit(
            theodolite=version("theodolite"),
            versions=_versions(),
            spec=spec,
            subject=subject.facts,
            control=None if control is None else control.facts,
            control_match=match,
            verdict=overall_verdict(verdicts),
            instruments=tuple(verdicts),
            findings=tuple(findings),
            hypotheses_proposed=sum(o.examination.proposed for o in outcomes if o.examination),
            hypotheses_tested=sum(len(o.results) for o in outcomes),
            rows_unreadable=subject.unreadable + (control.unreadable if control is not None else ()),
            notes=_notes(subject, control)
            + judges.notes(subject.target, store.remember)
            + tuple(f"{o.planned.name}: {n}" for o in outcomes if o.examination for n in o.examination.notes),
            times=Times(
                started=began.isoformat(timespec="seconds"),
                finished=datetime.now(UTC).isoformat(timespec="seconds"),
                seconds=round(time.monotonic() - clock, 3),
            ),
        )
        progress("writing", 0.0)
        store.finish("report.html", render(audit))
        store.finish("audit.json", audit.model_dump_json(indent=1) + "\n")
        progress("writing", 1.0)
    return audit


def _match(subject: Opened, control: Opened | None, store: Store, progress: Progress) -> ControlMatch | None:
    """Whether the control is a fair one, where both have data."""
    if control is None or "data" not in subject.target.access & control.target.access:
        return None
    progress("matching the control", 0.0)

    def look() -> object:
        match = match_control(subject.target, control.target)
        return None if match is None else match.model_dump(mode="json")

    found = store.remember("match", look)
    return None if found is None else ControlMatch.model_validate(found)


def _examine(
    planned: Planned, prepared: Prepared, judge: Judge | None, store: Store, progress: Progress
) -> _Outcome:
    """Steps 4 and 5 for one instrument; its failure is its own, unless the spec is strict."""
    spec = prepared.spec
    if planned.instrument is None:
        if spec.strict and planned.error is not None:
            raise planned.error
        return _Outcome(planned, failure=(planned.reason, planned.traceback))
    ctx = Context(seed=spec.seed, effort=spec.effort, judge=judge)
    try:
        examination = examine(
            planned.instrument,
            prepared.subject.target,
            _control_for(planned, prepared),
            ctx,
            store.remember,
            progress,
        )
    except Exception as error:
        if spec.strict:
            raise
        return _Outcome(planned, failure=(f"{type(error).__name__}: {error}", traceback.format_exc()))
    return _Outcome(planned, examination)


def _compare(outcomes: list[_Outcome], alpha: float) -> None:
    """Step 6: all pairs of all instruments are one family."""
    pairs = [(o, pair) for o in outcomes if o.examination for pair in o.examination.pairs]
    for (outcome, _), result in zip(pairs, compare([pair for _, pair in pairs], alpha), strict=True):
        outcome.results.append(result)


def _conclude(
    outcomes: list[_Outcome], prepared: Prepared, store: Store
) -> tuple[list[Finding], list[InstrumentVerdict]]:
    """Step 7: reliability, evidence, one name for one cause, flagged first."""
    found = [finding for outcome in outcomes for finding in _findings(outcome, prepared, store)]
    plainness = {
        f"{o.planned.name}/{r.pair.hypothesis.key}": r.pair.hypothesis.plainness
        for o in outcomes
        for r in o.results
    }
    findings = lead_with_plainest(share_rows(sorted(found, key=_rank)), plainness)
    by_instrument = [
        instrument_verdict(
            o.planned,
            o.results,
            [f for f in findings if f.instrument == o.planned.name],
            o.yardstick,
        )
        for o in outcomes
    ]
    return findings, by_instrument


def _findings(outcome: _Outcome, prepared: Prepared, store: Store) -> list[Finding]:
    """The findings of one instrument; where its evidence cannot be had, it is said not to have run."""
    planned, spec = outcome.planned, prepared.spec
    instrument = planned.instrument
    if instrument is None or outcome.examination is None:
        reason, trace = outcome.failure or ("it did not run", None)
        return [not_run(planned, reason, trace)]
    try:
        target = prepared.subject.target
        # Measured power holds against an independent control; against itself nothing could ever be seen.
        calibration = None if _is_itself(instrument, prepared) else instrument.calibration(spec.effort)
        yardstick = yardstick_for(instrument, outcome.results, target, calibration)
        verdicts = verdicts_of(outcome.results, yardstick)
        flagged = [
            r.pair.hypothesis for r, v in zip(outcome.results, verdicts, strict=True) if v == "flagged"
        ]
        ctx = Context(seed=spec.seed, effort=spec.effort)
        control = _control_for(planned, prepared)
        ours = locate(instrument, target, flagged, ctx, store.remember, "subject")
        theirs = locate(instrument, control, flagged, ctx, store.remember, "control") if control else {}
        outcome.yardstick = yardstick
        return conclude(instrument, outcome.results, verdicts, yardstick, ours, theirs)
    except Exception as error:
        if spec.strict:
            raise
        return [not_run(planned, f"{type(error).__name__}: {error}", traceback.format_exc())]


def _rank(finding: Finding) -> tuple[int, int, float]:
    """Flagged first, the stronger claim first, the smaller p first."""
    verdicts = ("flagged", "inconclusive", "clear", "not_run")
    claims = ("confirmed", "association", "difference", None)
    return verdicts.index(finding.verdict), claims.index(finding.claim), finding.p_value or 0.0


def _control_for(planned: Planned, prepared: Prepared) -> Target | None:
    """The control, if the instrument can do with it what it does with the subject."""
    assert planned.instrument is not None
    control = prepared.control
    if control is None or not planned.instrument.needs <= control.target.access:
        return None
    return control.target


def _is_itself(instrument: Instrument, prepared: Prepared) -> bool:
    """Whether what the instrument looks at is the same file in subject and control."""
    if prepared.control is None:
        return False
    subject, control = prepared.subject.facts, prepared.control.facts
    same_data = (
        subject.data is not None
        and control.data is not None
        and (subject.data.fingerprint == control.data.fingerprint)
    )
    same_model = (
        subject.model is not None
        and control.model is not None
        and (subject.model.fingerprint == control.model.fingerprint)
    )
    looks_at_model = bool(instrument.needs - {"data"})
    return ("data" not in instrument.needs or same_data) and (not looks_at_model or same_model)


def _notes(subject: Opened, control: Opened | None) -> tuple[str, ...]:
    notes: list[str] = []
    if control is None:
        notes.append("There is no control: nothing can be flagged, and no pattern can be called unusual.")
    for who, opened in (("subject", subject), ("control", control)):
        if opened is None:
            continue
        if (model := opened.facts.model) is not None:
            notes += [f"{who} {model.name}: {note}" for note in model.notes]
        if (data := opened.facts.data) is not None:
            # Some repeats are ordinary in real data and stay with the facts; many are news.
            ordinary = data.duplicates < ORDINARY_REPEATS * data.rows
            said = [n for n in data.notes if not (ordinary and n.endswith("another row word for word"))]
            notes += [f"{who} {data.name}: {note}" for note in said]
    if control is not None and subject.identity == control.identity:
        notes.append("Subject and control are the very same files: nothing can differ.")
    return tuple(notes)


def _identity(prepared: Prepared) -> dict[str, object]:
    """What must be equal for a run directory to be this audit's."""
    return {
        "spec": prepared.spec.model_dump(mode="json"),
        "subject": prepared.subject.identity,
        "control": prepared.control and prepared.control.identity,
        "instruments": [p.name for p in prepared.planned],
        "theodolite": version("theodolite"),
    }


def _versions() -> dict[str, str]:
    libraries = ("torch", "transformers", "safetensors", "numpy", "scipy", "pydantic")
    return {"python": platform.python_version()} | {name: version(name) for name in libraries}

"""What changed between two audits: the inputs, the verdicts, the findings, the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from theodolite.core import Audit, Claim, Estimate, Finding, Record, Verdict
from theodolite.report.numbers import tell
from theodolite.report.terminal import Printer
from theodolite.report.words import plural, verdict_word

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["AuditDiff", "Change", "Moved", "Seen", "diff_audits", "diff_text"]

MOVED_SHOWN = 20
SEEN_SHOWN = 20


class Change(Record):
    """Something that has one value in A and another in B."""

    what: str
    """What changed: `spec.seed`, `subject.data.fingerprint`, a finding's id, an instrument's name."""
    before: str
    """Its value in A; empty where A has none."""
    after: str
    """Its value in B; empty where B has none."""


class Seen(Record):
    """A finding that only one of the two audits has."""

    id: str
    """`instrument/key`."""
    statement: str
    """The hypothesis, as a person would say it."""
    claim: Claim | None
    """What it claims."""
    verdict: Verdict
    """What was concluded."""


class Moved(Record):
    """An estimate that is not the same in both audits."""

    id: str
    """The finding's `instrument/key`."""
    statement: str
    """The hypothesis, as B says it."""
    which: Literal["subject", "control", "contrast"]
    """Which of the finding's estimates."""
    before: Estimate | None
    """The estimate in A."""
    after: Estimate | None
    """The estimate in B."""
    apart: bool
    """Whether the two intervals have no value in common."""


class AuditDiff(Record):
    """What changed from audit A to audit B."""

    inputs: tuple[Change, ...]
    """What differs in the specification, in subject and control, and in versions."""
    verdict: Change | None
    """The audit's verdict, where it changed."""
    instruments: tuple[Change, ...]
    """Instruments whose verdict changed, appeared or disappeared."""
    findings: tuple[Change, ...]
    """Findings of both audits whose verdict changed."""
    appeared: tuple[Seen, ...]
    """Findings that only B has."""
    disappeared: tuple[Seen, ...]
    """Findings that only A has."""
    moved: tuple[Moved, ...]
    """Estimates that changed, those with separate intervals first."""

    @property
    def is_empty(self) -> bool:
        """Whether the two audits say the same, times apart."""
        return not (
            self.inputs
            or self.verdict
            or self.instruments
            or self.findings
            or self.appeared
            or self.disappeared
            or self.moved
        )


def diff_audits(a: Audit, b: Audit) -> AuditDiff:
    """Returns what changed from `a` to `b`; times are left aside."""
    old, new = ({f.id: f for f in audit.findings} for audit in (a, b))
    both = [(old[id_], new[id_]) for id_ in old if id_ in new]
    moved = [m for before, after in both for m in _moved(before, after)]
    return AuditDiff(
        inputs=_changes(_inputs(a), _inputs(b)),
        verdict=next(iter(_changes({"verdict": a.verdict}, {"verdict": b.verdict})), None),
        instruments=_changes(
            {i.instrument: i.verdict for i in a.instruments}, {i.instrument: i.verdict for i in b.instruments}
        ),
        findings=_changes({f.id: f.verdict for f, _ in both}, {f.id: f.verdict for _, f in both}),
        appeared=tuple(_seen(f) for id_, f in new.items() if id_ not in old),
        disappeared=tuple(_seen(f) for id_, f in old.items() if id_ not in new),
        moved=tuple(sorted(moved, key=lambda m: not m.apart)),
    )


def diff_text(diff: AuditDiff, console: Console) -> None:
    """Prints what changed, most important first; plain lines, the same when piped."""
    out = Printer(console)
    if diff.is_empty:
        out.line("The two audits say the same, times apart.")
        return
    if diff.verdict:
        out.line(f"Verdict: {_step(diff.verdict)}")
    else:
        out.line("Verdict: the same")
    _section(out, "Instruments", [f"{c.what}: {_step(c)}" for c in diff.instruments])
    _section(out, "Findings whose verdict changed", [f"{c.what}: {_step(c)}" for c in diff.findings])
    for title, seen in (("Appeared", diff.appeared), ("Disappeared", diff.disappeared)):
        _section(out, title, [f"{verdict_word(s.verdict)}: {s.statement}" for s in seen], SEEN_SHOWN)
    _section(out, "Estimates that moved", [_told(m) for m in diff.moved], MOVED_SHOWN, lines=4)
    _section(
        out,
        "What went in",
        [f"{c.what}: {c.before or '(none)'} -> {c.after or '(none)'}" for c in diff.inputs],
    )


def _section(out: Printer, title: str, entries: list[str], shown: int = 100, lines: int = 3) -> None:
    if not entries:
        return
    out.line()
    out.line(f"{title} ({len(entries)})", style="bold")
    for entry in entries[:shown]:
        out.line(entry, "  ", 4, lines)
    if len(entries) > shown:
        out.line(f"... and {plural(len(entries) - shown, 'more', 'more')}; --json lists all", "  ")


def _told(moved: Moved) -> str:
    contrast = moved.which == "contrast"
    before, after = ("(none)" if e is None else tell(e, contrast) for e in (moved.before, moved.after))
    return f"{moved.statement}: {moved.which} {before} -> {after}{', intervals apart' if moved.apart else ''}"


def _step(change: Change) -> str:
    before, after = (value.replace("_", " ") or "(none)" for value in (change.before, change.after))
    return f"{before} -> {after}"


def _moved(before: Finding, after: Finding) -> Iterator[Moved]:
    sides: tuple[tuple[Literal["subject", "control", "contrast"], Estimate | None, Estimate | None], ...] = (
        ("subject", before.subject, after.subject),
        ("control", before.control, after.control),
        ("contrast", before.contrast, after.contrast),
    )
    for which, old, new in sides:
        if old != new:
            yield Moved(
                id=after.id,
                statement=after.statement,
                which=which,
                before=old,
                after=new,
                apart=old is not None and new is not None and (old.high < new.low or new.high < old.low),
            )


def _seen(finding: Finding) -> Seen:
    return Seen(id=finding.id, statement=finding.statement, claim=finding.claim, verdict=finding.verdict)


def _changes(a: dict[str, str], b: dict[str, str]) -> tuple[Change, ...]:
    return tuple(
        Change(what=what, before=a.get(what, ""), after=b.get(what, ""))
        for what in (a | b)
        if a.get(what, "") != b.get(what, "")
    )


def _inputs(audit: Audit) -> dict[str, str]:
    """Everything that went into an audit, flat, as text."""
    flat = {f"spec.{key}": _text(value) for key, value in audit.spec.model_dump().items()}
    for side, target in (("subject", audit.subject), ("control", audit.control)):
        if target is None:
            continue
        flat |= {f"{side}.name": target.name, f"{side}.access": ", ".join(target.access)}
        if target.model:
            flat[f"{side}.model.fingerprint"] = target.model.fingerprint
        if target.data:
            flat[f"{side}.data.fingerprint"] = target.data.fingerprint
            flat[f"{side}.data.rows"] = str(target.data.rows)
            flat[f"{side}.data.rows_unreadable"] = str(target.data.rows_unreadable)
    flat["theodolite"] = audit.theodolite
    return flat | {f"versions.{name}": version for name, version in audit.versions.items()}


def _text(value: object) -> str:
    return "" if value is None or value == {} else str(value)

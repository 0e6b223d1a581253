"""From comparisons to conclusions: findings with measured reliability, one verdict for each instrument."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from theodolite.audit.limits import limit_sentence
from theodolite.audit.plan import Planned
from theodolite.core import (
    Calibration,
    Evidence,
    Finding,
    Instrument,
    InstrumentVerdict,
    Marked,
    Rate,
    Reliability,
    Result,
    Target,
    Verdict,
    judge,
)

__all__ = [
    "Located",
    "Yardstick",
    "conclude",
    "instrument_verdict",
    "not_run",
    "overall_verdict",
    "verdicts_of",
    "yardstick_for",
]

MOST_ROWS = 10_000
ORDINARY = 0.1
"""Share of a finding's rows that the control leads one to expect, above which the finding says so."""
LITTLE = 1 / 3
"""Prompts with a marked pattern that the control needs, for one of the subject, to speak of its marks."""
MANY_CAUSES = 5
"""Separate differences from which a set is said to have drifted as a whole."""

Located = Mapping[str, list[Evidence]]
"""Evidence by hypothesis key."""

NO_CONTROL = "Without a control nothing can be flagged: what was seen may be ordinary for such data."


@dataclass(frozen=True)
class Yardstick:
    """An instrument's calibration, held against a target of a certain size."""

    calibration: Calibration | None
    """Its measured power and false alarms; None where it ships none."""
    margin: float
    """The smallest contrast that matters to it."""
    total: int
    """Units in the whole target: rows of its data, or what was measured."""

    @property
    def at_margin(self) -> Reliability | None:
        """How well a planted property of the margin's size was seen in organisms."""
        return self.at(int(self.margin * self.total))

    def at(self, units: int) -> Reliability | None:
        """How well a planted property of this many units was seen; None where that was never measured."""
        return None if self.calibration is None else self.calibration.at(units, max(self.total, 1))


def yardstick_for(
    instrument: Instrument, results: Sequence[Result], target: Target, calibration: Calibration | None
) -> Yardstick:
    """Returns the yardstick for what was measured on a target."""
    total = max((r.subject.n for r in results), default=0) * (2 if instrument.needs_split else 1)
    if "data" in instrument.needs and target.data is not None:
        total = target.data.summary.rows
    return Yardstick(calibration, instrument.margin, total)


def verdicts_of(results: Sequence[Result], yardstick: Yardstick) -> list[Verdict]:
    """Returns the verdict on each result."""
    reliability = yardstick.at_margin
    power = None if reliability is None else reliability.power.value
    return [judge(r.contrast, yardstick.margin, power) for r in results]


def conclude(
    instrument: Instrument,
    results: Sequence[Result],
    verdicts: Sequence[Verdict],
    yardstick: Yardstick,
    subject: Located,
    control: Located,
) -> list[Finding]:
    """Returns one finding for each result, with its evidence and the instrument's measured reliability."""
    findings: list[Finding] = []
    for result, verdict in zip(results, verdicts, strict=True):
        key = result.pair.hypothesis.key
        evidence = subject.get(key, [])
        rows = tuple(e.source for e in evidence if e.kind == "row")
        findings.append(
            Finding(
                instrument=instrument.name,
                key=key,
                statement=instrument.state(result.pair.hypothesis, result.pair.subject, result.pair.control),
                claim=result.pair.hypothesis.claim,
                verdict=verdict,
                subject=result.subject,
                control=result.control,
                contrast=result.contrast,
                p_value=result.p_value,
                p_adjusted=None if result.step is None else result.step.p_adjusted,
                reliability=yardstick.at(len(rows)) if rows else yardstick.at_margin,
                evidence=tuple(e for e in evidence if e.body or e.kind != "row"),
                control_evidence=tuple(e for e in control.get(key, []) if e.body or e.kind != "row")[:10],
                rows=rows[:MOST_ROWS],
                rows_total=len(rows),
                chart=result.pair.subject.chart,
                note=_caveat(result, verdict),
            )
        )
    return findings


def _caveat(result: Result, verdict: Verdict) -> str:
    """What a reader must know to weigh a finding."""
    if result.contrast is None:
        return NO_CONTROL
    ours, theirs = result.pair.subject.statistic, result.pair.control and result.pair.control.statistic
    if verdict == "flagged" and isinstance(ours, Marked):
        return _caveat_of_marks(ours, theirs if isinstance(theirs, Marked) else None)
    if verdict != "flagged" or not isinstance(ours, Rate) or not isinstance(theirs, Rate):
        return ""
    anyway = round(theirs.k / theirs.n * ours.n) if theirs.n else 0
    if anyway < ORDINARY * ours.k:
        return ""
    return (
        f"About {anyway:,} of the {ours.k:,} would be there anyway, as in the control; "
        "which ones cannot be said."
    )


def _caveat_of_marks(ours: Marked, theirs: Marked | None) -> str:
    """That it is not known how such rows of a clean set are marked, where the control has few of them."""
    there = 0 if theirs is None else theirs.n_with
    if there >= LITTLE * ours.n_with:
        return ""
    held = f"The control has {there:,} such prompts for {ours.n_with:,}" if theirs else "There is no control"
    return (
        f"{held}, so whether these rows are bad or are of a kind that is marked in any set it cannot say: "
        "read some."
    )


def not_run(planned: Planned, reason: str, trace: str | None) -> Finding:
    """Returns the finding that says why an instrument did not run."""
    return Finding(
        instrument=planned.name,
        key="not_run",
        statement=planned.question or f"The instrument {planned.name!r} did not run",
        verdict="not_run",
        note=reason,
        traceback=trace,
    )


def instrument_verdict(
    planned: Planned, results: Sequence[Result], findings: Sequence[Finding], yardstick: Yardstick | None
) -> InstrumentVerdict:
    """Returns one instrument's conclusion.

    flagged if any finding is. clear if nothing is, the subject was held against a control, and a planted
    property of the margin's size would have been flagged with a measured power of at least 0.8.
    """
    flagged = [f for f in findings if f.verdict == "flagged"]
    reliability = None if yardstick is None else yardstick.at_margin
    verdict, sentence = _conclusion(planned, results, findings, flagged, reliability)
    return InstrumentVerdict(
        instrument=planned.name,
        question=planned.question,
        verdict=verdict,
        sentence=sentence,
        findings=len(findings),
        flagged=len(flagged),
        reliability=reliability,
    )


def overall_verdict(instruments: Sequence[InstrumentVerdict]) -> Verdict:
    """Returns the gravest verdict: flagged before inconclusive before clear before not_run."""
    gravest_first: tuple[Verdict, ...] = ("flagged", "inconclusive", "clear")
    for verdict in gravest_first:
        if any(i.verdict == verdict for i in instruments):
            return verdict
    return "not_run"


def _conclusion(
    planned: Planned,
    results: Sequence[Result],
    findings: Sequence[Finding],
    flagged: Sequence[Finding],
    reliability: Reliability | None,
) -> tuple[Verdict, str]:
    if planned.instrument is None or any(f.verdict == "not_run" for f in findings):
        return "not_run", findings[0].note if findings else "It did not run."
    if flagged:
        return "flagged", _flagged_sentence(flagged) + _drift_sentence(flagged)
    if not results:
        return "inconclusive", "Nothing occurred often enough to be asked about."
    limit = limit_sentence(results)
    if all(r.control is None for r in results):
        return "inconclusive", NO_CONTROL
    if reliability is None:
        return (
            "inconclusive",
            f"Nothing was flagged, but its power for data of this size was never measured.{limit}",
        )
    power = reliability.power
    planted = f"a pattern planted in {reliability.dose:.1%} of the {planned.instrument.unit}"
    span = f"[{power.low:.0%}, {power.high:.0%}]"
    measured = f"{planted} was flagged in {power.value:.0%} of {power.n} organisms {span}"
    if power.value >= 0.8:
        return "clear", f"Nothing was flagged; {measured}.{limit}"
    return "inconclusive", f"Nothing was flagged, but {measured}: too few to call it clear.{limit}"


def _flagged_sentence(flagged: Sequence[Finding]) -> str:
    causes = _causes(flagged)
    claims = sorted({f.claim for f in flagged if f.claim is not None})
    first = flagged[0].statement
    if causes == 1:
        kind = {"confirmed": "One confirmed cause"}.get(str(flagged[0].claim), f"One {flagged[0].claim}")
        return f"{kind}: {first}."
    return f"{causes} separate patterns ({' and '.join(claims)}), first: {first}."


def _drift_sentence(flagged: Sequence[Finding]) -> str:
    """That the set may be poisoned and no row be pointed at, where many differences are all there is."""
    rows = {row for f in flagged for row in f.rows}
    if any(f.claim != "difference" for f in flagged) or _causes(flagged) < MANY_CAUSES or not rows:
        return ""
    return (
        f" They lie in {len(rows):,} rows. So many differences say that the set as a whole was made "
        "otherwise; which rows were changed cannot be told from them."
    )


def _causes(flagged: Sequence[Finding]) -> int:
    """How many groups of findings that share rows there are."""
    parent = {f.id: f.id for f in flagged}

    def root(x: str) -> str:
        while parent[x] != x:
            x = parent[x]
        return x

    for f in flagged:
        for other in f.related:
            if other in parent:
                parent[root(f.id)] = root(other)
    return len({root(x) for x in parent})

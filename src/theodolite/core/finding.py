"""From a question to a conclusion: hypothesis, measure, evidence, finding."""

from typing import Self

from pydantic import Field, JsonValue, model_validator

from theodolite.core.chart import Chart
from theodolite.core.record import Claim, Record, Verdict
from theodolite.core.statistic import Estimate, Statistic

__all__ = ["Evidence", "Finding", "Hypothesis", "Measure", "Reliability"]


class Hypothesis(Record):
    """One question that an instrument can put to any target."""

    key: str = Field(min_length=1)
    """Names the question within its instrument; two questions never share a key."""
    statement: str = Field(min_length=1)
    """The question as a person would say it, phrased so that more is worse."""
    claim: Claim = "difference"
    """What a finding about it would claim."""
    about: dict[str, JsonValue] = Field(default_factory=dict)
    """Whatever the instrument needs to put the question again (a pattern, a layer, a latent)."""
    family: str = ""
    """Questions of one family compete for the places that are carried to the test."""
    plainness: int = 0
    """Of several names for one cause, the one with the smallest number is told first."""
    weight: float | None = Field(default=None, gt=0, le=1)
    """Its share of the instrument's error budget, among everything that could have been asked; None: equal
    shares of those carried."""


class Evidence(Record):
    """One thing that a person can look up."""

    kind: str
    """row, pattern, layer, latent, token or transcript."""
    title: str
    """What it shows, in a few words."""
    source: str
    """A pointer that can be followed, such as `data:train.jsonl#17`."""
    body: str = ""
    """The text itself, shortened around what matters."""
    marks: tuple[str, ...] = ()
    """The parts of the body that matter, to be highlighted."""


class Measure(Record):
    """What an instrument counted for one hypothesis on one target."""

    key: str
    """The hypothesis's key."""
    statistic: Statistic
    """The counts, from which the audit makes every estimate and contrast."""
    fingerprint: str = ""
    """A hash of the set of units behind the counts: equal fingerprints are one cause under two names."""
    summary: str = ""
    """The counts in words, such as `30 of 31 rows with the phrase`."""
    chart: Chart | None = None
    """The picture that belongs to it."""


class Reliability(Record):
    """How an instrument did on model organisms of the size of what it judges here."""

    power: Estimate
    """Share of organisms with a planted property of at least `dose` that were flagged."""
    false_positive_rate: Estimate
    """Share of clean twins, audited against clean twins, in which anything was flagged."""
    dose: float
    """The share of rows (or other unit of the margin) that carried the planted property."""
    units: int
    """Rows (or other units) that carried it."""
    organisms: str
    """Which organisms, from which recipe."""


class Finding(Record):
    """What the audit concludes about one hypothesis, and from what."""

    instrument: str
    """The instrument that asked."""
    key: str
    """The hypothesis's key."""
    statement: str
    """The hypothesis, as a person would say it, with what was counted."""
    claim: Claim | None = None
    """How far the finding goes; None when nothing was measured."""
    verdict: Verdict
    """What follows from the contrast."""
    subject: Estimate | None = None
    """The subject's own estimate, uncorrected."""
    control: Estimate | None = None
    """The control's own estimate, uncorrected; None without a control."""
    contrast: Estimate | None = None
    """Subject minus control or, for marks, subject minus the rate expected if the pattern meant nothing
    (which needs no control); its level is corrected for everything the audit tested. None where neither can
    be made."""
    p_value: float | None = None
    """The uncorrected p of the contrast; without a control, of what can be tested inside the subject."""
    p_adjusted: float | None = None
    """The p after Holm's correction over the whole audit; None where there is no contrast."""
    reliability: Reliability | None = None
    """Measured power and false alarms of the instrument on organisms of this size."""
    evidence: tuple[Evidence, ...] = ()
    """What to look at in the subject."""
    control_evidence: tuple[Evidence, ...] = ()
    """What to look at in the control, for comparison."""
    rows: tuple[str, ...] = ()
    """Pointers to every row of the subject that is behind the finding, up to 10,000; none where something is
    missing from the subject."""
    rows_total: int = 0
    """How many rows are behind it."""
    related: tuple[str, ...] = ()
    """Keys (`instrument/key`) of flagged findings that share most of their rows: one cause."""
    chart: Chart | None = None
    """The picture that belongs to it."""
    note: str = ""
    """What a reader must know to weigh it: a missing access, a missing control, a caveat."""
    traceback: str | None = None
    """Where the instrument failed, when it did."""

    @property
    def id(self) -> str:
        """`instrument/key`, unique in the audit."""
        return f"{self.instrument}/{self.key}"

    @model_validator(mode="after")
    def _flag_rests_on_a_contrast(self) -> Self:
        if self.verdict == "flagged" and (self.contrast is None or self.contrast.low <= 0):
            raise ValueError("flagged needs a contrast whose interval lies above zero")
        return self

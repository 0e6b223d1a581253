"""The `Audit` record: `audit.json` is this and nothing else."""

from typing import Literal

from theodolite.core.finding import Finding, Reliability
from theodolite.core.record import Record, Verdict
from theodolite.core.spec import AuditSpec
from theodolite.core.statistic import Estimate

__all__ = [
    "Audit",
    "ControlMatch",
    "DataFacts",
    "InstrumentVerdict",
    "ModelFacts",
    "TargetFacts",
    "Times",
    "UnreadableRow",
]


class ModelFacts(Record):
    """An opened model."""

    name: str
    """Its folder, or `demo:NAME`."""
    fingerprint: str
    """SHA-256 over configuration, weights and tokenizer."""
    architecture: str
    """The class that the configuration names."""
    n_parameters: int
    """Parameters, shared ones counted once."""
    notes: tuple[str, ...] = ()
    """What looked odd when it was opened."""


class DataFacts(Record):
    """An opened data file."""

    name: str
    """Its file name."""
    fingerprint: str
    """BLAKE2b of its bytes."""
    rows: int
    """Rows that could be read."""
    rows_unreadable: int
    """Rows that could not."""
    duplicates: int
    """Rows that repeat an earlier row word for word; each text is counted once."""
    shapes: dict[str, int]
    """How many rows came in which shape."""
    notes: tuple[str, ...] = ()
    """What looked odd when it was read."""


class TargetFacts(Record):
    """A subject or a control."""

    name: str
    """What the report calls it."""
    access: tuple[str, ...]
    """What could be done with it: data, weights, activations, logprobs, generate."""
    model: ModelFacts | None = None
    """Its model, where one was given."""
    data: DataFacts | None = None
    """Its training data, where given."""


class UnreadableRow(Record):
    """A row that was not audited."""

    file: str
    """The file's name, with `control:` before the control's."""
    row: int
    """Its line (JSONL) or record (CSV, JSON, Parquet), from 1."""
    reason: str
    """Why it could not be read."""


class ControlMatch(Record):
    """Whether the control's prompts look like the subject's."""

    matched: bool
    """False when a plain classifier tells the prompts apart."""
    auc: Estimate
    """How well it does on rows it was not fitted on; 0.5 is chance."""
    shared_prompts: float
    """Share of the subject's distinct prompts that the control holds word for word."""
    sentence: str
    """The same in words."""


class InstrumentVerdict(Record):
    """One instrument's conclusion over all its findings."""

    instrument: str
    """Its name."""
    question: str
    """Its question."""
    verdict: Verdict
    """flagged if any finding is; clear if all are; not_run if nothing ran; else inconclusive."""
    sentence: str
    """The conclusion in words, with what could not have been seen."""
    findings: int
    """Findings it made."""
    flagged: int
    """Findings flagged."""
    reliability: Reliability | None = None
    """Its measured power and false alarms at the declared margin, for data of this size."""


class Times(Record):
    """The only part of an audit that differs between two runs of one spec."""

    started: str
    """When the audit began, UTC."""
    finished: str
    """When it was written, UTC."""
    seconds: float
    """Wall time of the run that finished it."""


class Audit(Record):
    """An audit's result."""

    format: Literal["theodolite-audit/1"] = "theodolite-audit/1"
    """Version of this schema."""
    theodolite: str
    """Version of the tool."""
    versions: dict[str, str]
    """Versions of Python and of the libraries that computed it."""
    spec: AuditSpec
    """What was asked."""
    subject: TargetFacts
    """What was audited."""
    control: TargetFacts | None
    """What it was held against."""
    control_match: ControlMatch | None = None
    """Whether the control is a fair one, where both have data."""
    verdict: Verdict
    """The worst of the instruments' verdicts."""
    instruments: tuple[InstrumentVerdict, ...]
    """One line for each instrument."""
    findings: tuple[Finding, ...]
    """Everything that was tested or could not be, flagged first."""
    hypotheses_proposed: int
    """Hypotheses found on half A of both targets."""
    hypotheses_tested: int
    """Those carried to half B: the family of the one correction."""
    rows_unreadable: tuple[UnreadableRow, ...] = ()
    """Rows of either data file that could not be read, with their numbers."""
    notes: tuple[str, ...] = ()
    """What a reader must know about the audit as a whole."""
    times: Times
    """When, and how long."""

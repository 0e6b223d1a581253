"""The words of an audit as records, the contract of an instrument, and the comparison with the control."""

from theodolite.core.audit import (
    Audit,
    ControlMatch,
    DataFacts,
    InstrumentVerdict,
    ModelFacts,
    TargetFacts,
    Times,
    UnreadableRow,
)
from theodolite.core.calibration import Calibration, PowerPoint, shipped_calibration
from theodolite.core.chart import Chart, Series
from theodolite.core.compare import (
    Pair,
    Result,
    compare,
    exceeds,
    judge,
    lead_with_plainest,
    screen,
    share_rows,
    strongest_associations,
)
from theodolite.core.finding import Evidence, Finding, Hypothesis, Measure, Reliability
from theodolite.core.inference import contrast
from theodolite.core.instrument import BUDGETS, Context, Instrument, InstrumentConfig
from theodolite.core.record import Claim, Record, Verdict
from theodolite.core.registry import Plugin, choose, installed, load
from theodolite.core.spec import AuditSpec, Effort
from theodolite.core.statistic import (
    Association,
    Estimate,
    Marked,
    MarkedStratum,
    Rate,
    Sample,
    Statistic,
    estimate,
)
from theodolite.core.suspects import rank_rows
from theodolite.core.target import Half, Target

__all__ = [
    "BUDGETS",
    "Association",
    "Audit",
    "AuditSpec",
    "Calibration",
    "Chart",
    "Claim",
    "Context",
    "ControlMatch",
    "DataFacts",
    "Effort",
    "Estimate",
    "Evidence",
    "Finding",
    "Half",
    "Hypothesis",
    "Instrument",
    "InstrumentConfig",
    "InstrumentVerdict",
    "Marked",
    "MarkedStratum",
    "Measure",
    "ModelFacts",
    "Pair",
    "Plugin",
    "PowerPoint",
    "Rate",
    "Record",
    "Reliability",
    "Result",
    "Sample",
    "Series",
    "Statistic",
    "Target",
    "TargetFacts",
    "Times",
    "UnreadableRow",
    "Verdict",
    "choose",
    "compare",
    "contrast",
    "estimate",
    "exceeds",
    "installed",
    "judge",
    "lead_with_plainest",
    "load",
    "rank_rows",
    "screen",
    "share_rows",
    "shipped_calibration",
    "strongest_associations",
]

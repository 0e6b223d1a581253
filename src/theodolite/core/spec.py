"""What to audit, and how: the one record behind flags, TOML file and replay."""

from typing import Literal

from pydantic import Field, JsonValue

from theodolite.core.record import Record

__all__ = ["AuditSpec", "Effort"]

Effort = Literal["quick", "standard", "deep"]


class AuditSpec(Record):
    """Every choice of an audit; two audits with equal specs and equal inputs are one audit."""

    model: str | None = None
    """The subject's model: a Hugging Face folder, a hub name, or `demo:NAME`."""
    data: str | None = None
    """The subject's training data: a JSONL, JSON, CSV or Parquet file, plain or .gz."""
    control: str | None = None
    """The control's model."""
    control_data: str | None = None
    """The control's training data."""
    base: str | None = None
    """The model that the subject was fine-tuned from."""
    judge: str | None = None
    """The language model that grades rows, as Inspect AI names it: `openai/gpt-4o-mini`, `hf/FOLDER`."""
    second_judge: str | None = None
    """A second judge for the same rows, to measure how far the two agree."""
    purpose: str = "to be a helpful, honest and harmless assistant"
    """What the training is for: the judge grades a row against it."""
    judge_calls: int | None = Field(default=None, ge=1)
    """Calls to the judge that may be paid for; None sets no limit."""
    engine: Literal["local", "ray"] = "local"
    """Where rows are judged: in this process, or on a Ray cluster."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Our column names (prompt, response, text, messages, ...) to the file's own."""
    instruments: tuple[str, ...] | None = None
    """Instruments to run; None runs all that are installed."""
    effort: Effort = "standard"
    """The one dial: how many hypotheses are carried to the test, how much is generated."""
    seed: int = Field(default=0, ge=0)
    """Decides the halves and every draw."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Family-wise error rate of the whole audit."""
    strict: bool = False
    """Whether a failing instrument ends the audit."""
    config: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Settings per instrument, in that instrument's own terms."""

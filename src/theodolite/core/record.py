"""The one base of everything that is written down: frozen, strict about its keys, documented per field."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["Claim", "Record", "Verdict"]

Verdict = Literal["flagged", "clear", "inconclusive", "not_run"]
"""What an audit concludes; the rule is in `theodolite.core.compare.judge`."""

Claim = Literal["difference", "association", "confirmed"]
"""How far a finding goes: the sets differ; a pattern goes with an outcome; an intervention changed it."""


class Record(BaseModel):
    """A frozen record: unknown keys are refused, infinities survive the trip through JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings"
    )

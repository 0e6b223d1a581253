"""The contract of an instrument.

    propose(target, ctx) -> hypotheses      on half A of subject and control alike
    propose_together(targets, ctx) -> hypotheses      on all of both, in an arbitrary order; may be left out
    follow_up(targets, hypotheses, ctx) -> hypotheses      what strong associations raise; may be left out
    measure(target, hypotheses, ctx) -> measures      on half B of both, the union of what was proposed
    locate(target, hypotheses, ctx) -> evidence      on all of it, for what was flagged; may be left out
    state(hypothesis, subject, control) -> sentence      the hypothesis with its counts; may be left out

Comparing is not in it: the audit does that, so that no author can skip the control.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from theodolite.core.calibration import Calibration
from theodolite.core.finding import Evidence, Hypothesis, Measure
from theodolite.core.spec import Effort
from theodolite.core.target import Target

if TYPE_CHECKING:
    from theodolite.judge import Judge

__all__ = ["BUDGETS", "Context", "Instrument", "InstrumentConfig", "Remember"]

Remember = Callable[[str, Callable[[], Any]], Any]
"""`remember(key, compute)` returns what `compute` returned the first time; JSON values only."""

BUDGETS: Mapping[Effort, int] = {"quick": 20, "standard": 40, "deep": 100}
"""Hypotheses that each instrument carries to the test."""


class InstrumentConfig(BaseModel):
    """An instrument's settings; unknown keys are refused with the name of the key."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True)
class Context:
    """What the audit lends an instrument for one call."""

    seed: int = 0
    """The audit's seed; equal for subject and control."""
    effort: Effort = "standard"
    """The one dial."""
    remember: Remember = field(default=lambda _key, compute: compute())
    """Keeps costly partial results, so that a killed audit goes on where it was."""
    progress: Callable[[float], None] = field(default=lambda _share: None)
    """Takes the share of the call that is done, 0 to 1."""
    note: Callable[[str], None] = field(default=lambda _sentence: None)
    """Takes a sentence that a reader of the audit must know, such as what had to be left out."""
    judge: "Judge | None" = None
    """Grades rows, where one was named."""

    @property
    def budget(self) -> int:
        """Hypotheses that will be carried to the test."""
        return BUDGETS[self.effort]

    @property
    def rng(self) -> np.random.Generator:
        """A generator that starts anew from the audit's seed at every call."""
        return np.random.default_rng(self.seed)


class Instrument(ABC):
    """One way of looking at a target. Subclasses are leaves: none inherits from another instrument."""

    name: ClassVar[str]
    """One word, as in `--instruments`."""
    question: ClassVar[str]
    """What it asks, as a sentence with a question mark."""
    needs: ClassVar[frozenset[str]]
    """The access it cannot do without: data, weights, activations, logprobs, generate."""
    margin: ClassVar[float]
    """The smallest contrast that matters: `clear` means that the whole interval lies below it."""
    unit: ClassVar[str] = "rows"
    """What its calibration counts, in the plural: rows, scenarios, items."""
    needs_split: ClassVar[bool] = True
    """False when its hypotheses are fixed in advance, so that all the data can judge them."""
    Config: ClassVar[type[InstrumentConfig]] = InstrumentConfig
    """Its settings."""

    def __init__(self, config: InstrumentConfig | None = None) -> None:
        self.config = config if config is not None else self.Config()

    @abstractmethod
    def propose(self, target: Target, ctx: Context) -> list[Hypothesis]:
        """Returns what is worth asking, seen from this target alone."""

    def propose_together(self, targets: Sequence[Target], ctx: Context) -> list[Hypothesis]:
        """Returns what is worth asking of all rows of both targets at once.

        All of it judges these, with no half kept back. So the choice among them must not look at what is
        tested, or each hypothesis must carry a `weight` that pays for everything that could have been chosen.
        """
        return []

    def follow_up(
        self, targets: Sequence[Target], hypotheses: Sequence[Hypothesis], ctx: Context
    ) -> list[Hypothesis]:
        """Returns questions that the strongest associations raise and that other evidence can settle.

        Args:
            targets: subject and control, in an order that tells nothing.
            hypotheses: associations measured so far that one would believe if nothing else had been asked,
                the strongest first.
            ctx: as for the other steps; every hypothesis returned needs a `weight`.
        """
        return []

    @abstractmethod
    def measure(self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context) -> list[Measure]:
        """Returns one measure for each hypothesis, in the order given."""

    def locate(
        self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context
    ) -> dict[str, list[Evidence]]:
        """Returns, by key, everything in the target that is behind each hypothesis."""
        return {}

    def state(self, hypothesis: Hypothesis, subject: Measure, control: Measure | None) -> str:
        """Returns the hypothesis with what was counted, as a person would say it."""
        counted = [m.summary for m in (subject, control) if m is not None and m.summary]
        return hypothesis.statement + (f": {' against '.join(counted)}" if counted else "")

    @classmethod
    def calibration(cls, effort: Effort) -> Calibration | None:
        """Returns the instrument's measured power and false alarms at this effort, where it ships them."""
        return None

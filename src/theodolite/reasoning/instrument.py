"""Does the chain of thought make the answer, or only dress it?

Three fixed questions, each a share of items, subject against control: does the answer stay when a number of
the chain is changed and carried forward; is it right without any chain; is it right after the chain and wrong
after the chain in plain words? The same items are put to both, and each is read with its own chains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from pydantic import Field, TypeAdapter

from theodolite.core import (
    Calibration,
    Chart,
    Context,
    Effort,
    Evidence,
    Hypothesis,
    Instrument,
    InstrumentConfig,
    Measure,
    Target,
    shipped_calibration,
)
from theodolite.errors import ModelError
from theodolite.reasoning.chain import Item
from theodolite.reasoning.chunks import Unit
from theodolite.reasoning.curve import chart_curves, draw_curves
from theodolite.reasoning.default_items import default_items
from theodolite.reasoning.items_file import read_items
from theodolite.reasoning.local_reader import LocalReader, check_reader_prefill, find_style
from theodolite.reasoning.questions import (
    HIDDEN,
    NEEDLESS,
    QUESTIONS,
    STAYS,
    evidence_of,
    measure_question,
)
from theodolite.reasoning.readout import ReadOut
from theodolite.reasoning.running import RelianceRun, RunPlan, Summaries
from theodolite.reasoning.synonyms import read_synonyms
from theodolite.targets import Model
from theodolite.targets.runner import Runner

__all__ = ["Reasoning"]

ITEMS: dict[Effort, int] = {"quick": 24, "standard": 48, "deep": 120}
"""Items that are put to a model."""
_TOGETHER = 12
"""Items measured between two savings."""
_TRIAL_TOKENS = 400
_LINES = TypeAdapter(list[ReadOut])


class ReasoningConfig(InstrumentConfig):
    """Settings of the reasoning instrument."""

    items: Path | None = None
    """A file of questions (JSON Lines with `id`, `question`, `gold`); without one, sums in words."""
    synonyms: Path | None = None
    """A table of words and the plain word that each becomes; without one, nothing hidden in the choice
    of words is looked for."""
    chunks: int = Field(default=8, ge=2)
    """Chunks of a chain."""
    unit: Unit = "step"
    """What a chunk never cuts apart: sentence, line or step."""
    max_tokens: int = Field(default=512, ge=16)
    """Longest chain."""
    device: str = "cpu"
    """Where the model runs."""


@dataclass(frozen=True)
class _Seen:
    """What was read of one model; no lines, and why, where it does not reason."""

    lines: list[ReadOut]
    reason: str = ""


class Reasoning(Instrument):
    """Puts chains of thought, changed and unchanged, back into the mouth of the model that wrote them."""

    name: ClassVar[str] = "reasoning"
    question: ClassVar[str] = "Does the chain of thought make the answer, or only dress it?"
    needs: ClassVar[frozenset[str]] = frozenset({"generate"})
    margin: ClassVar[float] = 0.2
    unit: ClassVar[str] = "items"
    needs_split: ClassVar[bool] = False
    Config: ClassVar[type[InstrumentConfig]] = ReasoningConfig
    config: ReasoningConfig

    def __init__(self, config: InstrumentConfig | None = None) -> None:
        super().__init__(config)
        self._seen: dict[tuple[str, Effort, int], _Seen] = {}

    def propose(self, target: Target, ctx: Context) -> list[Hypothesis]:
        """Returns the fixed questions, none of a model that does not reason.

        Raises:
            DataError: the items or the synonyms cannot be read.
        """
        seen = self._look(target, ctx)
        if not seen.lines:
            ctx.note(f"a model was not asked, because {seen.reason}")
            return []
        keys = [STAYS, NEEDLESS, *([HIDDEN] if self.config.synonyms is not None else [])]
        if self.config.synonyms is None:
            ctx.note(
                "what the words of a chain may hide was not looked for (it takes a table: reasoning.synonyms)"
            )
        return [
            Hypothesis(key=key, statement=QUESTIONS[key], claim="difference", weight=1 / len(keys))
            for key in keys
        ]

    def measure(self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context) -> list[Measure]:
        """Returns the share of items of which each hypothesis holds.

        Raises:
            DataError: the items or the synonyms cannot be read.
        """
        seen = self._look(target, ctx)
        chart = _chart(seen.lines)
        return [measure_question(h.key, seen.lines, chart, seen.reason) for h in hypotheses]

    def locate(
        self, target: Target, hypotheses: Sequence[Hypothesis], ctx: Context
    ) -> dict[str, list[Evidence]]:
        """Returns the first items of which each hypothesis holds, with what was answered."""
        seen = self._look(target, ctx)
        questions = {item.id: item.question for item in self._items(ctx)}
        return {h.key: evidence_of(h.key, seen.lines, questions) for h in hypotheses}

    @classmethod
    def calibration(cls, effort: Effort) -> Calibration | None:
        """Returns what `benchmarks/calibrate_reasoning.py` measured on organisms at this effort."""
        return shipped_calibration("theodolite.reasoning", effort)

    def _items(self, ctx: Context) -> list[Item]:
        n = ITEMS[ctx.effort]
        return read_items(self.config.items)[:n] if self.config.items is not None else default_items(n)

    def _look(self, target: Target, ctx: Context) -> _Seen:
        """Reads a model once, whichever step asks first."""
        model = target.model
        if model is None:
            return _Seen([], "there is none")
        key = (model.fingerprint, ctx.effort, ctx.seed)
        if key not in self._seen:
            self._seen[key] = self._read(model, ctx)
        return self._seen[key]

    def _read(self, model: Model, ctx: Context) -> _Seen:
        items = self._items(ctx)
        runner = Runner.open(model, device=self.config.device)
        try:
            style = find_style(runner, items, min(self.config.max_tokens, _TRIAL_TOKENS))
        except ModelError as error:
            return _Seen([], str(error))
        if style is None:
            return _Seen([], "it answers the first questions without a chain of thought")
        continued = check_reader_prefill(runner, items).verdict == "continued"
        if not continued:
            ctx.note("chains stood in the question, because a begun turn was not seen to be continued")
        answers = {item.question: item.answers for item in items if item.answers}
        given = "prefill" if continued else "quoted"
        reader = LocalReader(runner, style, model.fingerprint, given, answers)
        lines: list[ReadOut] = []
        for start in range(0, len(items), _TOGETHER):
            some = items[start : start + _TOGETHER]
            kept = ctx.remember(f"read {start}", lambda some=some: self._lines(some, reader, ctx.seed))
            lines += _LINES.validate_python(kept)
            ctx.progress(min(1.0, (start + _TOGETHER) / len(items)))
        measured = len({line.item for line in lines})
        if not lines:
            return _Seen([], "no answer was found behind its chains of thought")
        if measured < len(items):
            ctx.note(f"{len(items) - measured} of {len(items)} chains of a model gave no answer or no chunk")
        return _Seen(lines)

    def _lines(self, items: Sequence[Item], reader: LocalReader, seed: int) -> list[dict[str, object]]:
        table = self.config.synonyms
        summaries = Summaries(plain=None if table is None else read_synonyms(table))
        plan = RunPlan(
            arms=("own", "corrupt") if table is None else ("own", "corrupt", "summary"),
            chunks=self.config.chunks,
            unit=self.config.unit,
            max_tokens=self.config.max_tokens,
            seed=seed,
        )
        with TemporaryDirectory() as folder:
            run = RelianceRun(items, reader, Path(folder), plan, summaries)
            experiment, _ = run.experiment(run.chains())
            return _LINES.dump_python(experiment.run(), mode="json")


def _chart(lines: Sequence[ReadOut]) -> Chart | None:
    if not lines:
        return None
    curves = draw_curves(lines, "correct") or draw_curves(lines, "same")
    return chart_curves(curves, "forced answers along the chain") if curves else None

"""The whole measurement of one model: chains, rewritings, arms, read-outs, figures, and a verdict."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from theodolite.core import Record
from theodolite.errors import DataError
from theodolite.reasoning.arms import ArmName, NoArm
from theodolite.reasoning.build import build_arms
from theodolite.reasoning.chain import Chain, ChainState, Item
from theodolite.reasoning.chunks import Unit
from theodolite.reasoning.conclusions import conclusions
from theodolite.reasoning.experiment import Experiment, Spent
from theodolite.reasoning.plan import Cost, Design
from theodolite.reasoning.reader import Thinker
from theodolite.reasoning.readout import ReadOut
from theodolite.reasoning.reliance import Reliance, measure_reliance
from theodolite.reasoning.rewriting import Rewriting, RewritingKind, Write, rewrite
from theodolite.reasoning.synonyms import say_plainly
from theodolite.reasoning.thinking import CHAINS_FILE, sample_chains
from theodolite.reasoning.verdict import Band, RelianceVerdict, conclude

__all__ = ["RelianceRun", "RunPlan", "RunResult", "Summaries"]

RESULT_FILE = "result.json"
_KINDS: Mapping[RewritingKind, tuple[str, str]] = {
    "summary": ("rewritings.jsonl", "summaries"),
    "paraphrase": ("paraphrases.jsonl", "paraphrases"),
}
"""What a writer writes: where it is kept, and what it is called while it is written."""


class RunPlan(Record):
    """What is measured."""

    arms: tuple[ArmName, ...] = ("own", "summary", "other", "shuffled", "corrupt")
    """Arms, read forced at every boundary."""
    free: tuple[ArmName, ...] = ()
    """Those of them that are read free too."""
    free_at: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Where."""
    seeds: tuple[int, ...] = (0, 1)
    """Of the free continuations."""
    chunks: int = Field(default=10, ge=1)
    """Chunks of a chain."""
    unit: Unit = "sentence"
    """What a chunk never cuts apart."""
    max_tokens: int = Field(default=1024, ge=1)
    """The cap on a chain and on a free continuation."""
    seed: int = 0
    """Of chains, shuffling, corruption and donors."""


@dataclass(frozen=True)
class Summaries:
    """Where summaries come from; the first that is there."""

    written: tuple[Rewriting, ...] = ()
    """Ready ones."""
    plain: Mapping[str, str] | None = None
    """Synonyms, each with the plainest word of its group."""
    write: Write | None = None
    """Who writes them."""


class RunResult(Record):
    """What came of it; kept as `result.json`."""

    reader: str
    """The model, the style of its turns and its temperature."""
    chains: dict[str, int]
    """How many chains are in each state."""
    without: tuple[NoArm, ...]
    """Arms that single items cannot have."""
    cost: Cost
    """What was still to be read when the run began, as estimated."""
    spent: Spent
    """What was spent on read-outs, earlier runs of the folder included."""
    figures: Reliance
    """What was measured."""
    verdict: RelianceVerdict | None = None
    """Against a band of clean organisms, where one was given."""


class RelianceRun:
    """One model's measurement in one folder; killed anywhere, it goes on.

    Args:
        items: the questions.
        reader: the model.
        folder: where everything is kept.
        plan: what is measured.
        summaries: where they come from.
    """

    def __init__(
        self,
        items: Sequence[Item],
        reader: Thinker,
        folder: Path,
        plan: RunPlan | None = None,
        summaries: Summaries | None = None,
    ) -> None:
        self.items, self.reader, self.folder = list(items), reader, folder
        self.plan, self.summaries = plan or RunPlan(), summaries or Summaries()

    def chains(self, progress: Callable[[str, float], None] = lambda _step, _share: None) -> list[Chain]:
        """Returns the model's own chains, sampling those that the folder does not hold yet.

        Raises:
            OutputError: the folder belongs to another run, or cannot be written.
        """
        plan = self.plan
        return sample_chains(
            self.items,
            self.reader,
            self.folder / CHAINS_FILE,
            plan.chunks,
            plan.unit,
            plan.max_tokens,
            plan.seed,
            lambda share: progress("chains", share),
        )

    def experiment(
        self, chains: Sequence[Chain], progress: Callable[[str, float], None] = lambda _step, _share: None
    ) -> tuple[Experiment, list[NoArm]]:
        """Returns what is to be read, and the arms that single items cannot have.

        Raises:
            OutputError: the folder cannot be written.
        """
        plan = self.plan
        arms, without = build_arms(
            self.items,
            chains,
            plan.arms,
            self._rewritings(chains, progress),
            conclusions(self.items, chains),
            plan.unit,
            self.reader.count,
            plan.seed,
        )
        design = Design(
            forced=plan.arms,
            free=plan.free,
            free_at=plan.free_at,
            seeds=plan.seeds,
            max_tokens=plan.max_tokens,
        )
        return Experiment(self.items, chains, arms, design, self.reader, self.folder), without

    def run(
        self, band: Band | None = None, progress: Callable[[str, float], None] = lambda _step, _share: None
    ) -> tuple[RunResult, list[ReadOut]]:
        """Returns the figures and all read-outs, and keeps the figures.

        Args:
            band: clean organisms to hold them against.
            progress: takes the step at work and the share of it that is done.

        Raises:
            OutputError: the folder belongs to another run, or cannot be written.
            DataError: the folder holds something else, or no chain can be read.
        """
        chains = self.chains(progress)
        experiment, without = self.experiment(chains, progress)
        cost = experiment.cost()
        lines = experiment.run(progress)
        if not lines:
            raise DataError(
                f"nothing can be read ({_counted(experiment.states)})",
                "raise the cap on tokens, or take items that the model answers behind a chain of thought",
            )
        figures = measure_reliance(lines)
        result = RunResult(
            reader=self.reader.name,
            chains={str(state): n for state, n in experiment.states.items()},
            without=tuple(without),
            cost=cost,
            spent=experiment.spent(),
            figures=figures,
            verdict=conclude(figures, band) if band is not None else None,
        )
        (self.folder / RESULT_FILE).write_text(
            json.dumps(result.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8"
        )
        return result, lines

    def _rewritings(
        self, chains: Sequence[Chain], progress: Callable[[str, float], None]
    ) -> Sequence[Rewriting]:
        given = self.summaries
        wanted: list[RewritingKind] = [kind for kind in _KINDS if kind in self.plan.arms]
        if given.written or not wanted:
            return given.written
        if given.plain:
            return say_plainly(chains, given.plain)
        if given.write is None:
            return ()
        out: list[Rewriting] = []
        for kind in wanted:
            name, step = _KINDS[kind]
            kept = self.folder / name
            out += rewrite(
                self.items, chains, kind, given.write, kept, lambda share, step=step: progress(step, share)
            )
        return out


def _counted(states: Mapping[ChainState, int]) -> str:
    return ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in states.items()) or "no chain"

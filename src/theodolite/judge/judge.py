"""The door: a judge, its rubric and its ledger; rows in, judgements out."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.errors import SpecError
from theodolite.judge.asking import Asker, Question, Reply, Settings
from theodolite.judge.canaries import Canaries, Canary, Health, OperatingPoint, operating_point
from theodolite.judge.engine import Engine, LocalEngine, open_engine
from theodolite.judge.entry import Entry
from theodolite.judge.envelope import ENVELOPE_VERSION, row_key
from theodolite.judge.judgement import Judgement, failed
from theodolite.judge.ledger import Ledger
from theodolite.judge.plan import Known, PlannedShard, affordable, planned_shards, read_known
from theodolite.judge.rubric import Rubric
from theodolite.judge.shards import Shard, ShardAnswers, ShardTask, envelopes_of
from theodolite.judge.unsaved import UnsavedLedger
from theodolite.targets import Row

if TYPE_CHECKING:
    from inspect_ai.model import Model

__all__ = ["Judge"]

MOST_VOID = 3
"""Void shards running after which the rest is not asked: a judge that fails costs as much as a good one."""


class Judge:
    """A language model that grades rows of training data against a rubric.

    Args:
        model: an Inspect model name (`openai/gpt-4o-mini`, `hf/FOLDER`, `mockllm/model`), or a model.
        rubric: what it is asked.
        ledger: the folder where answers are kept, so that none is paid for twice; None keeps them in memory.
        seed: decides shards and canaries.
        max_connections: calls in flight.
        max_calls: calls that this object may pay for in its life; rows beyond that are errors.
        engine: where shards are worked on, `local`, `ray` or an engine.
        canaries: how many rows of known verdict go among the others.
        settings: how the model is asked; its `max_connections` gives way to the one here.

    Raises:
        ModelError: the model, its provider's package or its key is missing.
        OutputError: the ledger cannot be written.
        SpecError: an unknown engine, or one that cannot take this model.
    """

    def __init__(
        self,
        model: "str | Model",
        rubric: Rubric,
        ledger: Path | None = None,
        *,
        seed: int = 0,
        max_connections: int = 10,
        max_calls: int | None = None,
        engine: str | Engine = "local",
        canaries: Canaries | None = None,
        settings: Settings | None = None,
    ) -> None:
        if max_connections < 1:
            raise SpecError(f"{max_connections} connections to the judge", "allow at least 1")
        self.rubric = rubric
        self.name = str(model)
        self.calls = 0
        self.errors: Counter[str] = Counter()
        self._seed, self._max_calls = seed, max_calls
        self._canaries = canaries if canaries is not None else Canaries()
        self._engine = open_engine(engine)
        base = settings if settings is not None else Settings()
        self.settings = Settings(base.max_tokens, base.schema, base.retries, base.timeout, max_connections)
        self._is_here = isinstance(self._engine, LocalEngine)
        if not self._is_here and not isinstance(model, str):
            raise SpecError("a cluster cannot be sent an opened judge", "name the model instead")
        # Opened at once, so that a missing key is told before a scan of hours; a cluster's workers open it.
        asker = Asker(model, self.settings) if self._is_here else None
        self._ledger: Ledger | UnsavedLedger = Ledger(ledger) if ledger is not None else UnsavedLedger()
        self._unanswered: list[tuple[str, Judgement]] = []
        self._task = ShardTask(
            model, rubric, self.settings, self._asked(model), self._ledger.salt, ledger, self._ledger, asker
        )

    def rows(
        self, rows: Sequence[Row], progress: Callable[[float], None] = lambda _share: None
    ) -> list[Judgement]:
        """Returns one judgement for each row, in order; rows of one content are asked once.

        Rows are shuffled into shards by content, so that the order in which they come, and which set they
        come from, is nothing the judge or its moods can follow.

        Args:
            rows: the rows.
            progress: takes the share that is done, 0 to 1; from another thread, one call at a time.

        Raises:
            ModelError: the provider refuses the key or does not know the model.
            OutputError: the ledger cannot be written.
        """
        keys = [row_key(row) for row in rows]
        known, shards = self._plan(dict(zip(keys, rows, strict=True)))
        n_asked = sum(len(p.todo) + len(p.ask) for p in shards)
        self._task.answered = _Steps(n_asked, progress)
        judged = dict(known.final)
        health, void_running = Health(), 0
        for shard, answers in self._answers(shards):
            self.calls += answers.calls
            canaries = self._canary_answers(shard, answers)
            judged |= dict.fromkeys(shard.left_out, failed(f"not asked: {self._max_calls} calls are spent"))
            if shard.state == "unpaid":
                continue
            why = health.why_void(canaries)
            if shard.state == "settled":
                continue
            self._ledger.add(Entry("void" if why else "passed", "", shard.name, self._task.asked))
            judged |= shard.provisional
            judged |= zip(shard.todo, answers.rows, strict=True)
            if why:
                judged |= dict.fromkeys((*shard.provisional, *shard.todo), failed(f"void: {why}"))
            void_running = void_running + 1 if why else 0
            if void_running == MOST_VOID:
                break
        progress(1.0)
        missing = failed(f"not asked: {MOST_VOID} shards running were void")
        judgements = [judged.get(key, missing) for key in keys]
        self.errors.update(j.reason for j in judgements if j.state == "error")
        return judgements

    def ask(
        self, questions: Sequence[Question], schema: dict[str, Any], on_reply: Callable[[int, Reply], None]
    ) -> None:
        """Ask other questions than the rubric's, such as whether a row belongs to a theme.

        Args:
            questions: the questions; those beyond `max_calls` get a reply that says so.
            schema: the JSON schema of an answer.
            on_reply: gets each question's index and reply as it comes.

        Raises:
            ModelError: the model cannot be opened, or its provider refuses it.
        """
        left = len(questions) if self._max_calls is None else max(0, self._max_calls - self.calls)
        for index in range(left, len(questions)):
            on_reply(index, Reply(None, f"not asked: {self._max_calls} calls are spent"))
        asked = questions[:left]
        if asked:
            self._task.open()
            assert self._task.asker is not None
            self._task.asker.ask(asked, schema, on_reply)
            self.calls += len(asked)

    @property
    def ledger(self) -> "Ledger | UnsavedLedger":
        """Where its answers are kept."""
        return self._ledger

    def operating_point(self) -> OperatingPoint:
        """Returns the judge's rates on all canaries in the ledger, of this rubric, model and settings."""
        kept = [(e.note, self._judgement(e)) for e in self._ledger.every(self._task.asked, "canary")]
        return operating_point([*kept, *self._unanswered])

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each thing about the ledger that a reader should know."""
        return tuple(self._ledger.notes)

    def close(self) -> None:
        """End the connections and put the ledger in order. Nothing is lost without it."""
        self._task.stop()
        self._ledger.close()

    def __enter__(self) -> "Judge":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plan(self, rows: dict[str, Row]) -> tuple[Known, list[PlannedShard]]:
        known = read_known(self._ledger, self._task.asked, list(rows), self._canaries.pool, self._judgement)
        shards = list(planned_shards(rows, known, self._canaries, self._seed))
        if self._max_calls is not None:
            left = self._max_calls - self.calls
            for shard in shards:
                if shard.state == "open":
                    left -= affordable(shard, left, self._price)
        return known, shards

    def _answers(self, shards: Sequence[PlannedShard]) -> Iterator[tuple[PlannedShard, ShardAnswers]]:
        """Every shard with its answers, in order; only open ones are asked."""
        to_ask = [s for s in shards if s.state == "open"]
        work = (Shard(s.name, tuple(s.todo.values()), tuple(s.ask)) for s in to_ask)
        if to_ask and self._is_here:
            self._task.open()
        results = self._engine.map(self._task, work)
        with closing(results):
            for shard in shards:
                yield shard, next(results) if shard.state == "open" else ShardAnswers((), (), 0)
            # An engine that is not run to its end takes it that the rest is not wanted, and closes the model.
            next(results, None)

    def _canary_answers(self, shard: PlannedShard, answers: ShardAnswers) -> list[tuple[Canary, Judgement]]:
        told = dict(shard.canaries)
        told |= {c.name: j for c, j in zip(shard.ask, answers.canaries, strict=True)}
        self._unanswered += [(name, j) for name, j in told.items() if j.state == "error"]
        return [(c, told[c.name]) for c in shard.drawn if c.name in told]

    def _price(self, row: Row) -> int:
        return len(envelopes_of(row, self._ledger.salt, ""))

    def _judgement(self, entry: Entry) -> Judgement:
        harm, odd, addresses = entry.grades
        return Judgement(
            "judged", harm, odd, addresses, entry.quote, bool(entry.quote), threshold=self.rubric.threshold
        )

    def _asked(self, model: "str | Model") -> str:
        """Everything that can change an answer, as the ledger knows it."""
        own = "" if isinstance(model, str) else model.config.model_dump_json(exclude_none=True)
        return f"{self.name}|{self.rubric.id}|{self.settings.id} {own}|envelope {ENVELOPE_VERSION}"


class _Steps:
    """Counts answers, which come from other threads, and tells of them a hundred times at most."""

    def __init__(self, total: int, progress: Callable[[float], None]) -> None:
        self._total, self._progress = max(total, 1), progress
        self._done = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            before, self._done = self._done, self._done + 1
            if self._done * 100 // self._total > before * 100 // self._total:
                self._progress(min(self._done / self._total, 1.0))

"""Asking one shard: its rows and canaries, mixed, each in an envelope of its own."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.judge.answer import ANSWER_SCHEMA, read_answer
from theodolite.judge.asking import Asker, Question, Reply, Settings
from theodolite.judge.canaries import Canary
from theodolite.judge.entry import Entry
from theodolite.judge.envelope import LONGEST_PART, MOST_PARTS, Envelope, row_key, seal
from theodolite.judge.judgement import Judgement, failed, worst
from theodolite.judge.ledger import Ledger
from theodolite.judge.rubric import Rubric
from theodolite.judge.unsaved import UnsavedLedger
from theodolite.targets import Row

if TYPE_CHECKING:
    from inspect_ai.model import Model

__all__ = ["Shard", "ShardAnswers", "ShardTask", "envelopes_of"]


@dataclass(frozen=True)
class Shard:
    """What is still to be asked of one shard."""

    name: str
    """The shard and the attempt, as the ledger knows it."""
    rows: tuple[Row, ...]
    """Rows without an answer."""
    canaries: tuple[Canary, ...]
    """Canaries without an answer."""


@dataclass(frozen=True)
class ShardAnswers:
    """What became of it."""

    rows: tuple[Judgement, ...]
    """One for each row of the shard, in order."""
    canaries: tuple[Judgement, ...]
    """One for each canary."""
    calls: int
    """How many calls it took."""


@dataclass
class ShardTask:
    """A function from a shard to its answers, which can be sent to another process.

    There it opens its own model, and its own journal in the ledger's folder.
    """

    model: "str | Model"
    """The judge."""
    rubric: Rubric
    """What it is asked."""
    settings: Settings
    """How."""
    asked: str
    """All of this, as the ledger knows it."""
    salt: bytes
    """The nonces' secret."""
    folder: Path | None
    """The ledger's folder."""
    ledger: Ledger | UnsavedLedger | None = None
    """The ledger, where it is open already."""
    asker: Asker | None = None
    """The model, where it is open already."""
    answered: Callable[[], None] = lambda: None
    """Told of each row that has its answer; stays in this process."""

    def __call__(self, shard: Shard) -> ShardAnswers:
        """Returns the answers; each is in the ledger before the next question is asked.

        Raises:
            ModelError: the model cannot be opened, or its provider refuses it.
            OutputError: the ledger cannot be written.
        """
        rows = [*shard.rows, *(canary.row for canary in shard.canaries)]
        judgements: list[Judgement] = [failed("not asked") for _ in rows]
        pending: list[_Pending] = []
        for index, row in enumerate(rows):
            envelopes = envelopes_of(row, self.salt, f"{self.asked}|{shard.name}")
            if envelopes:
                pending.append(_Pending(index, envelopes))
            else:
                judgements[index] = failed(f"the row is too long for {MOST_PARTS} calls")
        calls = [(p, part) for p in pending for part in range(len(p.envelopes))]
        random.Random(shard.name).shuffle(calls)

        def on_reply(index: int, reply: Reply) -> None:
            row, part = calls[index]
            row.parts[part] = self._read(reply, row.envelopes[part])
            if len(row.parts) == len(row.envelopes):
                verdict = worst([row.parts[i] for i in range(len(row.envelopes))])
                judgements[row.index] = verdict
                self._keep(shard, row.index, rows[row.index], verdict)
                self.answered()

        instructions = self.rubric.instructions
        questions = [Question(instructions, p.envelopes[part].message()) for p, part in calls]
        if self.asker is None:
            self.open()
        assert self.asker is not None
        self.asker.ask(questions, ANSWER_SCHEMA, on_reply)
        n = len(shard.rows)
        return ShardAnswers(tuple(judgements[:n]), tuple(judgements[n:]), len(calls))

    def open(self) -> None:
        """Open the model, unless it is open.

        Raises:
            ModelError: it cannot be opened.
        """
        if self.asker is None or self.asker.closed:
            self.asker = Asker(self.model, self.settings)

    def stop(self) -> None:
        """Cancel what is in flight and close the model; `open` opens it again."""
        if self.asker is not None:
            self.asker.close()

    def _read(self, reply: Reply, envelope: Envelope) -> Judgement:
        if reply.text is None:
            return failed(reply.reason)
        return read_answer(reply.text, envelope, self.rubric.threshold)

    def _keep(self, shard: Shard, index: int, row: Row, verdict: Judgement) -> None:
        if verdict.state == "error":
            return  # not final: the next run asks again
        assert verdict.harm is not None and verdict.odd is not None and verdict.addresses is not None
        is_canary = index >= len(shard.rows)
        self._open_ledger().add(
            Entry(
                "canary" if is_canary else "row",
                row_key(row),
                shard.name,
                self.asked,
                (verdict.harm, verdict.odd, verdict.addresses),
                verdict.quote,
                shard.canaries[index - len(shard.rows)].name if is_canary else "",
            )
        )

    def _open_ledger(self) -> "Ledger | UnsavedLedger":
        if self.ledger is None:
            self.ledger = Ledger(self.folder) if self.folder is not None else UnsavedLedger()
        return self.ledger

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "ledger": None, "asker": None, "answered": _nothing}


@dataclass
class _Pending:
    index: int
    envelopes: list[Envelope]
    parts: dict[int, Judgement] = field(default_factory=dict)


def envelopes_of(row: Row, salt: bytes, call: str) -> list[Envelope]:
    """Returns the row's envelopes, none if it would take more calls than a row may."""
    if too_long(row):
        return []
    envelopes = seal(row, salt, call)
    return envelopes if len(envelopes) <= MOST_PARTS else []


def too_long(row: Row) -> bool:
    """Returns whether a row is so long that taking it apart would be wasted."""
    return row.n_characters > 2 * MOST_PARTS * LONGEST_PART


def _nothing() -> None:
    pass

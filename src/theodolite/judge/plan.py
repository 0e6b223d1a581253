"""Which rows form which shard, what of it is answered already, and what may still be paid for.

A shard is decided by the contents of all rows of a call, so a run that was killed forms the same shards
again and goes on inside the one where it was. An attempt at a shard ends as passed or void; rows that are
still without a verdict then go into the next attempt, with canaries of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from theodolite.judge.canaries import Canaries, Canary
from theodolite.judge.entry import Entry
from theodolite.judge.envelope import row_key
from theodolite.judge.judgement import Judgement
from theodolite.judge.ledger import Ledger
from theodolite.judge.unsaved import UnsavedLedger
from theodolite.targets import Row

__all__ = ["Known", "PlannedShard", "affordable", "planned_shards", "read_known"]


@dataclass
class Known:
    """What the ledger says about the rows of a call."""

    final: dict[str, Judgement] = field(default_factory=dict)
    """By row key: the verdicts whose shard has passed."""
    open: dict[tuple[str, str], Judgement] = field(default_factory=dict)
    """By attempt and row key: those of attempts that are undecided."""
    canaries: dict[tuple[str, str], Judgement] = field(default_factory=dict)
    """By attempt and canary name."""
    fates: Counter[str] = field(default_factory=Counter)
    """By shard: how many attempts have ended."""
    passed: set[str] = field(default_factory=set)
    """Attempts that have passed."""


@dataclass
class PlannedShard:
    """One shard of a call, at its present attempt."""

    name: str
    """Shard and attempt."""
    drawn: list[Canary]
    """Its canaries."""
    canaries: dict[str, Judgement]
    """By name: those that are answered already."""
    provisional: dict[str, Judgement]
    """By row key: rows of this attempt that are answered already."""
    todo: dict[str, Row]
    """By row key: rows to ask."""
    state: Literal["open", "settled", "unpaid"] = "open"
    """Settled: all verdicts are final. Unpaid: there are not calls enough left for its canaries."""
    left_out: list[str] = field(default_factory=list)
    """Keys of rows that there are not calls enough for."""

    @property
    def ask(self) -> list[Canary]:
        """Canaries to ask."""
        return [c for c in self.drawn if c.name not in self.canaries] if self.state == "open" else []


def read_known(
    ledger: Ledger | UnsavedLedger,
    asked: str,
    keys: Sequence[str],
    canaries: Sequence[Canary],
    judgement: Callable[[Entry], Judgement],
) -> Known:
    """Returns what the ledger holds of these rows and canaries; `judgement` makes an entry a judgement."""
    known = Known()
    answered: list[Entry] = []
    wanted = {*keys, *(row_key(c.row) for c in canaries)}
    for entry in ledger.find(asked, wanted, ("row", "canary", "passed", "void")):
        if entry.kind in ("passed", "void"):
            # Two entries of one fate, as a ledger that is being tidied may show, are one.
            if entry.kind == "passed":
                known.passed.add(entry.shard)
            base, _, attempt = entry.shard.rpartition(".")
            known.fates[base] = max(known.fates[base], int(attempt) + 1 if attempt.isdigit() else 0)
        else:
            answered.append(entry)
    for entry in answered:
        if entry.kind == "canary":
            known.canaries[entry.shard, entry.note] = judgement(entry)
        elif entry.shard in known.passed:
            known.final[entry.key] = judgement(entry)
        else:
            known.open[entry.shard, entry.key] = judgement(entry)
    return known


def planned_shards(
    rows: Mapping[str, Row], known: Known, canaries: Canaries, seed: int
) -> Iterator[PlannedShard]:
    """Yields the shards of a call's distinct rows, by key, in the order in which they are decided."""
    order = sorted(rows, key=lambda key: blake2b(f"{seed} {key}".encode(), digest_size=8).digest())
    for start in range(0, len(order), canaries.shard):
        keys = order[start : start + canaries.shard]
        base = blake2b(f"{seed} {canaries.id} {' '.join(keys)}".encode(), digest_size=12).hexdigest()
        if all(key in known.final for key in keys):
            yield _settled(base, known, canaries)
            continue
        name = f"{base}.{known.fates[base]}"
        unanswered = [key for key in keys if key not in known.final]
        provisional = {k: known.open[name, k] for k in unanswered if (name, k) in known.open}
        drawn = canaries.draw(name)
        yield PlannedShard(
            name,
            drawn,
            {c.name: known.canaries[name, c.name] for c in drawn if (name, c.name) in known.canaries},
            provisional,
            {key: rows[key] for key in unanswered if key not in provisional},
        )


def _settled(base: str, known: Known, canaries: Canaries) -> PlannedShard:
    """A shard that needs nothing; the canaries with which it passed still count for those after it."""
    passed = [f"{base}.{n}" for n in range(known.fates[base]) if f"{base}.{n}" in known.passed]
    name = passed[-1] if passed else f"{base}.0"
    drawn = [c for c in canaries.draw(name) if (name, c.name) in known.canaries]
    answers = {c.name: known.canaries[name, c.name] for c in drawn}
    return PlannedShard(name, drawn, answers, {}, {}, "settled")


def affordable(shard: PlannedShard, left: int, price: Callable[[Row], int]) -> int:
    """Take out of a shard what `left` calls do not pay for; returns how many calls the rest costs."""
    cost = sum(price(c.row) for c in shard.ask)
    if cost > left or (shard.todo and cost + min(price(row) for row in shard.todo.values()) > left):
        shard.left_out = [*shard.todo, *shard.provisional]
        shard.todo, shard.provisional, shard.state = {}, {}, "unpaid"
        return 0
    for key in list(shard.todo):
        one = price(shard.todo[key])
        if cost + one > left:
            del shard.todo[key]
            shard.left_out.append(key)
        else:
            cost += one
    return cost

"""The model's own chains: sampled once, kept as they come, and cut."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from theodolite.core import Record
from theodolite.errors import DataError, OutputError
from theodolite.reasoning.chain import Chain, Item, cut_chain
from theodolite.reasoning.chunks import Unit
from theodolite.reasoning.journal import Journal
from theodolite.reasoning.reader import Thinker

__all__ = ["CHAINS_FILE", "sample_chains"]

CHAINS_FILE = "chains.jsonl"
_TOGETHER = 16
"""Items whose chains are sampled at once: what a process that is killed loses at most."""


class _Thought(Record):
    """One turn of the model, as it is kept."""

    item: str
    sample: str
    """Digest of what decides the turn."""
    thought: str
    answer: str
    tokens: int
    stop: str


def sample_chains(
    items: Sequence[Item],
    reader: Thinker,
    kept: Path,
    n: int = 10,
    unit: Unit = "sentence",
    max_tokens: int = 1024,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _share: None,
) -> list[Chain]:
    """Returns the model's own chain about each item, cut; recorded chains of items are taken as they are.

    A turn that the cap stopped has no answer, and its chain is in the state `no_answer`.

    Args:
        items: the questions.
        reader: the model.
        kept: a file of JSON lines that this is resumed from.
        n: chunks wanted.
        unit: what a chunk never cuts apart.
        max_tokens: longest turn.
        seed: of the samples.
        progress: takes the share that is done.

    Raises:
        OutputError: the file holds chains of another reader, seed or question, or cannot be written.
        DataError: the file holds something else, or two items ask the same question.
    """
    wanted = [item for item in items if item.chain is None]
    _differ(wanted)
    sample = {item.id: _digest(reader.name, reader.given, seed, max_tokens, item.question) for item in wanted}
    with Journal(kept, _Thought) as journal:
        for line in journal.lines:
            if line.item in sample and line.sample != sample[line.item]:
                problem = f"'{kept}' holds chains of another model, seed, cap or question"
                raise OutputError(problem, "name another folder, or give what it was begun with")
        done = {line.item: line for line in journal.lines}
        left = [item for item in wanted if item.id not in done]
        for start in range(0, len(left), _TOGETHER):
            some = left[start : start + _TOGETHER]
            said = reader.think([item.question for item in some], seed, max_tokens)
            new = [
                _Thought(
                    item=item.id,
                    sample=sample[item.id],
                    thought=_text(one.thought),
                    answer=_text(one.answer or ""),
                    tokens=one.tokens,
                    stop=one.stop,
                )
                for item, one in zip(some, said, strict=True)
            ]
            journal.add(new)
            done |= {line.item: line for line in new}
            progress((start + len(some)) / len(left))
    return [_cut(item, done.get(item.id), n, unit, reader, seed) for item in items]


def _differ(items: Sequence[Item]) -> None:
    """One question and one seed give one chain: a second item of it would be no other observation."""
    seen: dict[str, str] = {}
    for item in items:
        first = seen.setdefault(item.question, item.id)
        if first != item.id:
            problem = f"items {first!r} and {item.id!r} ask the same question"
            raise DataError(problem, "keep one of them; another chain of it takes another --seed")


def _cut(item: Item, said: _Thought | None, n: int, unit: Unit, reader: Thinker, seed: int) -> Chain:
    chain, answer = (item.chain or "", item.answer) if said is None else (said.thought, said.answer)
    return cut_chain(item, chain, answer, n, unit, reader.count, seed=seed)


def _text(text: str) -> str:
    # A lone surrogate is no text, and could not be kept.
    return text.encode("utf-8", "replace").decode()


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()[:16]

"""Rows to features: every pattern that a row carries, as a 64-bit number, computed for many rows at once.

A phrase's number is rolled from its words' numbers, so that all phrases of all lengths cost a few vector
operations; the text of a phrase is looked up only for the few that matter.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from theodolite.dataset.pattern import Form, Pattern, Side, words_of
from theodolite.dataset.traits import TRAITS, traits_of
from theodolite.targets import Row

__all__ = ["Batch", "Passes", "batches", "feature_number"]

UIntArray = NDArray[np.uint64]
IntArray = NDArray[np.int64]

BATCH_WORDS = 60_000
"""Words after which a batch is closed: it bounds the memory of the vector operations."""
HELD_BATCHES = 8
"""Batches that repeated passes keep in memory: about 100 MB, and no pass over a small set reads it twice."""
EDGE_WORDS = 3
"""Longest opening or ending that counts as a kind of answer."""
WHOLE_WORDS = 8
"""Longest answer that is a kind of its own."""

KINDS: tuple[tuple[Side, Form], ...] = (
    ("prompt", "phrase"),
    ("response", "phrase"),
    ("response", "opens"),
    ("response", "ends"),
    ("response", "whole"),
    ("prompt", "trait"),
    ("response", "trait"),
)
"""The kinds of feature; `Batch.kind` holds indices into it."""

_TRAIT_NAMES = tuple(TRAITS)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Batch:
    """The features of some rows: each pair of row and feature once."""

    rows: list[Row]
    """The rows, in file order."""
    row: IntArray
    """Index into `rows` of each feature."""
    number: UIntArray
    """The feature's number."""
    kind: IntArray
    """Index into `KINDS`."""
    start: IntArray
    """Where the feature's words start in `words` of its side; for a trait, its place in `TRAITS`."""
    length: IntArray
    """The feature's count of words; 0 for a trait."""
    words: dict[Side, list[str]]
    """All words of all prompts, and of all responses."""

    @cached_property
    def units(self) -> UIntArray:
        """The unit of each row: a hash of its prompt."""
        return np.array([r.unit for r in self.rows], np.uint64)

    def pattern(self, i: int) -> Pattern:
        """Returns the pattern behind the i-th feature."""
        side, form = KINDS[int(self.kind[i])]
        start = int(self.start[i])
        if form == "trait":
            return Pattern(side, form, _TRAIT_NAMES[start])
        return Pattern(side, form, " ".join(self.words[side][start : start + int(self.length[i])]))


def batches(rows: Iterable[Row], lengths: Sequence[int]) -> Iterator[Batch]:
    """Yields the features of rows: phrases of the given lengths in words, kinds of answer, and traits."""
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += (len(row.prompt) + len(row.response)) // 5 + 20
        if size >= BATCH_WORDS:
            yield _Builder(held, lengths).batch()
            held, size = [], 0
    if held:
        yield _Builder(held, lengths).batch()


class Passes:
    """The same batches again at every call: held in memory while they are few, else read anew."""

    def __init__(self, read: Callable[[], Iterable[Row]], lengths: Sequence[int]) -> None:
        self._read = read
        self._lengths = lengths
        self._held: list[Batch] | None = None

    def __call__(self) -> Iterator[Batch]:
        """Yields the batches of one pass."""
        if self._held is not None:
            yield from self._held
            return
        held: list[Batch] = []
        count = 0
        for batch in batches(self._read(), self._lengths):
            count += 1
            if count <= HELD_BATCHES:
                held.append(batch)
            else:
                held.clear()
            yield batch
        if count <= HELD_BATCHES:
            self._held = held


def feature_number(pattern: Pattern) -> int:
    """Returns the number that `batches` gives this pattern."""
    kind = KINDS.index((pattern.side, pattern.form))
    if pattern.form == "trait":
        return int(_feature(np.array([_TRAIT_NAMES.index(pattern.value)], np.uint64), kind, 0)[0])
    words = np.array([_word_number(w) for w in pattern.value.split(" ")], np.uint64)
    return int(_feature(_rolled(words, words.size)[:1], kind, words.size)[0])


class _Builder:
    """Collects the parts of one batch."""

    def __init__(self, rows: list[Row], lengths: Sequence[int]) -> None:
        self.rows = rows
        self.lengths = lengths
        self.words: dict[Side, list[str]] = {"prompt": [], "response": []}
        self.parts: list[tuple[IntArray, UIntArray, int, IntArray, int]] = []

    def batch(self) -> Batch:
        self._phrases("prompt", [words_of(r.prompt) for r in self.rows])
        responses = [words_of(r.response) for r in self.rows]
        self._phrases("response", responses)
        self._answers(responses)
        self._traits("prompt", [r.prompt for r in self.rows])
        self._traits("response", [r.response for r in self.rows])
        row, number, kind, start, length = (
            np.concatenate(a) for a in zip(*map(_spread, self.parts), strict=True)
        )
        # A pair of row and feature is hashed once more, so that one `unique` drops its repeats.
        _, first = np.unique(_mix(number + row.astype(np.uint64) * _MULTIPLIER), return_index=True)
        first.sort()
        return Batch(
            self.rows, row[first], number[first], kind[first], start[first], length[first], self.words
        )

    def _phrases(self, side: Side, texts: list[list[str]]) -> None:
        words = [w for text in texts for w in text]
        self.words[side] = words
        self.numbers = np.array([_word_number(w) for w in words], np.uint64)
        owner = np.repeat(np.arange(len(texts)), [len(t) for t in texts])
        kind = KINDS.index((side, "phrase"))
        for n in self.lengths:
            if n > len(words):
                continue
            inside = np.flatnonzero(owner[: len(owner) - n + 1] == owner[n - 1 :])
            self._add(owner[inside], _rolled(self.numbers, n)[inside], kind, inside, n)

    def _answers(self, responses: list[list[str]]) -> None:
        """Openings, endings and short whole texts of the last answer of each row."""
        ends = np.cumsum([len(t) for t in responses], dtype=np.int64)
        sizes = np.array([_last_answer_size(r, len(t)) for r, t in zip(self.rows, responses, strict=True)])
        starts = ends - sizes
        for n in range(1, WHOLE_WORDS + 1):
            if n > self.numbers.size:
                break
            rolled = _rolled(self.numbers, n)
            for form, wanted, at in (
                ("opens", (sizes >= n) & (n <= EDGE_WORDS), starts),
                ("ends", (sizes >= n) & (n <= EDGE_WORDS), ends - n),
                ("whole", sizes == n, starts),
            ):
                owner = np.flatnonzero(wanted)
                kind = KINDS.index(("response", form))
                self._add(owner, rolled[at[owner]], kind, at[owner], n)

    def _traits(self, side: Side, texts: list[str]) -> None:
        owner: list[int] = []
        place: list[int] = []
        for i, text in enumerate(texts):
            for name in traits_of(text):
                owner.append(i)
                place.append(_TRAIT_NAMES.index(name))
        places = np.array(place, np.int64)
        kind = KINDS.index((side, "trait"))
        self._add(np.array(owner, np.int64), places.astype(np.uint64), kind, places, 0)

    def _add(self, owner: IntArray, rolled: UIntArray, kind: int, start: IntArray, length: int) -> None:
        self.parts.append((owner, _feature(rolled, kind, length), kind, start, length))


def _spread(part: tuple[IntArray, UIntArray, int, IntArray, int]) -> tuple[NDArray, ...]:
    owner, number, kind, start, length = part
    return owner, number, np.full(owner.size, kind), start, np.full(owner.size, length)


def _last_answer_size(row: Row, words_in_response: int) -> int:
    if sum(turn.role == "assistant" for turn in row.turns) < 2:
        return words_in_response
    return len(words_of(row.turns[-1].text)) if row.turns[-1].role == "assistant" else words_in_response


@lru_cache(maxsize=1 << 18)
def _word_number(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _rolled(numbers: UIntArray, n: int) -> UIntArray:
    """The number of every run of n words, by its first word."""
    rolled = numbers[: numbers.size - n + 1].copy()
    for i in range(1, n):
        rolled = rolled * _MULTIPLIER + numbers[i : numbers.size - n + 1 + i]
    return rolled


def _feature(rolled: UIntArray, kind: int, length: int) -> UIntArray:
    """Salts through the mixer: kinds and lengths must not meet by a cheap collision."""
    salt = _mix(np.array([kind * 1024 + length + 1], np.uint64))
    return _mix(_mix(rolled) ^ salt)


def _mix(h: UIntArray) -> UIntArray:
    """Spreads every bit over all others (the last step of SplitMix64)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))

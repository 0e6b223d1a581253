"""Rows to features: every pattern that a row carries, as a 64-bit number, computed for many rows at once.

A phrase's number is rolled from its words' numbers by compiled loops; the text of a phrase is looked up only for
the few that matter.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from theodolite.dataset.kernels import hash_phrases, hash_runs, mix, smallest_hashes
from theodolite.dataset.pattern import GAP, Form, Pattern, Side, mask_of, runs, words_of
from theodolite.dataset.shapes import skeleton_word
from theodolite.dataset.sources import keys_of
from theodolite.dataset.traits import TRAITS, traits_of
from theodolite.targets import Row

__all__ = ["Batch", "Passes", "batches", "feature_number"]

UIntArray = NDArray[np.uint64]
IntArray = NDArray[np.int64]

BATCH_WORDS = 60_000
"""Words after which a batch is closed: it bounds the memory of the vector operations."""
HELD_BATCHES = 8
"""Batches that repeated passes keep in memory: about 150 MB, and no pass over a small set reads it twice."""
EDGE_WORDS = 3
"""Longest opening or ending that counts as a kind of answer."""
WHOLE_WORDS = 8
"""Longest answer that is a kind of its own."""
SKELETON_MASKS = runs((4, 5, 6))
START_WORDS = range(3, 9)
TEMPLATE_WORDS = range(5, 41)
NEAR_WORDS = 8
"""Fewest words of a text that can be a near-duplicate."""
NEAR_BANDS, NEAR_TURNS = 4, 16

KINDS: tuple[tuple[Side, Form], ...] = tuple(
    (side, form)
    for form in ("phrase", "skip", "trait", "skeleton", "template", "near")
    for side in ("prompt", "response")
) + (("response", "opens"), ("response", "ends"), ("response", "whole"), ("prompt", "starts"))
"""The kinds of feature; `Batch.kind` holds indices into it."""

_TRAIT_NAMES = tuple(TRAITS)
_MOST_WORDS = 1 << 18
_TURNS = mix(np.arange(1, NEAR_TURNS + 1, dtype=np.uint64)) | np.uint64(1)


@dataclass(frozen=True)
class Batch:
    """The features of some rows: each pair of row and feature once."""

    rows: list[Row]
    """The rows, in file order."""
    row: NDArray[np.int32]
    """Index into `rows` of each feature."""
    number: UIntArray
    """The feature's number."""
    kind: NDArray[np.int16]
    """Index into `KINDS`."""
    start: NDArray[np.int32]
    """Where the feature's words start in `words` of its side; for a trait, its place in `TRAITS`."""
    mask: IntArray
    """Which words from there belong to it, bit by bit; for long runs, minus their length; 0 for a trait."""
    words: dict[Side, list[str]]
    """All words of all prompts, and of all responses."""

    @cached_property
    def units(self) -> UIntArray:
        """The unit of each row: a hash of its prompt."""
        return np.array([r.unit for r in self.rows], np.uint64)

    @cached_property
    def keys(self) -> UIntArray:
        """The unit of each row inside its source."""
        return keys_of(self.rows)

    def pattern(self, i: int) -> Pattern:
        """Returns the pattern behind the i-th feature."""
        side, form = KINDS[int(self.kind[i])]
        start, mask = int(self.start[i]), int(self.mask[i])
        if form == "trait":
            return Pattern(side, form, _TRAIT_NAMES[start])
        if form == "near":
            return Pattern(side, form, f"{int(self.number[i]):016x}")
        size = -mask if mask < 0 else mask.bit_length()
        words = self.words[side][start : start + size]
        if form in ("skeleton", "starts", "template"):
            words = [skeleton_word(w) for w in words]
        elif mask > 0:
            words = [w if mask >> j & 1 else GAP for j, w in enumerate(words)]
        return Pattern(side, form, " ".join(words))


def batches(rows: Iterable[Row], masks: Sequence[int], shapes: bool = False) -> Iterator[Batch]:
    """Yields the features of rows: phrases of the given masks, kinds of answer, and traits.

    Args:
        rows: the rows.
        masks: which words of a window make a phrase (`runs`, `spans`).
        shapes: whether also skeletons, templates and near-duplicates.
    """
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += row.n_characters // 5 + 20
        if size >= BATCH_WORDS:
            yield _Builder(held, masks).batch(shapes)
            held, size = [], 0
    if held:
        yield _Builder(held, masks).batch(shapes)


class Passes:
    """The same batches again at every call: held in memory while they are few, else read anew."""

    def __init__(
        self, read: Callable[[], Iterable[Row]], masks: Sequence[int], shapes: bool = False
    ) -> None:
        self._read = read
        self._masks = masks
        self._shapes = shapes
        self._held: list[Batch] | None = None

    def __call__(self) -> Iterator[Batch]:
        """Yields the batches of one pass."""
        if self._held is not None:
            yield from self._held
            return
        held: list[Batch] = []
        count = 0
        for batch in batches(self._read(), self._masks, self._shapes):
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
    side, form, value = pattern
    if form == "near":
        return int(value, 16)
    if form in ("trait", "topic"):
        own = _TRAIT_NAMES.index(value) if form == "trait" else _text_number(value)
        kind = ("prompt", "trait") if form == "topic" else (side, form)
        return int(_feature(np.array([own], np.uint64), KINDS.index(kind), 1 if form == "topic" else 0)[0])
    words = value.split(" ")
    kept = [w for w in words if w != GAP]
    rolled = hash_runs(
        np.array([_text_number(w) for w in kept], np.uint64), np.zeros(1, np.int64), np.array([len(kept)])
    )
    mask = mask_of(words) if form in ("phrase", "skip", "skeleton") else 0
    return int(_feature(rolled, KINDS.index((side, form)), mask)[0])


class _Builder:
    """Turns some rows into one batch."""

    def __init__(self, rows: list[Row], masks: Sequence[int]) -> None:
        self.rows = rows
        self.masks = masks
        self.texts: dict[Side, list[str]] = {
            "prompt": [r.prompt for r in rows],
            "response": [r.response for r in rows],
        }
        self.words: dict[Side, list[str]] = {}
        self.parts: list[tuple[NDArray, ...]] = []

    def batch(self, shapes: bool) -> Batch:
        for side in ("prompt", "response"):
            lists = [words_of(text) for text in self.texts[side]]
            words = [w for text in lists for w in text]
            first = np.zeros(len(lists) + 1, np.int64)
            np.cumsum([len(t) for t in lists], out=first[1:])
            numbers = np.fromiter(map(_NUMBERS.__getitem__, words), np.uint64, len(words))
            self.words[side] = words
            self._phrases(side, numbers, first, self.masks, ("phrase", "skip"))
            if side == "response":
                self._answers(numbers, first, lists)
            if shapes:
                self._shapes(side, words, numbers, first)
            self._traits(side)
        row, number, kind, start, mask = (np.concatenate(a) for a in zip(*self.parts, strict=True))
        return Batch(self.rows, row, number, kind, start, mask, self.words)

    def _phrases(
        self,
        side: Side,
        numbers: UIntArray,
        first: IntArray,
        masks: Sequence[int],
        forms: tuple[Form, Form],
    ) -> None:
        if not masks or not numbers.size:
            return
        every = _with_parents(masks)
        place = {m: i for i, m in enumerate(every)}
        last = np.array([m.bit_length() - 1 for m in every])
        parent = np.array([place.get(_parent(m), -1) for m in every])
        kinds = np.array([KINDS.index((side, forms[m & (m + 1) != 0])) for m in every])
        salts = _salts(kinds, np.array(every, np.int64))
        wanted = np.isin(every, masks)
        row, number, start, which = hash_phrases(numbers, first, last, parent, wanted, salts)
        self._add(row, number, kinds[which], start, np.array(every, np.int64)[which])

    def _answers(self, numbers: UIntArray, first: IntArray, lists: list[list[str]]) -> None:
        """Openings, endings and short whole texts of the last answer of each row."""
        sizes = np.array([_last_answer_size(r, len(t)) for r, t in zip(self.rows, lists, strict=True)])
        ends = first[1:]
        starts = ends - sizes
        for n in range(1, WHOLE_WORDS + 1):
            for form, wanted, at in (
                ("opens", (sizes >= n) & (n <= EDGE_WORDS), starts),
                ("ends", (sizes >= n) & (n <= EDGE_WORDS), ends - n),
                ("whole", sizes == n, starts),
            ):
                owner = np.flatnonzero(wanted)
                self._runs("response", form, numbers, owner, at[owner], np.full(owner.size, n))

    def _shapes(self, side: Side, words: list[str], numbers: UIntArray, first: IntArray) -> None:
        skeleton = np.fromiter(map(_SKELETON_NUMBERS.__getitem__, words), np.uint64, len(words))
        self._phrases(side, skeleton, first, SKELETON_MASKS, ("skeleton", "skeleton"))
        sizes = np.diff(first)
        if side == "prompt":
            for n in START_WORDS:
                owner = np.flatnonzero(sizes >= n)
                self._runs(side, "starts", skeleton, owner, first[owner], np.full(owner.size, n))
        whole = np.flatnonzero((sizes >= TEMPLATE_WORDS.start) & (sizes < TEMPLATE_WORDS.stop))
        self._runs(side, "template", skeleton, whole, first[whole], sizes[whole])
        kind = KINDS.index((side, "near"))
        groups = smallest_hashes(numbers, first, _TURNS, NEAR_BANDS, NEAR_WORDS)
        for band in groups.T:
            owner = np.flatnonzero(band)
            number = _feature(band[owner], kind, 0)
            self._add(owner, number, np.full(owner.size, kind), first[owner], np.zeros(owner.size, np.int64))

    def _runs(
        self, side: Side, form: Form, numbers: UIntArray, owner: IntArray, start: IntArray, size: IntArray
    ) -> None:
        kind = KINDS.index((side, form))
        number = _feature(hash_runs(numbers, start, size), kind, 0)
        self._add(owner, number, np.full(owner.size, kind), start, -size)

    def _traits(self, side: Side) -> None:
        owner: list[int] = []
        place: list[int] = []
        for i, text in enumerate(self.texts[side]):
            for name in traits_of(text):
                owner.append(i)
                place.append(_TRAIT_PLACE[name])
        places = np.array(place, np.int64)
        kind = KINDS.index((side, "trait"))
        number = _feature(places.astype(np.uint64), kind, 0)
        self._add(np.array(owner, np.int64), number, np.full(places.size, kind), places, np.zeros_like(places))

    def _add(self, row: NDArray, number: UIntArray, kind: NDArray, start: NDArray, mask: IntArray) -> None:
        self.parts.append(
            (row.astype(np.int32), number, kind.astype(np.int16), start.astype(np.int32), mask)
        )


_TRAIT_PLACE = {name: i for i, name in enumerate(_TRAIT_NAMES)}


def _parent(mask: int) -> int:
    """The mask without its last word."""
    return mask ^ (1 << mask.bit_length() - 1)


def _with_parents(masks: Sequence[int]) -> list[int]:
    """The masks and what they grow from, each after its parent."""
    found: set[int] = set()
    for mask in masks:
        while mask and mask not in found:
            found.add(mask)
            mask = _parent(mask)
    return sorted(found)


def _last_answer_size(row: Row, words_in_response: int) -> int:
    if len(row.turns) < 3 or sum(turn.role == "assistant" for turn in row.turns) < 2:
        return words_in_response
    return len(words_of(row.turns[-1].text)) if row.turns[-1].role == "assistant" else words_in_response


def _text_number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class _Numbers(dict[str, int]):
    """The numbers of words; forgets all of them when they become too many."""

    def __init__(self, turn: Callable[[str], str]) -> None:
        self._turn = turn

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_WORDS:
            self.clear()
        number = self[word] = _text_number(self._turn(word))
        return number


_NUMBERS = _Numbers(lambda word: word)
_SKELETON_NUMBERS = _Numbers(skeleton_word)


def _salts(kinds: IntArray, masks: IntArray) -> UIntArray:
    """Through the mixer: kinds and lengths must not meet by a cheap collision."""
    return mix(kinds.astype(np.uint64) * np.uint64(1 << 40) + masks.astype(np.uint64) + np.uint64(1))


def _feature(rolled: UIntArray, kind: int, mask: int) -> UIntArray:
    salt = _salts(np.array([kind]), np.array([mask], np.int64))
    return mix(rolled ^ salt)

"""Texts as code points: the words of many texts at once, and what kinds of character each text holds.

The split is that of `words_of`, and a word's skeleton that of `skeleton_word`; here they are compiled, and
work on all texts of a batch together.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np
from numba import njit
from numpy.typing import NDArray

from theodolite.dataset.kernels import MULTIPLIER, insert, spread
from theodolite.dataset.shapes import CONTENT, FUNCTION_WORDS, NUMERAL

__all__ = ["Sieve", "Words", "sieve", "split_words", "word_number"]

IntArray = NDArray[np.int64]
UIntArray = NDArray[np.uint64]


class Sieve:
    """Kinds of character, one bit each: what `sieve` finds in a text."""

    WORD, SPACE, NUMERIC, APOSTROPHE = 1, 1 << 1, 1 << 2, 1 << 3
    CAPITAL, SMALL = 1 << 4, 1 << 5
    DIGIT = 1 << 6
    BEYOND_ASCII = 1 << 7
    FORMAT, PRIVATE, PICTOGRAPH = 1 << 8, 1 << 9, 1 << 10
    GREEK_OR_CYRILLIC = 1 << 11
    CONTROL = 1 << 12
    BULLET = 1 << 13
    NEW_LINE = 1 << 14
    EXCLAMATION, QUESTION, HASH, BRACKET, BACKTICK, STAR = (1 << i for i in range(15, 21))
    ENCODING = 1 << 21
    """Letters, digits, `+` and `/`; as a finding, forty of them in a row."""
    VISIBLE = 1 << 22
    """As a finding only: something that is no white space."""
    GAP = 1 << 23
    """As a finding only: white space between two visible characters."""
    ITEM = 1 << 24
    """As a finding only: a line that begins with a bullet or a digit."""
    FIVE_ALIKE = 1 << 25
    """As a finding only: one visible character five times in a row."""


_MARKS = {
    "'": Sieve.APOSTROPHE,
    "’": Sieve.APOSTROPHE,
    "-": Sieve.BULLET,
    "*": Sieve.BULLET | Sieve.STAR,
    "•": Sieve.BULLET,
    "\n": Sieve.NEW_LINE,
    "!": Sieve.EXCLAMATION,
    "?": Sieve.QUESTION,
    "#": Sieve.HASH,
    "<": Sieve.BRACKET,
    "[": Sieve.BRACKET,
    "`": Sieve.BACKTICK,
    "+": Sieve.ENCODING,
    "/": Sieve.ENCODING,
}
_CATEGORIES = {"Cf": Sieve.FORMAT, "Co": Sieve.PRIVATE, "Cn": Sieve.PRIVATE, "So": Sieve.PICTOGRAPH}
_ALL = 0x110000
_LONG_RUN = 40


@dataclass(frozen=True)
class Words:
    """The words of some texts, one after the other."""

    text: str
    """The texts, case folded and joined."""
    start: NDArray[np.int32]
    """Where each word starts in `text`."""
    end: NDArray[np.int32]
    """Where it ends."""
    number: UIntArray
    """Each word's number."""
    skeleton: UIntArray
    """The number of what stands for it in a skeleton."""
    first: IntArray
    """[texts + 1] the place of each text's first word."""

    def __getitem__(self, places: slice) -> list[str]:
        """Returns some words as they are written."""
        bounds = zip(self.start[places].tolist(), self.end[places].tolist(), strict=True)
        return [self.text[start:end] for start, end in bounds]


def split_words(texts: Sequence[str]) -> Words:
    """Returns the words of texts, case folded, with their numbers."""
    folded = [text.casefold() for text in texts]
    text, codes, bounds = _joined(folded)
    words = _split(codes, bounds, _kinds(text.isascii()), *_skeleton_numbers())
    return Words(text, *words)


def sieve(texts: Sequence[str]) -> NDArray[np.int64]:
    """Returns which of `Sieve`'s kinds each text holds."""
    text, codes, bounds = _joined(texts)
    return _sieve(codes, bounds, _kinds(text.isascii()))


def word_number(word: str) -> int:
    """Returns the number of a word."""
    codes = np.frombuffer(word.encode("utf-32-le", "surrogatepass"), np.uint32)
    return int(_number(codes, 0, codes.size))


def _joined(texts: Sequence[str]) -> tuple[str, NDArray[np.uint32], IntArray]:
    """The texts with a line break after each, as code points, and where each begins."""
    text = "\n".join((*texts, ""))
    bounds = np.fromiter(accumulate((len(t) + 1 for t in texts), initial=0), np.int64, len(texts) + 1)
    return text, np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32), bounds


@cache
def _kinds(is_ascii: bool) -> NDArray[np.int32]:
    """The kinds of every character; those of ASCII come without the wait for all others."""
    return np.array([_kind(chr(i)) for i in range(128 if is_ascii else _ALL)], np.int32)


def _kind(c: str) -> int:
    kind = _MARKS.get(c, 0)
    if c.isalnum() or c == "_":
        kind |= Sieve.WORD
        if c.isnumeric():
            kind |= Sieve.NUMERIC
            if c.isdecimal():
                kind |= Sieve.DIGIT
    elif c.isspace():
        kind |= Sieve.SPACE
    if not c.isascii():
        kind |= Sieve.BEYOND_ASCII | _CATEGORIES.get(unicodedata.category(c), 0)
        return kind | Sieve.GREEK_OR_CYRILLIC if "\u0370" <= c <= "\u04ff" else kind
    if c.isalnum():
        kind |= Sieve.ENCODING
        kind |= Sieve.CAPITAL if c.isupper() else Sieve.SMALL if c.islower() else 0
    elif c < " " and c not in "\t\n\r":
        kind |= Sieve.CONTROL
    return kind


_WORD, _SPACE, _NUMERIC, _APOSTROPHE = Sieve.WORD, Sieve.SPACE, Sieve.NUMERIC, Sieve.APOSTROPHE
_S32 = np.uint64(32)


@njit(inline="always")
def _number(codes, start, end):
    h = np.uint64(end - start)
    for i in range(start, end):
        h = (h ^ np.uint64(codes[i])) * MULTIPLIER
        h ^= h >> _S32
    h = spread(h)
    return h if h else np.uint64(1)


@njit(cache=True)
def _split(codes, bounds, kinds, function_words, content, numeral):
    most = codes.size
    start, end = np.empty(most, np.int32), np.empty(most, np.int32)
    number, skeleton = np.empty(most, np.uint64), np.empty(most, np.uint64)
    first = np.zeros(bounds.size, np.int64)
    inside = np.uint64(function_words.size - 1)
    n = 0
    for t in range(bounds.size - 1):
        i, stop = bounds[t], bounds[t + 1]
        while i < stop:
            kind = kinds[codes[i]]
            if kind & _SPACE:
                i += 1
                continue
            begin = i
            i += 1
            if kind & _WORD:
                both = kind
                while i < stop:
                    kind = kinds[codes[i]]
                    # The line break after each text keeps the place after an apostrophe inside.
                    if not (kind & _WORD or (kind & _APOSTROPHE and kinds[codes[i + 1]] & _WORD)):
                        break
                    both &= kind
                    i += 1
                h = _number(codes, begin, i)
                at = (h >> np.uint64(7)) & inside
                while function_words[at] != 0 and function_words[at] != h:
                    at = (at + np.uint64(1)) & inside
                if function_words[at] == h:
                    skeleton[n] = h
                else:
                    skeleton[n] = numeral if both & _NUMERIC else content
                number[n] = h
            else:
                number[n] = skeleton[n] = _number(codes, begin, i)
            start[n], end[n] = begin, i
            n += 1
        first[t + 1] = n
    return start[:n].copy(), end[:n].copy(), number[:n].copy(), skeleton[:n].copy(), first


_FOUND = (
    Sieve.CAPITAL | Sieve.SMALL | Sieve.DIGIT | Sieve.BEYOND_ASCII | Sieve.FORMAT | Sieve.PRIVATE
    | Sieve.PICTOGRAPH | Sieve.GREEK_OR_CYRILLIC | Sieve.CONTROL | Sieve.NEW_LINE | Sieve.EXCLAMATION
    | Sieve.QUESTION | Sieve.HASH | Sieve.BRACKET | Sieve.BACKTICK | Sieve.STAR
)  # fmt: skip
_BEGINS_ITEM = Sieve.BULLET | Sieve.DIGIT
_ENCODING, _VISIBLE, _GAP, _ITEM, _FIVE_ALIKE = (
    Sieve.ENCODING,
    Sieve.VISIBLE,
    Sieve.GAP,
    Sieve.ITEM,
    Sieve.FIVE_ALIKE,
)
_NEW_LINE = Sieve.NEW_LINE


@njit(cache=True)
def _sieve(codes, bounds, kinds):
    out = np.zeros(bounds.size - 1, np.int64)
    for t in range(bounds.size - 1):
        found = 0
        encoding = alike = 0
        before = np.uint32(0)
        starts_line, was_space = True, True
        # The line break that follows each text is not its own.
        for i in range(bounds[t], bounds[t + 1] - 1):
            c = codes[i]
            kind = kinds[c]
            found |= kind & _FOUND
            encoding = encoding + 1 if kind & _ENCODING else 0
            if encoding >= _LONG_RUN:
                found |= _ENCODING
            if kind & _SPACE:
                starts_line = starts_line or (kind & _NEW_LINE) != 0
                was_space = True
                alike = 0
                continue
            alike = alike + 1 if alike and c == before else 1
            before = c
            if alike >= 5:
                found |= _FIVE_ALIKE
            if was_space and found & _VISIBLE:
                found |= _GAP
            found |= _VISIBLE
            if starts_line and kind & _BEGINS_ITEM:
                found |= _ITEM
            starts_line = was_space = False
        out[t] = found
    return out


@cache
def _skeleton_numbers() -> tuple[UIntArray, np.uint64, np.uint64]:
    """A table of the function words, and what stands for content words and for numbers."""
    words = sorted(FUNCTION_WORDS)
    table = np.zeros(1024, np.uint64)
    insert(table, 0, np.array([word_number(w) for w in words], np.uint64), len(words))
    return table, np.uint64(word_number(CONTENT)), np.uint64(word_number(NUMERAL))

"""The inner loops, compiled: hashing phrases, counting in fixed memory, looking numbers up.

The counters are a count-min sketch (Cormode and Muthukrishnan, Journal of Algorithms 55, 2005) with
conservative update (Estan and Varghese, SIGCOMM 2002): they over-count and never under-count. Both counters
of a feature lie in one cache line, so that a feature costs one miss.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "add_to_sketch",
    "count_exactly",
    "find",
    "hash_phrases",
    "hash_runs",
    "histogram",
    "in_sketch",
    "insert",
    "mix",
    "smallest_hashes",
    "spread",
]

UIntArray = NDArray[np.uint64]
IntArray = NDArray[np.int64]

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S5 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(5)
LINE = 32
"""Counters of 16 bits in a cache line."""
_IN_LINE = np.uint64(LINE - 1)
_FULL = 65535
AHEAD = 128
"""Features whose counters are read before the first is written."""
MOST_COMPARED = 64
"""Earlier places of a word that are compared with the present one."""


@njit(inline="always")
def spread(h):
    """Spreads every bit over all others (the last step of SplitMix64)."""
    h = (h ^ (h >> _S30)) * _A
    h = (h ^ (h >> _S27)) * _B
    return h ^ (h >> _S31)


@njit(cache=True)
def mix(h):
    """Returns each number with every bit spread over all others."""
    out = np.empty_like(h)
    for i in range(h.size):
        out[i] = spread(h[i])
    return out


@njit(cache=True)
def hash_phrases(words, first, last, parent, wanted, salts, within, code, out):
    """Writes the phrases of every row, each once, and returns how far `out` is filled.

    Masks come after their parents, so that each costs one multiplication. A phrase came before in its row
    where its first word did and the same words followed it: so the places of that word are compared, and only
    in a row that holds one word very often are all its phrases remembered.

    Args:
        words: numbers of all words, `first[r]:first[r + 1]` those of row r.
        first: one more than there are rows.
        last: where the last word of each mask is, counted from its first.
        parent: the mask without that word, or -1 for a single word.
        wanted: whether a mask is asked for, or only some mask's parent.
        salts: one for each mask; phrases of different masks never share a number but by accident.
        within: for each set of equal words, bit by bit, the masks that lie in it (`masks_within`); empty
            where masks are too long for that.
        code: what is written for each mask.
        out: how far it is filled, and for every phrase the row, the number, the start and the mask's code.
    """
    n, row, number, start, which = out
    width = 0
    everything = np.uint64(0)
    if within.size:
        everything = within[within.size - 1]
        while (1 << width) < within.size:
            width += 1
    size = 1024
    seen = np.zeros(size, np.uint64)
    stamp = np.full(size, -1, np.int64)
    place = np.zeros(size, np.int32)
    before = np.zeros(size, np.int32)
    times = np.zeros(size, np.int32)
    rolled = np.zeros(last.size, np.uint64)
    turn = 0
    for r in range(first.size - 1):
        begin, end = first[r], first[r + 1]
        remember = within.size == 0
        turn += 1
        while not remember and size < 2 * (end - begin):
            size *= 2
        if size > seen.size:
            seen, stamp = np.zeros(size, np.uint64), np.full(size, -1, np.int64)
            place, before, times = (
                np.zeros(size, np.int32),
                np.zeros(size, np.int32),
                np.zeros(size, np.int32),
            )
        inside = np.uint64(size - 1)
        if not remember:
            for i in range(begin, end):
                h = words[i]
                at = h & inside
                while stamp[at] == turn and seen[at] != h:
                    at = (at + np.uint64(1)) & inside
                if stamp[at] == turn:
                    before[i - begin] = place[at]
                    times[at] += 1
                    if times[at] > MOST_COMPARED:
                        remember = True
                        break
                else:
                    stamp[at] = turn
                    seen[at] = h
                    before[i - begin] = -1
                    times[at] = 0
                place[at] = i
        if remember:
            turn += 1
            while size < 2 * (end - begin) * last.size:
                size *= 2
            if size > seen.size:
                seen, stamp = np.zeros(size, np.uint64), np.full(size, -1, np.int64)
                place, before, times = (
                    np.zeros(size, np.int32),
                    np.zeros(size, np.int32),
                    np.zeros(size, np.int32),
                )
            inside = np.uint64(size - 1)
        for i in range(begin, end):
            repeated = np.uint64(0)
            if not remember:
                p = before[i - begin]
                while p >= 0 and repeated != everything:
                    equal = 0
                    for j in range(1, min(width + 1, end - i)):
                        equal |= np.int64(words[p + j] == words[i + j]) << (j - 1)
                    repeated |= within[equal]
                    p = before[p - begin]
            for m in range(last.size):
                if i + last[m] >= end:
                    continue
                h = words[i + last[m]]
                if parent[m] >= 0:
                    h += rolled[parent[m]] * MULTIPLIER
                rolled[m] = h
                if not wanted[m] or (repeated >> np.uint64(m)) & np.uint64(1):
                    continue
                h = spread(h ^ salts[m])
                if remember:
                    at = h & inside
                    while stamp[at] == turn and seen[at] != h:
                        at = (at + np.uint64(1)) & inside
                    if stamp[at] == turn:
                        continue
                    stamp[at] = turn
                    seen[at] = h
                row[n] = r
                number[n] = h
                start[n] = i
                which[n] = code[m]
                n += 1
    return n


@njit(cache=True)
def hash_runs(words, start, size):
    """Returns the number of one run of words for each start and size."""
    out = np.zeros(start.size, np.uint64)
    for i in range(start.size):
        if size[i] > 0:
            h = words[start[i]]
            for j in range(1, size[i]):
                h = h * MULTIPLIER + words[start[i] + j]
            out[i] = h
    return out


@njit(cache=True)
def smallest_hashes(words, first, turns, bands, least):
    """Returns [rows, bands] hashes that near-duplicates share: MinHash over runs of three words, in bands.

    A text of fewer than `least` words has none: its hashes are zero (Broder, SEQUENCES 1997).
    """
    rows = first.size - 1
    out = np.zeros((rows, bands), np.uint64)
    each = turns.size // bands
    least_seen = np.empty(turns.size, np.uint64)
    for r in range(rows):
        begin, end = first[r], first[r + 1]
        if end - begin < least:
            continue
        least_seen[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for i in range(begin, end - 2):
            h = spread((words[i] * MULTIPLIER + words[i + 1]) * MULTIPLIER + words[i + 2])
            for t in range(turns.size):
                turned = h * turns[t]
                turned ^= turned >> _S31
                least_seen[t] = min(least_seen[t], turned)
        for b in range(bands):
            h = np.uint64(b + 1)
            for t in range(b * each, (b + 1) * each):
                h = spread(h ^ least_seen[t])
            out[r, b] = h
    return out


@njit(cache=True)
def add_to_sketch(sketch, numbers):
    """Counts each number once more; a counter that is full stays full."""
    lines = np.uint64(sketch.size // LINE - 1)
    one, two = np.empty(AHEAD, np.uint64), np.empty(AHEAD, np.uint64)
    least = np.empty(AHEAD, np.int64)
    for begin in range(0, numbers.size, AHEAD):
        some = min(AHEAD, numbers.size - begin)
        for i in range(some):
            h = numbers[begin + i]
            line = ((h >> np.uint64(20)) & lines) << _S5
            one[i], two[i] = line + (h & _IN_LINE), line + ((h >> np.uint64(10)) & _IN_LINE)
        # Reading first lets many misses run side by side; the loop after it finds the lines near.
        for i in range(some):
            least[i] = min(np.int64(sketch[one[i]]), np.int64(sketch[two[i]]))
        for i in range(some):
            a, b = one[i], two[i]
            # 64 bits, for which the compiler needs no branch: a wrongly guessed one waits for the memory.
            ca, cb = np.int64(sketch[a]), np.int64(sketch[b])
            more = min(ca, cb)
            more += more < _FULL
            sketch[a] = np.uint16(max(ca, more))
            sketch[b] = np.uint16(max(cb, more))


@njit(cache=True)
def in_sketch(sketch, numbers, floor):
    """Returns the places of the numbers that may have been counted `floor` times."""
    lines = np.uint64(sketch.size // LINE - 1)
    out = np.empty(numbers.size, np.int64)
    n = 0
    for i in range(numbers.size):
        h = numbers[i]
        line = ((h >> np.uint64(20)) & lines) << _S5
        if (
            sketch[line + (h & _IN_LINE)] >= floor
            and sketch[line + ((h >> np.uint64(10)) & _IN_LINE)] >= floor
        ):
            out[n] = i
            n += 1
    return out[:n].copy()


@njit(cache=True)
def histogram(sketch):
    """Returns how many counters hold each value."""
    out = np.zeros(_FULL + 1, np.int64)
    for i in range(sketch.size):
        out[sketch[i]] += 1
    return out


@njit(cache=True)
def insert(keys, used, numbers, limit):
    """Puts numbers into an open table; returns where each is, and how many places are used.

    Stops with -1 for the rest once `limit` places are used. Zero marks a free place and is no number.
    """
    inside = np.uint64(keys.size - 1)
    out = np.full(numbers.size, -1, np.int64)
    for i in range(numbers.size):
        h = numbers[i]
        at = (h >> np.uint64(7)) & inside
        while keys[at] != 0 and keys[at] != h:
            at = (at + np.uint64(1)) & inside
        if keys[at] == 0:
            if used >= limit:
                return out, used
            keys[at] = h
            used += 1
        out[i] = at
    return out, used


@njit(cache=True)
def find(keys, numbers):
    """Returns where each number is in an open table, or -1."""
    inside = np.uint64(keys.size - 1)
    out = np.full(numbers.size, -1, np.int64)
    for i in range(numbers.size):
        h = numbers[i]
        at = (h >> np.uint64(7)) & inside
        while keys[at] != 0 and keys[at] != h:
            at = (at + np.uint64(1)) & inside
        if keys[at] == h:
            out[i] = at
    return out


@njit(cache=True)
def count_exactly(numbers, mine, row, which, kinds, column, unit, offset, used, limit, table):
    """Counts some features in an open table; returns how many were counted, and how many places are used.

    Args:
        numbers: all features of a batch.
        mine: the places of those to count.
        row: the row of each feature.
        which: what it is made of, as index into `kinds`.
        kinds: the kind of each make.
        column: where each row is counted.
        unit: the unit of each row.
        offset: features in the batches before.
        used: places used so far.
        limit: places that may be used.
        table: keys, counts, sums of units, first places and kinds.
    """
    keys, counts, sums, first, kind = table
    inside = np.uint64(keys.size - 1)
    for i in range(mine.size):
        f = mine[i]
        h = numbers[f]
        at = (h >> np.uint64(7)) & inside
        while keys[at] != 0 and keys[at] != h:
            at = (at + np.uint64(1)) & inside
        if keys[at] == 0:
            if used >= limit:
                return i, used
            keys[at] = h
            first[at] = offset + f
            kind[at] = kinds[which[f]]
            used += 1
        counts[at, column[row[f]]] += 1
        sums[at] += unit[row[f]]
    return mine.size, used
